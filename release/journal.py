"""Brings the journal of a rollback that could not reach the ledger into the ledger."""

from collections.abc import Sequence
from dataclasses import replace

from release.core.records import Event
from release.errors import Conflict
from release.ports import Ledger

_RECENT = 200  # events of the stage among which an earlier import is looked for


def import_journal(ledger: Ledger, last: str | None, events: Sequence[Event]) -> tuple[Event, ...]:
    """Append the events as they were, with the fences that the ledger gives now. Returns what was written.

    `last`: the stage's newest event when the journal was begun. None is written twice. Raises Conflict where
    the stage has moved on since: then the journal is not what serves.
    """
    first = events[0]
    state = ledger.read()
    known = ledger.events(state, limit=_RECENT, pipeline=first.pipeline, stage=first.stage)
    head = state.head(first.pipeline, first.stage)
    written = {(event.id, event.kind) for event in known}
    left = [event for event in events if (event.id, event.kind) not in written]
    if not left:
        return ()
    if (first.id, first.kind) not in written and head.last != last:
        raise Conflict(
            f"{first.stage} has moved on since the journal was begun: its newest event is {head.last}",
            fix=f"look at `release status {first.stage}`, and keep the journal with the incident's record",
        )
    fence = head.fence if head.running and head.running.id == first.id else head.fence + 1
    done = []
    for event in left:
        renumbered = replace(event, fence=fence)
        state = ledger.append(state, renumbered)
        done.append(renumbered)
    return tuple(done)
