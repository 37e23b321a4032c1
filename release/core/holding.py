"""Who may take hold of a stage: nobody beside a living holder, anybody after a dead one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from release.core.records import Event, ReleaseRef, Served, StageHead, Verb, mark, overdue


@dataclass(frozen=True, slots=True)
class Fresh:
    """Nobody is at work: begin."""


@dataclass(frozen=True, slots=True)
class Continue:
    """A dead holder began the same work: go on under its id, and back to its `before` if it must be."""

    id: str
    record: str  # path of its newest started or taken-over event


@dataclass(frozen=True, slots=True)
class Supersede:
    """A dead holder began other work: end it; what it had touched still goes back to its `before`."""

    id: str
    record: str


@dataclass(frozen=True, slots=True)
class Busy:
    """A living holder is at work."""

    what: str


Hold = Fresh | Continue | Supersede | Busy


def decide(head: StageHead, verb: Verb, release: ReleaseRef, *, dead: bool, now: datetime) -> Hold:
    """`dead`: the holder is provably gone (its process, on this machine, or its run has ended)."""
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


def moved_by(
    event: Event | None, descriptions: Mapping[tuple[str, str, str], str]
) -> frozenset[tuple[str, str, str]]:
    """Which aliases a dead promotion (or one that it had ended) has moved, by (account, region, function)."""
    if event is None:
        return frozenset()
    marks = tuple(mark(promotion) for promotion in (event.id, *event.supersedes))
    return frozenset(where for where, description in descriptions.items() if description.endswith(marks))


def carried(
    observed: Sequence[Served], event: Event | None, moved: frozenset[tuple[str, str, str]]
) -> tuple[Served, ...]:
    """What to go back to.

    Where a dead promotion moved an alias, that is what served before *it*; elsewhere what serves now.
    """
    before = {served.where: served for served in event.before} if event else {}
    return tuple(before.get(now.where, now) if now.where in moved else now for now in observed)
