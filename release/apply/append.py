"""Events that need no hold of their stage: decisions, retirements, stacks apart from a rollout."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from release.apply.work import Tools
from release.core.records import Event, Kind, Outcome, stamp
from release.errors import Conflict, ReleaseError
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


def append_end(
    tools: Tools,
    begun: Event,
    kind: Kind,
    outcome: Outcome,
    *,
    notes: tuple[str, ...],
    failure: ReleaseError | None,
) -> Event:
    """Write how that ended which `begun` has said. Raises `failure`, also where that cannot be written."""
    ended = replace(
        begun,
        kind=kind,
        at=stamp(tools.clock.now()),
        outcome=outcome,
        failure=failure.cause[:500] if failure else None,
        before=(),
        notes=notes,
    )
    try:
        append_on_top(tools.ledger, tools.ledger.read(), lambda state: fenced(ended, state))
    except ReleaseError as unrecorded:
        if failure is None:
            raise
        failure.details = (*failure.details, f"how it ended could not be written: {unrecorded.cause}")
    if failure is not None:
        raise failure
    return ended


def fenced(event: Event, state: LedgerState) -> Event:
    """An event of a stage as it is."""
    return replace(event, fence=state.head(event.pipeline, event.stage).fence)
