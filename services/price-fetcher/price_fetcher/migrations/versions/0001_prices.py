"""The table of prices, which may be older than these migrations."""

from alembic import op
from sqlalchemy import Column, Numeric, String

from price_fetcher.migrations.existing import missing, present

revision = "0001"
down_revision = None


def upgrade() -> None:
    if missing("prices"):
        op.create_table(
            "prices",
            Column("product_id", String(40), primary_key=True),
            # SQLite has no exact decimals: there it is text, as `repository.PRICES` has it
            Column("amount", Numeric(12, 4).with_variant(String(20), "sqlite"), nullable=False),
            Column("currency", String(3), nullable=False),
        )


def downgrade() -> None:
    if present("prices"):
        op.drop_table("prices")
