"""Whether whoever holds a stage is gone."""

from release.core.records import Running
from release.ports import Holders


def is_dead(holders: Holders, running: Running) -> bool | None:
    """As `core.holding` wants it. Where it bakes nobody is at work, and nobody is asked about the holder."""
    return None if running.paused is not None else holders.is_dead(running.holder)
