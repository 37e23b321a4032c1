"""The ledger's chain, commit by commit: what each must be, by replaying every event from the first on. Pure.

A ledger that was written by `release` alone is one line of commits. Each adds one event and moves the head
of that event's stage to exactly what the event makes of it; files of events that no head names any more go.
So an event that was edited, taken out or put in shows at its commit, or at the next one of its stage.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from release.core.records import Event, IllegalEvent, ReleaseRef, StageHead, advance


@dataclass(frozen=True, slots=True)
class Change:
    """A file that a commit of the ledger has not as its parent."""

    status: str  # as git-diff-tree(1) has it: A added, M modified, D deleted, T of another kind
    path: str
    data: bytes | None  # what it holds now; None: nothing, it was deleted


@dataclass(frozen=True, slots=True)
class LedgerCommit:
    id: str
    parents: tuple[str, ...]
    message: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not fit, and where."""

    place: str  # "ledger 8c1f…: 2026/11/…json", "tag v1.0.0"
    what: str


@dataclass(frozen=True, slots=True)
class Minted:
    """The record that came with a tag."""

    event: Event
    commit: str  # of the ledger
    number: int  # of that commit in the chain, from 0


def is_event(path: str) -> bool:
    """Whether a file of the ledger is an event; else it is a head, or none of the ledger's."""
    return path[:4].isdigit()


def head_of(commit: LedgerCommit, event: Event) -> StageHead | None:
    """The head of the event's stage as its commit has left it. None: it did not, or it cannot be read."""
    path = f"heads/{event.pipeline}/{event.stage}.json"
    for change in commit.changes:
        if change.path == path and change.data is not None:
            try:
                return StageHead.from_json(json.loads(change.data))
            except (ValueError, RecursionError):
                return None
    return None


@dataclass(slots=True)
class Walk:
    """A walk along the chain, oldest commit first. It grows by one number and two paths a commit."""

    commits: dict[str, int] = field(default_factory=dict)  # id -> number in the chain
    heads: dict[str, StageHead] = field(default_factory=dict)  # path -> head
    minted: dict[str, Minted] = field(default_factory=dict)  # tag -> the record that came with it
    regions: dict[str, set[str]] = field(default_factory=dict)  # manifest -> where functions were moved to it
    _names: dict[str, ReleaseRef] = field(default_factory=dict)  # tag -> what records say that it names
    _seen: set[str] = field(default_factory=set)  # paths of all events so far
    _kept: set[str] = field(default_factory=set)  # those that are in the tree
    _missing: set[str] = field(default_factory=set)  # named by a head and deleted: said already
    _last: str | None = None

    def take(self, commit: LedgerCommit) -> tuple[Problem, ...]:
        """Go on to the next commit. What does not fit is said once: the walk goes on from what is there."""
        return tuple(Problem(f"ledger {commit.id[:12]}{where}", what) for where, what in self._look(commit))

    def _look(self, commit: LedgerCommit) -> Iterator[tuple[str, str]]:
        expected = (self._last,) if self._last else ()
        if commit.parents != expected:
            yield "", "its parent is not the commit before it: the chain is no single line"
        number = self.commits.setdefault(commit.id, len(self.commits))
        self._last = commit.id
        added = [change for change in commit.changes if change.status == "A" and is_event(change.path)]
        for change in commit.changes:
            yield from self._strange(change)
        self._kept.update(change.path for change in added)
        if len(added) != 1:
            yield "", f"it adds {len(added)} events, and a commit of the ledger adds one"
        for change in added:
            if change.path in self._seen:
                yield f": {change.path}", "the record was written before, and again here"
            self._seen.add(change.path)
            yield from self._event(commit, change, number)
        for path, head in self.heads.items():
            gone = head.records - self._kept - self._missing
            for record in sorted(gone):
                yield f": {record}", f"the record was deleted, and {path} names it"
            self._missing |= gone

    def _strange(self, change: Change) -> Iterator[tuple[str, str]]:
        """Changes that no event makes."""
        where = f": {change.path}"
        if is_event(change.path):
            if change.status == "D":
                self._kept.discard(change.path)
            elif change.status != "A":
                yield where, "the record was edited"
        elif not change.path.startswith("heads/"):
            yield where, "the ledger has no such file"
        elif change.status not in ("A", "M"):
            yield where, "the head of a stage was deleted, or is no plain file"

    def _event(self, commit: LedgerCommit, change: Change, number: int) -> Iterator[tuple[str, str]]:
        where = f": {change.path}"
        try:
            event = Event.from_json(json.loads(change.data or b""))
        except (ValueError, RecursionError) as error:
            yield where, f"the record cannot be read: {error}"
            return
        if event.path != change.path:
            yield where, f"by its content the record is {event.path}"
        if event.to_bytes() != change.data:
            yield where, "the record is not written as release writes it"
        yield from ((where, what) for what in _unsaid(commit.message, event, change.path))
        yield from self._head(commit, event, change.path)
        yield from ((where, what) for what in self._remember(event, commit.id, number))

    def _head(self, commit: LedgerCommit, event: Event, path: str) -> Iterator[tuple[str, str]]:
        own = f"heads/{event.pipeline}/{event.stage}.json"
        for change in commit.changes:
            if change.path.startswith("heads/") and change.path != own:
                yield f": {change.path}", f"the event {path} is about another stage"
        written = next((change.data for change in commit.changes if change.path == own), None)
        if written is None:
            yield f": {own}", f"the event {path} should have moved it"
            return
        before = self.heads.get(own) or StageHead(event.pipeline, event.stage)
        try:
            right = advance(before, event)
        except IllegalEvent as error:
            yield f": {path}", f"the event does not follow on what stands before it: {error}"
        else:
            if right.to_bytes() == written:
                self.heads[own] = right
                return
            yield f": {own}", f"the head is not what the event {path} makes of the one before"
        try:
            self.heads[own] = StageHead.from_json(json.loads(written))
        except (ValueError, RecursionError) as error:
            yield f": {own}", f"the head cannot be read: {error}"

    def _remember(self, event: Event, commit: str, number: int) -> Iterator[str]:
        release = event.release
        if release is None:
            return
        if event.has_brought:
            places = {served.region for served in event.after}
            self.regions.setdefault(release.manifest, set()).update(places)
        if release.tag is None or release.tag_object is None:
            return
        known = self._names.setdefault(release.tag, release)
        if known != release:
            yield (f"it names {release.tag} as {_named(release)}, and an earlier record as {_named(known)}")
        if event.kind == "started" and release.tag not in self.minted:
            self.minted[release.tag] = Minted(event, commit, number)


def _named(release: ReleaseRef) -> str:
    return f"{release.tag_object} of commit {release.commit[:10]}, manifest {release.manifest[:10]}"


def _unsaid(message: str, event: Event, path: str) -> Iterator[str]:
    """What the commit's message must say, or events are found by their stage or release no more."""
    lines = set(message.split("\n"))
    wanted = [f"Record: {path}", f"Stage: {event.pipeline}/{event.stage}"]
    if event.release is not None:
        wanted.append(f"Release: {event.release.tag or '-'} {event.release.commit}")
    for line in wanted:
        if line not in lines:
            yield f"the message of its commit does not say {line!r}"


def first_difference(before: Iterable[LedgerCommit], now: Iterable[LedgerCommit]) -> Problem | None:
    """Where a chain that was written again leaves the one that it was. None: it only goes on."""
    for old, new in zip_longest(before, now):
        if old is None:
            return None
        if new is None:
            return Problem(
                f"ledger {old.id[:12]}", f"it was cut off: {_added(old)} and what came after are gone"
            )
        if old.id == new.id:
            continue
        was = {change.path: change for change in old.changes}
        for change in new.changes:
            if was.get(change.path) != change:
                what = (
                    f"it was in the ledger with other content, in commit {old.id}"
                    if change.path in was
                    else (f"{_added(old)} stood there, in commit {old.id}")
                )
                return Problem(f"ledger {new.id[:12]}: {change.path}", what)
        if gone := sorted(was.keys() - {change.path for change in new.changes}):
            return Problem(f"ledger {new.id[:12]}: {gone[0]}", f"it was changed there, in commit {old.id}")
        said = "its message" if old.message != new.message else "its author or date"
        return Problem(f"ledger {new.id[:12]}", f"{said} was another one, in commit {old.id}")
    return None


def _added(commit: LedgerCommit) -> str:
    return next((one.path for one in commit.changes if one.status == "A" and is_event(one.path)), "no event")


@dataclass(frozen=True, slots=True)
class TagFacts:
    """A tag as the remote has it."""

    object: str
    commit: str
    annotated: bool
    trailers: Mapping[str, str] | None  # None: they were tampered with, as `tampered` says
    tampered: str | None = None


def tag_problems(facts: TagFacts | None, minted: Minted | None, commits: Mapping[str, int]) -> Iterator[str]:
    """What is wrong with one release tag. `facts` None: it is gone. `commits`: as `Walk.commits`."""
    if facts is None:
        if minted is not None:
            yield "it is not on the remote any more; the ledger has recorded it"
        return
    if facts.tampered is not None or facts.trailers is None:
        yield f"it was tampered with: {facts.tampered}"
        return
    if minted is None:
        yield "no record of the ledger came with it: its trailers are forged, or the ledger was cut"
        return
    event = minted.event
    release = event.release
    if release is None:  # pragma: no cover - a Minted always has one
        return
    if facts.object != release.tag_object:
        yield f"it was moved or made again: the object is {facts.object}, recorded {release.tag_object}"
    if facts.commit != release.commit:
        yield f"it names commit {facts.commit}, recorded {release.commit}"
    if not facts.annotated:
        yield "it is no annotated tag any more"
        return
    stated = {
        "Release-Manifest": release.manifest,
        "Release-From": event.source or "",
        "Release-Actor": event.actor,
        "Release-Run": event.run or "",
        "Release-Reason": event.reason or "",
        "Release-Nonce": event.id,
    }
    for key, recorded in stated.items():
        says = facts.trailers.get(key)
        if says != recorded:
            said = "is not there" if says is None else f"says {says!r}"
            yield f"its trailer {key} {said}, and the record {event.path} {recorded!r}"
    at = facts.trailers.get("Release-Ledger")
    if at is None:
        yield "its trailer Release-Ledger is not there"
    elif at == "":
        if event.kind == "started" and minted.number > _FIRST:
            yield "it says that there was no ledger yet, and its record is not among the first"
    elif at not in commits:
        yield f"the ledger commit {at} that it names is no part of the ledger: the chain was rewritten"
    elif commits[at] >= minted.number:
        yield f"the ledger commit {at} that it names came after its own record: the chain was rewritten"


# Several first promotions at one moment take the ledger for empty, and each is put on top of those before.
_FIRST = 20
