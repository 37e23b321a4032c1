"""The ledger's words: events, and the head of a stage that they move. Pure: bytes in and out, no git.

One event is one file; a stage's head is the file that says what the stage runs and who is at work on it. The
`fence` of a head is the fencing token: it rises whenever somebody takes hold of the stage, and whoever holds
an older one must stop.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, Union, assert_never, cast, get_args, get_origin, get_type_hints

from release.core import canonical

Verb = Literal["deploy", "promote", "rollback"]
# What people decide about a stage or a release; it needs no hold of the stage.
Decision = Literal["hold", "unhold", "quarantine", "clear", "accept", "reject"]
Kind = Literal["started", "taken-over", "shifted", "paused", "abort", "let-go", "outcome", Decision]
Outcome = Literal["succeeded", "failed", "errored", "aborted", "stranded"]

_T = TypeVar("_T")

HISTORY = 50  # good releases that a head remembers; older ones are found in the log
REASON_LIMIT = 500  # characters


@dataclass(frozen=True, slots=True)
class ReleaseRef:
    """A release as a record names it."""

    commit: str
    manifest: str  # digest
    tag: str | None = None
    tag_object: str | None = None

    @property
    def label(self) -> str:
        return self.tag or self.commit[:10]


@dataclass(frozen=True, slots=True)
class Holder:
    """The process or the workflow run that carries out a promotion."""

    host: str  # name and boot of the machine, so that a pid means one process
    pid: int
    started: str  # start of the process as the system tells it
    run: str | None = None  # "<run id>.<attempt>" in GitHub Actions

    @property
    def label(self) -> str:
        return f"run {self.run}" if self.run else f"process {self.pid} on {self.host.split('/')[0]}"


@dataclass(frozen=True, slots=True)
class Served:
    """What one function serves in one place. `lambda_version` None: nothing yet."""

    service: str
    function: str
    account: str
    region: str
    lambda_version: str | None = None
    code: str | None = None  # sha256 of the zip, hex

    @property
    def where(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.function)


@dataclass(frozen=True, slots=True)
class Wave:
    """A step of a rollout: so much of a region's traffic to the new versions."""

    region: str
    percent: int
    since: str  # UTC: when the last of its aliases had moved; the bake counts from here


@dataclass(frozen=True, slots=True)
class Judged:
    """What was seen of one function while it baked, both lambda versions at the same time."""

    function: str
    region: str
    percent: int
    verdict: Literal["pass", "fail", "inconclusive"]
    why: str
    stable: str  # lambda version
    stable_calls: int
    stable_bad: int  # failed or throttled
    canary: str
    canary_calls: int
    canary_bad: int


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one stage. The fields are an allow-list: nothing else is ever written."""

    kind: Kind
    id: str  # of the promotion: all its events share it
    at: str  # UTC, 2026-11-21T09:50:00Z
    pipeline: str
    stage: str
    verb: Literal[Verb, Decision]
    release: ReleaseRef | None  # None: a hold of a stage, whatever it serves
    actor: str
    tool: str  # "lambda-release 0.1.0"
    fence: int
    run: str | None = None
    reason: str | None = None
    source: str | None = None  # the tag or stage that the release comes from
    services: tuple[str, ...] | None = None  # only these (deploy): such a release is not promoted further
    holder: Holder | None = None
    next_by: str | None = None  # when nothing was heard until then, somebody else may take over
    supersedes: tuple[str, ...] = ()  # the dead promotion that this one ends, then those that it had ended
    before: tuple[Served, ...] = ()
    after: tuple[Served, ...] = ()
    outcome: Outcome | None = None
    failure: str | None = None  # one line: why it did not succeed
    report: tuple[str, ...] = ()  # what is where, when undo failed
    regions: tuple[str, ...] | None = None  # only these: break-glass for the outage of another
    course: str | None = None  # digest of what was approved: targets, waves and limits
    wave: Wave | None = None
    judged: tuple[Judged, ...] = ()
    next_at: str | None = (
        None  # paused: when the next decision may be taken; None: as soon as `failure` is mended
    )
    despite: str | None = None  # why alarms that fire already do not count
    approved: str | None = None  # why a destructive migration may run
    hold: str | None = None  # what those are told who want to enter the stage from now on
    notes: tuple[str, ...] = ()  # what else was done: migrations, verifications, probes

    @property
    def path(self) -> str:
        """Path of the event's file in the ledger."""
        order = _ORDER.get(self.kind, "e")
        if self.kind == "shifted" and self.wave is not None:
            order += f"{self.wave.region}-{self.wave.percent:03d}-"
        return f"{self.id[:4]}/{self.id[4:6]}/{self.id}.{self.fence:06d}{order}-{self.kind}.json"

    @property
    def label(self) -> str:
        """The release, or a dash."""
        return self.release.label if self.release else "-"

    def to_bytes(self) -> bytes:
        return canonical.dumps(_plain(self))

    @classmethod
    def from_json(cls, data: Any) -> "Event":
        """Raises ValueError that names what does not fit."""
        return _build(cls, data)


_ORDER: Mapping[Kind, str] = {
    "started": "a",
    "taken-over": "b",
    "shifted": "bs",
    "abort": "c",
    "paused": "cp",
    "let-go": "cz",
    "outcome": "d",
}


@dataclass(frozen=True, slots=True)
class Good:
    """A release that a stage ran with success."""

    release: ReleaseRef
    at: str
    actor: str
    record: str  # path of the outcome event, which lists every function
    verb: Verb = "promote"
    run: str | None = None  # workflow run; None: the actor is no login of the forge


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
    run: str | None = None  # workflow run; None: the actor is no login of the forge


@dataclass(frozen=True, slots=True)
class Partial:
    """Releases that went to some regions only, because another was out: what the others serve is older."""

    release: ReleaseRef  # the newest of them
    regions: tuple[str, ...]  # to which any of them went
    at: str
    actor: str
    why: str
    record: str


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
        return canonical.dumps(_plain(self))

    @classmethod
    def from_json(cls, data: Any) -> "StageHead":
        """Raises ValueError that names what does not fit."""
        return _build(cls, data)

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


class IllegalEvent(ValueError):
    """An event that does not fit the head: terminal states are write-once, a lost fence writes nothing."""


def advance(head: StageHead, event: Event) -> StageHead:
    """The head after an event. Raises IllegalEvent."""
    if event.kind in get_args(Decision):
        return _decide(head, event)
    if event.kind == "started":
        return _start(head, event)
    running = head.running
    if running is None or running.id != event.id:
        raise IllegalEvent(f"{event.stage} is not at work on {event.id}")
    if event.kind == "taken-over":
        if event.fence != head.fence + 1 or event.holder is None or event.next_by is None:
            raise IllegalEvent(f"the hold of {event.stage} was lost: fence {event.fence} after {head.fence}")
        taken = replace(
            running,
            holder=event.holder,
            next_by=event.next_by,
            record=event.path,
            paused=None,
            next_at=None,
        )
        return replace(head, fence=event.fence, running=taken, last=event.path)
    if event.fence != head.fence:
        raise IllegalEvent(f"the hold of {event.stage} was lost: fence {event.fence}, now {head.fence}")
    if event.kind == "abort":
        return _ask_to_abort(head, event)
    if event.kind == "shifted":
        if event.wave is None or event.next_by is None:
            raise IllegalEvent("a shift without its wave, or without a time to hear of it again")
        return replace(
            head, running=replace(running, wave=event.wave, next_by=event.next_by), last=event.path
        )
    # Interrupted or paused: whoever comes next, on whatever machine, need not wait for `next_by`.
    if event.kind == "let-go":
        return replace(head, running=replace(running, next_by=event.at), last=event.path)
    if event.kind == "paused":
        why = event.failure or "the bake has not ended"
        paused = replace(running, next_by=event.at, paused=why, next_at=event.next_at)
        return replace(head, running=paused, last=event.path)
    return _end(head, event)


def _start(head: StageHead, event: Event) -> StageHead:
    if head.running is not None and head.running.id not in event.supersedes[:1]:
        raise IllegalEvent(f"{event.stage} is at work on {head.running.id}")
    if head.running is None and event.supersedes:
        raise IllegalEvent(f"{event.stage} is not at work on {event.supersedes[0]}")
    if event.fence != head.fence + 1 or event.holder is None or event.next_by is None:
        raise IllegalEvent(f"a start of {event.stage} with fence {event.fence} after {head.fence}")
    if head.held is not None and event.verb != "rollback":
        raise IllegalEvent(f"{event.stage} is held: {head.held.why}")
    running = Running(
        id=event.id,
        verb=_verb(event),
        release=_release(event),
        actor=event.actor,
        at=event.at,
        record=event.path,
        holder=event.holder,
        next_by=event.next_by,
        services=event.services,
        regions=event.regions,
        course=event.course,
    )
    begun = replace(head, fence=event.fence, running=running, abort=None, last=event.path)
    return _hold(begun, event)


def _hold(head: StageHead, event: Event) -> StageHead:
    """With the hold that the event asks for; one that is there already keeps its reason."""
    if event.hold is None or head.held is not None:
        return head
    return replace(head, held=Held(event.at, event.actor, event.hold, event.path))


def _decide(head: StageHead, event: Event) -> StageHead:
    why = event.reason
    if not why:
        raise IllegalEvent(f"{event.kind} without a reason")
    decided = replace(head, last=event.path)
    if event.kind == "hold":
        if head.held is not None:
            raise IllegalEvent(f"{event.stage} is held already: {head.held.why}")
        return replace(decided, held=Held(event.at, event.actor, why, event.path))
    if event.kind == "unhold":
        if head.held is None:
            raise IllegalEvent(f"{event.stage} is not held")
        return replace(decided, held=None)
    release = _release(event)
    others = tuple(item for item in head.quarantined if item.commit != release.commit)
    signed = tuple(item for item in head.accepted if item.commit != release.commit)
    if event.kind == "clear":
        if len(others) == len(head.quarantined):
            raise IllegalEvent(f"{release.label} is not quarantined in {event.stage}")
        return replace(decided, quarantined=others)
    if event.kind == "accept":
        if head.serves is None or head.serves.release.commit != release.commit:
            raise IllegalEvent(f"{event.stage} does not serve {release.label}")
        at, actor, run = event.at, event.actor, event.run
        accepted = Accepted(release.commit, release.manifest, at, actor, why, event.path, run)
        return replace(decided, accepted=(*signed, accepted)[-HISTORY:])
    bad = Quarantined(release.commit, event.at, why, release.tag, event.actor)
    return replace(decided, accepted=signed, quarantined=(*others, bad))


def _release(event: Event) -> ReleaseRef:
    if event.release is None:
        raise IllegalEvent(f"{event.kind} of {event.stage} without a release")
    return event.release


def _verb(event: Event) -> Verb:
    if event.verb not in get_args(Verb):
        raise IllegalEvent(f"{event.kind} of {event.stage} by the verb {event.verb}")
    return cast(Verb, event.verb)


def _ask_to_abort(head: StageHead, event: Event) -> StageHead:
    if not event.reason:
        raise IllegalEvent("a request to abort without a reason")
    if head.abort is not None:  # a second request would overwrite the file of the first
        raise IllegalEvent(f"{event.stage} was asked to abort already: {head.abort}")
    return replace(head, abort=event.reason, last=event.path)


def _end(head: StageHead, event: Event) -> StageHead:
    ended = _hold(replace(head, running=None, abort=None, last=event.path), event)
    release = _release(event)
    commit = release.commit
    without = tuple(item for item in head.quarantined if item.commit != commit)
    match event.outcome:
        case "succeeded":
            if event.services is not None:
                # Some services alone: the last whole release still counts as what runs, by this record.
                serves = replace(head.serves, record=event.path) if head.serves else None
                return replace(ended, serves=serves)
            if event.regions is not None:
                why = event.reason or ""
                # What an earlier one has moved elsewhere is not what the whole stage serves either.
                earlier = head.partial.regions if head.partial else ()
                regions = tuple(dict.fromkeys([*earlier, *event.regions]))
                left = Partial(release, regions, event.at, event.actor, why, event.path)
                return replace(ended, partial=left)
            good = Good(release, event.at, event.actor, event.path, _verb(event), event.run)
            history = head.history
            if event.verb == "rollback":
                # What a rollback has left behind is no place to roll back to; what is older is.
                known = [old.release.commit for old in history]
                history = history[: known.index(commit)] if commit in known else history
            history = tuple(old for old in history if old.release.commit != commit)
            return replace(
                ended,
                serves=good,
                history=(*history, good)[-HISTORY:],
                # What a person has quarantined, only a person clears.
                quarantined=tuple(one for one in head.quarantined if one.commit != commit or one.actor),
                stranded=None,
                partial=None,
            )
        case "failed" | "stranded":
            why = event.failure or "failed"
            kept = head.quarantine_of(commit)
            bad = kept if kept and kept.actor else Quarantined(commit, event.at, why, release.tag)
            added = (*without, bad)
            half_way = event.path if event.outcome == "stranded" else head.stranded
            # A rollback that fails says nothing against the release it went back to.
            return replace(
                ended,
                quarantined=head.quarantined if event.verb == "rollback" else added,
                stranded=half_way,
            )
        case "errored" | "aborted":
            return ended
        case None:
            raise IllegalEvent("an outcome event without an outcome")
        case _:  # pragma: no cover - the type checker proves that no outcome is missing
            assert_never(event.outcome)


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


def promotion_id(now: datetime, pipeline: str, stage: str, nonce: str) -> str:
    """Sortable by time, unique by nonce."""
    return f"{now:%Y%m%dT%H%M%SZ}-{pipeline}-{stage}-{nonce}"


def mark(promotion: str, serving: str) -> str:
    """How the description of every alias ends that a promotion has moved: it tells ours from theirs.

    `serving`: where its traffic goes, as `AliasFacts.serving` has it.
    """
    return f" version {serving} by {promotion}"


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


def _plain(value: Any) -> Any:
    """Dataclasses to JSON; a default None or () is left out, so that a new field changes no old record."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = {item.name: (getattr(value, item.name), item.default) for item in fields(value)}
        return {
            name: _plain(item)
            for name, (item, default) in pairs.items()
            if item != default or default not in (None, ())
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _build(kind: type[_T], data: Any) -> _T:
    """JSON to a dataclass, strictly. Raises ValueError that names what does not fit."""
    if not isinstance(data, dict):
        raise ValueError(f"{kind.__name__}: an object is expected, not {type(data).__name__}")
    types = _types(cast(Hashable, kind))
    unknown = sorted(set(data) - set(types))
    if unknown:
        raise ValueError(f"{kind.__name__}: unknown fields {', '.join(unknown)}")
    values = {name: _value(types[name], item, f"{kind.__name__}: {name}") for name, item in data.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error


@cache
def _types(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _value(kind: Any, data: Any, where: str) -> Any:
    """JSON to str, int, a Literal, a dataclass, a tuple of one of these, or one of these or None."""
    if get_origin(kind) in (Union, UnionType):
        if data is None:
            return None
        kind = get_args(kind)[0]
    if is_dataclass(kind):
        return _build(kind, data)  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{where}: a list is expected, not {type(data).__name__}")
        return tuple(_value(get_args(kind)[0], item, where) for item in data)
    words = get_args(kind)
    if (data not in words) if words else (type(data) is not kind):
        raise ValueError(f"{where}: {data!r} is not {' or '.join(words) or kind.__name__}")
    return data
