"""What every AWS adapter shares: credentials, clients, the pace of calls, and errors in our words."""

from release.adapters.aws.sessions import Aws

__all__ = ["Aws"]
