"""Strict in-memory ledger, artifact store, repository, holders and clock behind their ports.

Like the fakes of AWS, the ledger lets hooks see every write before its effect and after it.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from release.core import canonical
from release.core.models import Place
from release.core.records import Event, Holder, IllegalEvent, StageHead, advance
from release.errors import Conflict, GateClosed, Misconfigured, Unavailable
from release.ports import LedgerState, RefUpdate, RemoteRefs, S3Code
from tests.fakes.aws import Call

GIT = Place("git", "remote")  # where writes to the ledger happen, for hooks
FIX = "look at it"


class FakeClock:
    """Time passes only by sleeping."""

    def __init__(self, now: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._lock = threading.Lock()
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.sleeps.append(seconds)
            self._now += timedelta(seconds=seconds)


class FakeHolders:
    """Processes on one machine: one that is replaced is dead."""

    def __init__(self) -> None:
        self._pid = 1
        self.run: str | None = None

    def next_process(self) -> None:
        self._pid += 1

    def current(self) -> Holder:
        return Holder(host="laptop/boot", pid=self._pid, started=f"tick {self._pid}", run=self.run)

    def is_dead(self, holder: Holder) -> bool:
        return holder.host == "laptop/boot" and holder.pid < self._pid


class FakeArtifacts:
    """Bytes by kind and digest, the same in every region but for those that a test loses."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str], bytes] = {}
        self._lost: set[tuple[str, str]] = set()
        self._index: dict[tuple[str, str], str] = {}

    def put(self, data: bytes, *, kind: str) -> str:
        digest = canonical.sha256(data)
        self._stored[kind, digest] = data
        return digest

    def get(self, digest: str, *, kind: str) -> bytes:
        if (kind, digest) not in self._stored:
            raise Misconfigured(f"the {kind} {digest[:12]} is lost", fix=FIX)
        return self._stored[kind, digest]

    def lose(self, digest: str, region: str) -> None:
        self._lost.add((digest, region))

    def holds(self, digest: str, *, kind: str, region: str) -> bool:
        return (kind, digest) in self._stored and (digest, region) not in self._lost

    def index(self, name: str, key: str) -> str | None:
        return self._index.get((name, key))

    def index_once(self, name: str, key: str, value: str) -> str:
        return self._index.setdefault((name, key), value)

    def code(self, digest: str, region: str) -> S3Code:
        if not self.holds(digest, kind="zip", region=region):
            raise Misconfigured(f"the zip {digest[:12]} is not in {region}", fix=FIX)
        return S3Code(f"artifacts-{region}", digest)


class FakeRepo:
    """Makes tag objects. Whatever else is asked of it is a test that needs a real repository."""

    def __init__(self) -> None:
        self.tag_messages: dict[str, str] = {}

    def write_tag(self, *, name: str, commit: str, message: str) -> str:
        made = canonical.sha256(f"{name} {commit} {message}".encode())[:40]
        self.tag_messages[made] = message
        return made

    def tag_message(self, object_id: str) -> str:
        return self.tag_messages[object_id]


class FakeLedger:
    """All events in order, the heads, and the tags that came with them."""

    def __init__(self) -> None:
        self.before_call: Callable[[Call], None] = lambda call: None
        self.after_call: Callable[[Call], None] = lambda call: None
        self.reachable = True
        self.tags: dict[str, str] = {}  # name -> tag object
        self.log: list[Event] = []  # oldest first
        self._heads: dict[tuple[str, str], StageHead] = {}
        self._lock = threading.Lock()

    def read(self, refs: RemoteRefs | None = None) -> LedgerState:
        self.before_call(Call("read", GIT, ""))
        if not self.reachable:
            raise Unavailable("the remote is out of reach", fix="try again")
        with self._lock:
            return self._state()

    def append(
        self,
        state: LedgerState,
        event: Event,
        *,
        tag: RefUpdate | None = None,
        unchanged: Sequence[str] = (),
    ) -> LedgerState:
        call = Call("append", GIT, event.kind)
        self.before_call(call)
        if not self.reachable:
            raise Unavailable("the remote is out of reach", fix="try again")
        with self._lock:
            self._refuse_moved(state, event, unchanged)
            if self._write(state, event, tag):
                self.log.append(event)
            state = self._state()
        self.after_call(call)
        return state

    def last_known(self) -> LedgerState:
        """What a clone that was used a moment ago knows of it, whether or not the remote is in reach."""
        with self._lock:
            return self._state()

    def newest(self, pipeline: str, stage: str) -> StageHead:
        """The head as it is, unseen by the hooks."""
        with self._lock:
            return self._state().head(pipeline, stage)

    def _refuse_moved(self, state: LedgerState, event: Event, unchanged: Sequence[str]) -> None:
        for stage in unchanged:
            was, now = state.head(event.pipeline, stage), self._state().head(event.pipeline, stage)
            if (now.serves, now.quarantined) != (was.serves, was.quarantined):
                raise Conflict(f"somebody else is at it: {stage} has moved on", fix=FIX)

    def event(self, state: LedgerState, path: str) -> Event:
        found = [event for event in self.log if event.path == path]
        if not found:
            raise Misconfigured(f"the ledger has no record {path}", fix=FIX)
        return found[0]

    def events(
        self,
        state: LedgerState,
        *,
        limit: int | None = None,
        pipeline: str | None = None,
        stage: str | None = None,
        release: str | None = None,
    ) -> Sequence[Event]:
        return [
            event
            for event in reversed(self.log)
            if pipeline in (None, event.pipeline)
            and stage in (None, event.stage)
            and (release is None or (event.release and release in (event.release.tag, event.release.commit)))
        ][:limit]

    def _state(self) -> LedgerState:
        commit = canonical.sha256(str(len(self.log)).encode())[:40] if self.log else None
        return LedgerState(commit, dict(self._heads))

    def _write(self, state: LedgerState, event: Event, tag: RefUpdate | None) -> bool:
        """False: it was written before, by a try whose answer was lost."""
        key = event.pipeline, event.stage
        ours = state.head(*key)
        try:
            head = advance(ours, event)
        except IllegalEvent as error:
            if event in self.log:
                return False
            raise Conflict(f"somebody else is at it: {error}", fix=FIX) from error
        if event in self.log:
            return False
        now = self._state().head(*key)
        if now != ours:
            if now.held is not None and event.kind == "started" and event.verb != "rollback":
                raise GateClosed(f"{event.stage} is held since {now.held.at}", fix=FIX)
            raise Conflict(f"somebody else is at it: {event.stage} has moved on", fix=FIX)
        if tag is not None:
            name = tag.ref.removeprefix("refs/tags/")
            if name in self.tags:
                raise Conflict(f"the tag {name} exists", fix=FIX)
            self.tags[name] = tag.new
        # as it would come back from its file
        self._heads[key] = StageHead.from_json(_json(head.to_bytes()))
        return True


def _json(data: bytes) -> object:
    import json

    return json.loads(data)


def as_written(event: Event) -> Event:
    """The event as its file says it."""
    return replace(Event.from_json(_json(event.to_bytes())))
