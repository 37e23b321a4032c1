"""Reads what the releases of one stage have had, as far as its head remembers."""

from collections.abc import Sequence

from release.core.records import Event, Served, StageHead
from release.ports import Ledger, LedgerState


def past_events(ledger: Ledger, state: LedgerState, head: StageHead) -> Sequence[Event]:
    """The event that says what every function serves, then the earlier good ones, the newest first.

    Nothing where the stage has run nothing. Raises Misconfigured where the ledger lacks one.
    """
    if head.serves is None:
        return ()
    # What went to some regions only has a record of its own, with what it left in the others.
    newest = head.partial.record if head.partial else head.serves.record
    paths = [newest, head.serves.record, *(one.record for one in reversed(head.history))]
    return [ledger.event(state, path) for path in dict.fromkeys(paths)]


def ever_served(events: Sequence[Event]) -> Sequence[Served]:
    """Everything that stood in these records, before and after."""
    return [one for event in events for one in (*event.before, *event.after)]
