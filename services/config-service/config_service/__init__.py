"""Keeps the configuration of users: handler, service, repository, schema."""
