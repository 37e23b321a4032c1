"""The ledger: an orphan branch in the same repository, one commit per event; no work tree is touched."""

import json
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from release.core.records import Event, IllegalEvent, StageHead, advance
from release.errors import Conflict, Misconfigured, Unavailable
from release.ports import Clock, LedgerState, RefUpdate, RemoteRefs, Repo

BRANCH = "release-ledger"
_REF = f"refs/heads/{BRANCH}"
_TRIES = 10
_T = TypeVar("_T")


class GitLedger:
    """The ledger branch of a repository's remote."""

    def __init__(self, repo: Repo, clock: Clock, *, jitter: Callable[[], float] = random.random) -> None:
        self._repo = repo
        self._clock = clock
        self._jitter = jitter

    def read(self, refs: RemoteRefs | None = None) -> LedgerState:
        refs = refs or self._repo.remote()
        commit = refs.branches.get(BRANCH)
        if commit is None:
            return LedgerState(None, {})
        self._repo.ensure([commit], refs=[_REF])
        entries = self._repo.tree(commit, "heads")
        blobs = self._repo.blobs([entry.blob for entry in entries])
        heads = {}
        for entry in entries:
            head = self._parse(entry.path, blobs[entry.blob], StageHead.from_json)
            heads[head.pipeline, head.stage] = head
        return LedgerState(commit, heads)

    def append(
        self,
        state: LedgerState,
        event: Event,
        *,
        tag: RefUpdate | None = None,
        unchanged: Sequence[str] = (),
    ) -> LedgerState:
        ours = state.head(event.pipeline, event.stage)
        sources = {stage: state.head(event.pipeline, stage) for stage in unchanged}
        try:
            head = advance(ours, event)
        except IllegalEvent as error:
            if self._holds(state, event):
                return state  # written by an earlier try whose answer was lost
            raise _lost(str(error)) from error
        for attempt in range(_TRIES):
            commit = self._repo.write_commit(
                base=state.commit,
                files={event.path: event.to_bytes(), head.path: head.to_bytes()},
                parents=[state.commit] if state.commit else [],
                message=_message(event),
            )
            updates = [RefUpdate(_REF, commit), *([tag] if tag else [])]
            try:
                self._repo.push(updates)
            except (Conflict, Unavailable) as refused:
                # Refused, or the answer was lost: what the remote has now tells which.
                state = self._reread(refused)
                if self._holds(state, event):
                    return state
                if state.head(event.pipeline, event.stage) != ours:
                    raise _lost(f"{event.stage} has moved on") from refused
                for stage, was in sources.items():
                    now = state.head(event.pipeline, stage)
                    if (now.serves, now.quarantined) != (was.serves, was.quarantined):
                        raise _lost(f"{stage}, where the release comes from, has moved on") from refused
                if isinstance(refused, Unavailable) or self._tag_exists(tag):
                    raise
                self._clock.sleep(self._jitter() * 0.1 * 2 ** min(attempt, 5))
            else:
                return LedgerState(commit, {**state.heads, (event.pipeline, event.stage): head})
        raise Conflict(
            f"the ledger moved {_TRIES} times while {event.kind} of {event.stage} was being written",
            fix="run the same command again",
        )

    def event(self, state: LedgerState, path: str) -> Event:
        entries = self._repo.tree(state.commit, path) if state.commit else []
        if not entries:
            raise Misconfigured(
                f"the ledger has no record {path}",
                fix=f"fetch the branch {BRANCH}; if it was rewritten, `release audit log` shows what is left",
            )
        blob = entries[0].blob
        return self._parse(path, self._repo.blobs([blob])[blob], Event.from_json)

    def events(self, state: LedgerState, *, limit: int | None = None) -> list[Event]:
        if state.commit is None:
            return []
        entries = [entry for entry in self._repo.tree(state.commit) if entry.path[:4].isdigit()]
        newest = sorted(entries, key=lambda entry: _order(entry.path), reverse=True)[:limit]
        blobs = self._repo.blobs([entry.blob for entry in newest])
        return [self._parse(entry.path, blobs[entry.blob], Event.from_json) for entry in newest]

    def _reread(self, refused: Exception) -> LedgerState:
        try:
            return self.read()
        except Unavailable:
            raise refused from None

    def _holds(self, state: LedgerState, event: Event) -> bool:
        if state.commit is None:
            return False
        entries = self._repo.tree(state.commit, event.path)
        return bool(entries) and self._repo.blobs([entries[0].blob])[entries[0].blob] == event.to_bytes()

    def _tag_exists(self, tag: RefUpdate | None) -> bool:
        return tag is not None and tag.ref.removeprefix("refs/tags/") in self._repo.remote().tags

    def _parse(self, path: str, data: bytes, build: Callable[[object], _T]) -> _T:
        try:
            return build(json.loads(data))
        except ValueError as error:
            raise Misconfigured(
                f"the ledger's file {path} cannot be read: {error}",
                fix="use the release that wrote it, or a newer one; if it was edited, restore the branch",
            ) from error


def _lost(what: str) -> Conflict:
    return Conflict(
        f"somebody else is at it: {what}",
        fix="look at `release status`, then run the same command again if it is still wanted",
    )


def _message(event: Event) -> str:
    result = f" {event.outcome}" if event.outcome else f" {event.kind}"
    return f"{event.verb} {event.release.label} to {event.stage}:{result}\n\nRecord: {event.path}\n"


def _order(path: str) -> tuple[str, str]:
    """Time of the promotion, then the fence: the nonce between them says nothing of the order of events."""
    name = path.rpartition("/")[2]
    return name[:16], name.rsplit(".", 2)[1]
