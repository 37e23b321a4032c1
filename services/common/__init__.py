"""Shared core of every service: onion layers, clean logs, typed errors, clients and health checks.

Nothing here knows a business rule. botocore is imported at first use and SQLAlchemy by one module alone, so
that a service pays at cold start only for what it has.
"""
