"""Who may take hold of a stage: nobody beside a living holder, anybody after a dead one."""

from dataclasses import dataclass
from datetime import datetime

from release.core.records import ReleaseRef, StageHead, Verb, overdue


@dataclass(frozen=True, slots=True)
class Fresh:
    """Nobody is at work: begin."""


@dataclass(frozen=True, slots=True)
class Continue:
    """The same work was begun by a holder that is dead: go on under its id, back to its `before` if it must be."""

    id: str
    record: str  # path of the started event


@dataclass(frozen=True, slots=True)
class Supersede:
    """Other work was begun by a holder that is dead: end it; what it had touched still goes back to its `before`."""

    id: str
    record: str


@dataclass(frozen=True, slots=True)
class Busy:
    """A living holder is at work."""

    what: str


Hold = Fresh | Continue | Supersede | Busy


def decide(head: StageHead, verb: Verb, release: ReleaseRef, *, dead: bool, now: datetime) -> Hold:
    """`dead`: the holder is provably gone (same machine and the process is not there, or its run has ended)."""
    running = head.running
    if running is None:
        return Fresh()
    if not dead and not overdue(running, now):
        return Busy(
            f"{running.verb} of {running.release.label} by {running.actor} is under way in {head.stage}"
            f" since {running.at} ({running.holder.label})"
        )
    same = (running.verb, running.release.commit, running.release.manifest, running.release.tag) == (
        verb,
        release.commit,
        release.manifest,
        release.tag,
    )
    return Continue(running.id, running.record) if same else Supersede(running.id, running.record)
