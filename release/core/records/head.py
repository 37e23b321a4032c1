"""Heads: where a stage stands, what it runs and who is at work on it. One file for each stage."""

from dataclasses import dataclass
from typing import Any

from release.core import canonical
from release.core.records.event import Holder, Known, ReleaseRef, Verb, Wave
from release.core.records.json_form import build, plain

HISTORY = 50  # good releases that a head remembers; older ones are found in the log


@dataclass(frozen=True, slots=True)
class Good:
    """A release that a stage ran with success."""

    release: ReleaseRef
    at: str
    actor: str
    record: str  # path of the outcome event, which lists every function
    verb: Verb = "promote"
    run: str | None = None  # workflow run
    known: Known | None = None  # how the login is known without one; neither: it is no login of the forge

    @property
    def proof(self) -> str | None:
        """What proves the actor's login."""
        return self.run or self.known


@dataclass(frozen=True, slots=True)
class Running:
    """A promotion under way."""

    id: str
    verb: Verb
    release: ReleaseRef
    actor: str
    at: str
    record: str  # path of the newest started or taken-over event, which holds the state to go back to
    holder: Holder
    next_by: str
    services: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    course: str | None = None  # digest of what was approved
    wave: Wave | None = None  # the last one that was recorded
    paused: str | None = None  # why nobody is at work: what it waits for
    next_at: str | None = None  # when the next decision may be taken


@dataclass(frozen=True, slots=True)
class Quarantined:
    commit: str
    at: str
    why: str
    tag: str | None = None
    actor: str | None = None  # None: the circuit breaker


@dataclass(frozen=True, slots=True)
class Held:
    """A stage that takes no release until somebody opens it again. Rollbacks go on."""

    at: str
    actor: str
    why: str
    record: str  # path of the event


@dataclass(frozen=True, slots=True)
class Accepted:
    """A release that somebody signed off in this stage."""

    commit: str
    manifest: str
    at: str
    actor: str
    why: str
    record: str
    run: str | None = None  # as of Good
    known: Known | None = None

    @property
    def proof(self) -> str | None:
        return self.run or self.known


@dataclass(frozen=True, slots=True)
class Partial:
    """Releases that went to some regions only, because another was out: what the others serve is older."""

    release: ReleaseRef  # the newest of them
    regions: tuple[str, ...]  # to which any of them went
    at: str
    actor: str
    why: str
    record: str
    back: ReleaseRef | None = None  # what some regions were rolled back to, where that was among it


@dataclass(frozen=True, slots=True)
class StageHead:
    """Where a stage stands."""

    pipeline: str
    stage: str
    fence: int = 0
    running: Running | None = None
    abort: str | None = None  # the reason of a request to abort what runs
    serves: Good | None = None
    history: tuple[Good, ...] = ()  # oldest first, without what was rolled back; the last one is `serves`
    quarantined: tuple[Quarantined, ...] = ()
    last: str | None = None  # path of the newest event
    stranded: str | None = None  # path of an outcome that left the stage half-way, until the next success
    held: Held | None = None
    accepted: tuple[Accepted, ...] = ()
    partial: Partial | None = None  # until the next success in all regions

    @property
    def path(self) -> str:
        return f"heads/{self.pipeline}/{self.stage}.json"

    def to_bytes(self) -> bytes:
        return canonical.dumps(plain(self))

    @classmethod
    def from_json(cls, data: Any) -> "StageHead":
        """Raises ValueError that names what does not fit."""
        return build(cls, data)

    @property
    def records(self) -> frozenset[str]:
        """Paths of the events that the head names: what a promotion or a rollback may still need."""
        named = [good.record for good in (*self.history, *([self.serves] if self.serves else []))]
        running = self.running.record if self.running else None
        partial = self.partial.record if self.partial else None
        return frozenset(path for path in (*named, running, partial, self.last, self.stranded) if path)

    def quarantine_of(self, commit: str) -> Quarantined | None:
        return next((item for item in self.quarantined if item.commit == commit), None)

    def ran(self, commit: str) -> bool:
        """Whether this stage has run the commit with success, as far back as the head remembers."""
        return any(good.release.commit == commit for good in self.history)


def rollback_target(head: StageHead, *, unfinished: bool = False) -> Good | None:
    """The newest good release before the one that serves. None: there is nothing to go back to.

    `unfinished`: a release is under way or was left half-way, by a dead holder or by an undo that failed. It
    never became good, so the way back leads to the one that the ledger still names.
    """
    if head.serves is None:
        return None
    if unfinished:
        return head.serves
    current = head.serves.release.commit
    bad = {item.commit for item in head.quarantined}
    return next(
        (g for g in reversed(head.history) if g.release.commit != current and g.release.commit not in bad),
        None,
    )
