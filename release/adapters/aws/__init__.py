"""What every AWS adapter shares: credentials, clients, the pace of calls, and errors in our words."""

from release.adapters.aws.sessions import Aws, session_name
from release.adapters.aws.web_identity import GitHubJob

__all__ = ["Aws", "GitHubJob", "session_name"]
