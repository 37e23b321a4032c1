"""When a price was changed last. Nullable, because the version that serves knows nothing of it."""

from alembic import op
from sqlalchemy import Column, DateTime

from price_fetcher.migrations.existing import missing, present

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    if missing("prices", "changed_at"):
        op.add_column("prices", Column("changed_at", DateTime))


def downgrade() -> None:
    if present("prices", "changed_at"):
        op.drop_column("prices", "changed_at")
