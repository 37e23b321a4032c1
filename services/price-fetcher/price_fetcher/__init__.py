"""Looks up prices and leaves an audit item for every read: handler, service, repository, schema."""
