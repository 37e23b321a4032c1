"""The ledger: an orphan branch in the same repository, one commit per event; no work tree is touched.

The tree of its newest commit holds the heads and the events that they name, and nothing older: whoever
promotes needs that one commit, however long the history is. Every event is in the commit that added it.
"""

import contextlib
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from release.core.chain import LedgerCommit, is_event
from release.core.decisions import closed_by_people
from release.core.records import Event, IllegalEvent, StageHead, advance, restores
from release.errors import Conflict, GateClosed, Misconfigured, Unavailable
from release.ports import Clock, LedgerState, RefUpdate, RemoteRefs, Repo

BRANCH = "release-ledger"
_REF = f"refs/heads/{BRANCH}"
_TRIES = 10
_RECENT = 30  # events: more than come while the answer to one push is waited for
_T = TypeVar("_T")
# What a clone remembers of the ledger: which commit it has written, or found whole, last.
_SEEN, _SEEN_KEY = "ledger", hashlib.sha256(_REF.encode()).hexdigest()


class GitLedger:
    """The ledger branch of a repository's remote."""

    def __init__(self, repo: Repo, clock: Clock, *, jitter: Callable[[], float] = random.random) -> None:
        self._repo = repo
        self._branch = repo.branch(BRANCH)
        self._clock = clock
        self._jitter = jitter

    def read(self, refs: RemoteRefs | None = None) -> LedgerState:
        refs = refs or self._repo.remote()
        commit = refs.branches.get(BRANCH)
        if commit is None:
            return LedgerState(None, {})
        self._branch.ensure(commit)
        return self._state(commit)

    def saw(self, state: LedgerState) -> None:
        if state.commit is not None:
            self._repo.remember(_SEEN, _SEEN_KEY, state.commit.encode())

    def anchors(self) -> Sequence[str]:
        written = self._repo.recall(_SEEN, _SEEN_KEY)
        own = [written.decode("ascii", "replace")] if written else []
        return [*dict.fromkeys((*own, *self._branch.seen()))]

    def last_known(self) -> LedgerState:
        """The ledger as this clone saw it last, without the remote. Raises Unavailable when it never did."""
        states = []
        for commit in self.anchors():
            with contextlib.suppress(Unavailable, Misconfigured):
                states.append(self._state(commit))
        if states:  # paths of events begin with their time
            return max(
                states, key=lambda state: max((head.last or "" for head in state.heads.values()), default="")
            )
        raise Unavailable(
            "this clone has never seen the ledger",
            fix="go to a clone that has, or move the aliases by hand as docs/runbook.md shows",
        )

    def _state(self, commit: str) -> LedgerState:
        heads = {}
        for path, data in self._branch.files(commit, "heads").items():
            head = self._parse(path, data, StageHead.from_json)
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
            heads = {**state.heads, (event.pipeline, event.stage): head}
            commit = self._branch.write_commit(
                base=state.commit,
                files={
                    **dict.fromkeys(self._outdated(state, heads)),
                    event.path: event.to_bytes(),
                    head.path: head.to_bytes(),
                },
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
                now = state.head(event.pipeline, event.stage)
                if now != ours:
                    _refuse_held(now, event)
                    raise _lost(f"{event.stage} has moved on") from refused
                for stage, was in sources.items():
                    source = state.head(event.pipeline, stage)
                    if (source.serves, source.quarantined) != (was.serves, was.quarantined):
                        raise _lost(f"{stage}, where the release comes from, has moved on") from refused
                if isinstance(refused, Unavailable) or self._tag_exists(tag):
                    raise
                self._clock.sleep(self._jitter() * 0.1 * 2 ** min(attempt, 5))
            else:
                self._repo.remember(_SEEN, _SEEN_KEY, commit.encode())
                return LedgerState(commit, heads)
        raise Conflict(
            f"the ledger moved {_TRIES} times while {event.kind} of {event.stage} was being written",
            fix="run the same command again",
        )

    def event(self, state: LedgerState, path: str) -> Event:
        data = self._branch.files(state.commit, path).get(path) if state.commit else None
        if data is None:
            raise Misconfigured(
                f"the ledger has no record {path}",
                fix=f"the branch {BRANCH} was edited: `release audit log` shows what is left",
            )
        return self._parse(path, data, Event.from_json)

    def events(
        self,
        state: LedgerState,
        *,
        limit: int | None = None,
        pipeline: str | None = None,
        stage: str | None = None,
        release: str | None = None,
    ) -> list[Event]:
        if state.commit is None:
            return []
        saying = _lines_of(pipeline, stage, release)
        added = self._branch.added(state.commit, limit=None if release else limit, saying=saying)
        found = [self._parse(path, data, Event.from_json) for path, data in added if is_event(path)]
        # The lines say where to look; what an event is about, only the event says.
        return [
            event
            for event in found
            if pipeline in (None, event.pipeline)
            and stage in (None, event.stage)
            and _is_about(event, release)
        ][:limit]

    def commits(
        self, state: LedgerState, *, release: str | None = None, begun: Callable[[str], bool] | None = None
    ) -> Iterator[LedgerCommit]:
        if state.commit is None:
            return iter(())
        return self._branch.history(
            state.commit,
            saying=_lines_of(None, None, release),
            wanted=lambda path: begun is None or (is_event(path) and begun(path[8:24])),
        )

    def _outdated(self, state: LedgerState, heads: Mapping[tuple[str, str], StageHead]) -> list[str]:
        """Files of events that no head names any more."""
        if state.commit is None:
            return []
        named = frozenset(path for head in heads.values() for path in head.records)
        return [path for path in self._branch.paths(state.commit) if is_event(path) and path not in named]

    def _reread(self, refused: Exception) -> LedgerState:
        try:
            return self.read()
        except Unavailable:
            raise refused from None

    def _holds(self, state: LedgerState, event: Event) -> bool:
        if state.commit is None:
            return False
        recent = self._branch.added(state.commit, limit=_RECENT)
        return any(path == event.path and data == event.to_bytes() for path, data in recent)

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


def _is_about(event: Event, release: str | None) -> bool:
    return release is None or (
        event.release is not None and release in (event.release.tag, event.release.commit)
    )


def _refuse_held(head: StageHead, event: Event) -> None:
    """Raises GateClosed where somebody has held the stage between a plan and its start."""
    if event.kind == "started" and not restores(event.verb):
        for blocker in closed_by_people(head, event.release.commit if event.release else ""):
            raise GateClosed(blocker.message, fix=blocker.fix)


def _lost(what: str) -> Conflict:
    return Conflict(
        f"somebody else is at it: {what}",
        fix="look at `release status`, then run the same command again if it is still wanted",
    )


def _message(event: Event) -> str:
    of = event.release
    lines = [
        f"{event.verb} {event.label} to {event.stage}: {event.outcome or event.kind}",
        "",
        f"Record: {event.path}",
        f"Stage: {event.pipeline}/{event.stage}",
        *([f"Release: {of.tag or '-'} {of.commit}"] if of else []),
    ]
    return "\n".join(lines) + "\n"


def _lines_of(pipeline: str | None, stage: str | None, release: str | None) -> Sequence[str]:
    """Basic regular expressions for a line that `_message` writes for such events, and for few others."""
    if release is not None:
        return [f"^Release: {_literal(release)} ", f"^Release: [^ ]* {_literal(release)}$"]
    if pipeline is None and stage is None:
        return []
    named = [_literal(name) if name is not None else "[^/]*" for name in (pipeline, stage)]
    return [f"^Stage: {'/'.join(named)}$"]


def _literal(text: str) -> str:
    return re.sub(r"[][\\.*^$]", r"\\\g<0>", text)
