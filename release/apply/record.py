"""Writing down what a promotion under way has come to."""

from typing import Any

from release.apply.work import Work, patiently
from release.core.records import Event, Kind, stamp
from release.errors import Conflict
from release.ports import LedgerState

_TRIES = 5
_RECENT = 20  # events among which one that was pushed a moment ago must be


def event(work: Work, kind: Kind, **more: Any) -> Event:
    """An event of the promotion under way. It holds all that its kind asks for only with `more`."""
    plan, journal, who = work.plan, work.journal, work.who
    return Event(
        kind=kind,
        id=journal.id,
        at=stamp(work.tools.clock.now()),
        pipeline=plan.pipeline,
        stage=plan.stage,
        verb=plan.verb,
        release=journal.release,
        actor=who.actor,
        run=who.run,
        tool=who.tool,
        fence=journal.fence,
        reason=plan.reason,
        source=plan.source,
        services=plan.services,
        regions=plan.regions,
        **more,
    )


def write(work: Work, event: Event) -> None:
    """Append an event of ours to the ledger.

    A decision of somebody else (a hold, say) may move the head between our reading and our push: then again.
    Raises Conflict when the stage is not ours any more, Unavailable when the remote stays out of reach.
    """
    for attempt in range(_TRIES):
        try:
            patiently(work.tools.clock, lambda: _append(work, event))
        except Conflict:
            if attempt == _TRIES - 1 or not _still_held(work):
                raise
        else:
            return


def _append(work: Work, event: Event) -> None:
    ledger = work.tools.ledger
    state = ledger.read()
    if not _landed(work, state, event):
        ledger.append(state, event)


def _landed(work: Work, state: LedgerState, event: Event) -> bool:
    """Whether an earlier try was pushed, and only its answer was lost."""
    running = state.head(event.pipeline, event.stage).running
    if event.kind != "outcome" or (running is not None and running.id == event.id):
        return state.head(event.pipeline, event.stage).last == event.path
    recent = work.tools.ledger.events(state, limit=_RECENT, pipeline=event.pipeline, stage=event.stage)
    return any(one.path == event.path for one in recent)


def _still_held(work: Work) -> bool:
    state = patiently(work.tools.clock, work.tools.ledger.read)
    head = state.head(work.plan.pipeline, work.plan.stage)
    return (
        head.running is not None and head.running.id == work.journal.id and head.fence == work.journal.fence
    )
