"""Moments in the one form that records use, and when a silent holder counts as dead."""

from datetime import datetime, timedelta

from release.core.records.head import Running


def stamp(moment: datetime) -> str:
    """UTC in the one form that records use."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def moment(text: str) -> datetime:
    """The inverse of `stamp`. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")


def overdue(running: Running, now: datetime) -> bool:
    """Whether the holder should have been heard of by now."""
    return now > moment(running.next_by)


def next_by(now: datetime, expected: timedelta) -> str:
    """When a silent holder counts as dead: after twice what the work should take, half an hour at least."""
    return stamp(now + max(2 * expected, timedelta(minutes=30)))
