"""A ledger for one process that cannot reach the real one: what was known of it, and a file of new events.

Only a rollback may work like that. `release audit import` brings the file into the ledger later.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from release.core.records import Event, IllegalEvent, advance
from release.errors import Conflict, Misconfigured
from release.ports import Ledger, LedgerState, RefUpdate, RemoteRefs

SCHEMA = 1


class FileLedger:
    """The port `Ledger` over a state that was fetched before. Every event is on the disk before it counts."""

    def __init__(self, known: Ledger, state: LedgerState, path: Path) -> None:
        self._known = known
        self._base = state
        self._state = state
        self._path = path
        self._events: list[Event] = []

    def read(self, refs: RemoteRefs | None = None) -> LedgerState:
        return self._state

    def last_known(self) -> LedgerState:
        return self._state

    def append(
        self,
        state: LedgerState,
        event: Event,
        *,
        tag: RefUpdate | None = None,
        unchanged: Sequence[str] = (),
    ) -> LedgerState:
        if tag is not None:
            raise AssertionError("a tag cannot be made where the remote is out of reach")
        try:
            head = advance(self._state.head(event.pipeline, event.stage), event)
        except IllegalEvent as error:
            raise Conflict(
                f"what is known of the ledger forbids it: {error}", fix="wait for the remote"
            ) from error
        self._write(event)
        self._events.append(event)
        heads = {**self._state.heads, (event.pipeline, event.stage): head}
        self._state = LedgerState(self._state.commit, heads)
        return self._state

    def event(self, state: LedgerState, path: str) -> Event:
        for event in self._events:
            if event.path == path:
                return event
        return self._known.event(self._base, path)

    def events(
        self,
        state: LedgerState,
        *,
        limit: int | None = None,
        pipeline: str | None = None,
        stage: str | None = None,
        release: str | None = None,
    ) -> Sequence[Event]:
        return list(reversed(self._events))[:limit]

    def _write(self, event: Event) -> None:
        lines = []
        if not self._events:
            last = self._base.head(event.pipeline, event.stage).last
            lines.append(json.dumps({"schema": SCHEMA, "ledger": self._base.commit, "last": last}))
        lines.append(event.to_bytes().decode().strip())
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Misconfigured(
                f"the journal cannot be written: {error.strerror}",
                fix="make room, or name another file with --journal",
                see=str(self._path),
            ) from error


def read_journal(path: Path) -> tuple[str | None, tuple[Event, ...]]:
    """Last event of the stage that the journal was begun on, and its events. Raises Misconfigured."""
    try:
        first, *rest = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
        if first["schema"] != SCHEMA:
            raise ValueError(f"schema {first['schema']!r} is not {SCHEMA}")
        return _text(first["last"]), tuple(Event.from_json(data) for data in rest)
    except OSError as error:
        raise Misconfigured(
            f"the journal cannot be read: {error.strerror}",
            fix="name the file that the rollback has printed",
            see=str(path),
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Misconfigured(
            f"this is no journal of a rollback: {error}",
            fix="name the file that the rollback has printed",
            see=str(path),
        ) from error


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("last must be text")
    return value
