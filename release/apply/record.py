"""Writing down what a promotion under way has come to."""

import contextlib
from typing import Any

from release.apply.work import Aborted, Work, patiently
from release.core.records import Event, Kind, stamp
from release.errors import Conflict, Unavailable
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
        known=who.known,
        tool=who.tool,
        fence=journal.fence,
        reason=plan.reason,
        source=plan.source,
        services=plan.services,
        regions=plan.regions,
        **more,
    )


def write(work: Work, event: Event, *, aborted: bool = False) -> None:
    """Append an event of ours to the ledger. `aborted`: a request to abort is no reason not to, any more.

    A decision of somebody else (a hold, say) may move the head between our reading and our push: then again.
    Raises LostHold when the stage is not ours any more, Aborted, Unavailable when the remote stays away.
    """
    for _ in range(_TRIES):
        with contextlib.suppress(Conflict):
            patiently(work.tools.clock, lambda: _append(work, event, aborted=aborted))
            return
        try:
            work.check_hold()
        except Aborted:
            if not aborted:
                raise
    raise Unavailable(
        f"the ledger moved {_TRIES} times while {event.kind} of {event.stage} was being written",
        fix="run the same command again",
    )


def _append(work: Work, event: Event, *, aborted: bool) -> None:
    ledger = work.tools.ledger
    state = ledger.read()
    if _landed(work, state, event):
        return
    if not aborted:
        # On the very state that it is written on: an abort that was accepted before must not be passed over.
        work.heed(state)
    ledger.append(state, event)


def _landed(work: Work, state: LedgerState, event: Event) -> bool:
    """Whether an earlier try was pushed, and only its answer was lost."""
    running = state.head(event.pipeline, event.stage).running
    if event.kind != "outcome" or (running is not None and running.id == event.id):
        return state.head(event.pipeline, event.stage).last == event.path
    recent = work.tools.ledger.events(state, limit=_RECENT, pipeline=event.pipeline, stage=event.stage)
    return any(one.path == event.path for one in recent)
