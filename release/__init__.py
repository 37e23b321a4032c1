"""Release promotion for AWS Lambda fleets. Start with docs/architecture.md."""

__version__ = "0.1.0"
