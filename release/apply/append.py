"""Events that need no hold of their stage: decisions, retirements, stacks apart from a rollout."""

from collections.abc import Callable
from typing import TypeVar

from release.core.records import Event
from release.errors import Conflict
from release.ports import Ledger, LedgerState

_TRIES = 5
_Made = TypeVar("_Made", Event, Event | None)


def append_on_top(ledger: Ledger, state: LedgerState, make: Callable[[LedgerState], _Made]) -> _Made:
    """Write what `make` says of the ledger as it is; where that has moved meanwhile, ask again.

    `make` raises where the event is not right any more, or gives None where nothing is to be written. Raises
    Conflict where the ledger moves every time, Unavailable.
    """
    for attempt in range(_TRIES):
        event = make(state)
        if event is None:
            return event
        try:
            ledger.append(state, event)
        except Conflict:
            if attempt == _TRIES - 1:
                raise
            state = ledger.read()
        else:
            return event
    raise AssertionError("the last try returns or raises")
