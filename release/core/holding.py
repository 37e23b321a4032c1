"""Who may take hold of a stage: nobody beside a living holder, anybody after a dead one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from release.core.decisions import why_quarantined
from release.core.forge.facts import RunFacts
from release.core.records import (
    Event,
    ReleaseRef,
    Running,
    Served,
    StageHead,
    Verb,
    mark,
    overdue,
    restores,
)
from release.core.snapshot import AliasFacts


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


def decide(
    head: StageHead,
    verb: Verb,
    release: ReleaseRef,
    services: tuple[str, ...] | None = None,
    regions: tuple[str, ...] | None = None,
    *,
    dead: bool | None,
    now: datetime,
) -> Hold:
    """`dead`: whether the holder is gone. None: it cannot be known from here, so `next_by` decides.

    Where nobody holds it because it bakes, its own verb goes on with it, a rollback ends it, and nothing else
    comes between.
    """
    running = head.running
    if running is None:
        return Fresh()
    release_of = running.release
    begun = (
        running.verb,
        release_of.commit,
        release_of.manifest,
        release_of.tag,
        running.services,
        running.regions,
    )
    same = begun == (verb, release.commit, release.manifest, release.tag, services, regions)
    if running.paused is not None:
        if same:
            return Continue(running.id, running.record)
        if verb == "rollback":
            return Supersede(running.id, running.record)
        until = f" until {running.next_at}" if running.next_at else ""
        return Busy(
            f"{running.verb} of {running.release.label} by {running.actor} is under way in"
            f" {head.stage}{until}"
            f" ({running.paused})"
        )
    if not deserted(running, dead=dead, now=now):
        return Busy(
            f"{running.verb} of {running.release.label} by {running.actor} is under way in {head.stage}"
            f" since {running.at} ({running.holder.label})"
        )
    return Continue(running.id, running.record) if same else Supersede(running.id, running.record)


def deserted(running: Running, *, dead: bool | None, now: datetime) -> bool:
    """Whether nobody is at work: it bakes, or its holder is dead or silent for too long. `dead` as above."""
    return running.paused is not None or dead is True or (dead is None and overdue(running, now))


def run_has_ended(attempt: int, run: RunFacts) -> bool:
    """Whether this attempt of a workflow run is over, and its processes with it.

    There is a newer attempt only where this one has completed. What is told of an older one is out of date.
    https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
    """
    return run.attempt > attempt or (run.attempt == attempt and run.status == "completed")


def asked_back(head: StageHead, earlier: Sequence[StageHead] = ()) -> str | None:
    """Why what is under way is to go back: somebody asked for that, or has quarantined it, here or in a stage
    before. None: nobody did.

    What the circuit breaker has quarantined may be tried again; a rollback is there to leave such a release.
    """
    running = head.running
    if running is None:
        return None
    for one in (head, *earlier) if not restores(running.verb) else ():
        bad = one.quarantine_of(running.release.commit)
        if bad is not None and bad.actor is not None:
            return f"{running.release.label} was quarantined meanwhile: {why_quarantined(one, bad)}"
    return f"aborted: {head.abort}" if head.abort is not None else None


def moved_by(
    event: Event | None, aliases: Mapping[tuple[str, str, str], AliasFacts]
) -> frozenset[tuple[str, str, str]]:
    """Which aliases a dead promotion (or one that it had ended) has moved, by (account, region, function)."""
    if event is None:
        return frozenset()
    promotions = (event.id, *event.supersedes)
    return frozenset(where for where, alias in aliases.items() if wrote(promotions, alias))


def wrote(promotions: Sequence[str], alias: AliasFacts) -> bool:
    """Whether one of these promotions left the alias as it is.

    A mark alone would not tell, since `aws lambda update-alias --function-version` keeps the description. It
    names where the traffic goes too: whoever moves the alias by hand makes the two differ.
    """
    marks = tuple(mark(promotion, alias.serving) for promotion in promotions)
    return alias.description.endswith(marks)


def carried(
    observed: Sequence[Served], event: Event | None, moved: frozenset[tuple[str, str, str]]
) -> tuple[Served, ...]:
    """What to go back to.

    Where a dead promotion moved an alias, that is what served before *it*; elsewhere what serves now.
    """
    before = {served.where: served for served in event.before} if event else {}
    return tuple(before.get(now.where, now) if now.where in moved else now for now in observed)
