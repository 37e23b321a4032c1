"""Alembic's environment and the versions of the database. Run by `price_fetcher.migrate` alone."""
