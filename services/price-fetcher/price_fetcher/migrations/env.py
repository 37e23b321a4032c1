"""Alembic loads this file: it gives the migrations the connection that `price_fetcher.migrate` has opened."""

from alembic import context

from price_fetcher.repository import METADATA

given = context.config.attributes
if context.is_offline_mode():
    context.configure(dialect_name=given["dialect"], target_metadata=METADATA)
else:
    context.configure(
        connection=given["connection"], target_metadata=METADATA, transaction_per_migration=True
    )
with context.begin_transaction():
    context.run_migrations()
