"""Whom a rollout calls when it needs a person."""

from typing import Protocol


class Alerts(Protocol):
    """Whoever wants to be told at once that a rollout needs a person."""

    def send(self, subject: str, text: str) -> None:
        """`subject` is one line of ASCII, 100 characters at most. Raises Unavailable, Misconfigured."""
