"""A rollback waits for no promotion: the stage is held at once, and whoever is at work there goes back."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from release.apply.work import UNDO, Who
from release.core.holding import deserted
from release.core.models import Stage
from release.core.reasons import redacted
from release.core.records import Running, StageHead
from release.decide import about_stage, asked_to_abort, decide
from release.errors import Conflict
from release.ports import Clock, Holders, Ledger, LedgerState, Progress
from release.promotion import Request, Setup
from release.promotion.at_work import is_dead

_LOOK_SECONDS: Final = 3.0
_PATIENCE: Final = UNDO + timedelta(minutes=1)  # it is seen within 15 seconds, and undone after that
_TRIES: Final = 5


def in_the_way(setup: Setup, stage: Stage, holders: Holders, clock: Clock) -> Running | None:
    """Who is at work on bringing a release in. None: nobody, or it is a rollback, which is left to end."""
    head = setup.head(stage.name)
    running = head.running
    if running is None or running.verb == "rollback" or head.serves is None:
        return None
    dead = is_dead(holders, running)
    return None if deserted(running, dead=dead, now=clock.now()) else running


def make_way(
    ledger: Ledger,
    holders: Holders,
    clock: Clock,
    setup: Setup,
    stage: Stage,
    request: Request,
    *,
    who: Who,
    progress: Progress,
) -> tuple[Setup, Request]:
    """Hold the stage, ask who is at work there to go back, and wait until that is done, or the holder dead.

    Returns the setup as it stands then, and the request with its release named: what serves by the ledger
    now. Without a name it would lead one release further back, once this promotion has ended. Both come back
    as they are where nobody is in the way. Raises Conflict when it takes too long, Unavailable.
    """
    running = in_the_way(setup, stage, holders, clock)
    if running is None:
        return setup, request
    asked = replace(request, to=request.to or _target(setup.head(stage.name)))
    state = _ask(ledger, setup, stage, running, request.reason or "", who, clock)
    progress("way", {"asked": running.holder.label, "stage": stage.name})
    patience = clock.now() + _PATIENCE
    while _at_work(state, setup, stage, running, holders, clock):
        if clock.now() >= patience:
            raise Conflict(
                f"{running.verb} of {running.release.label} by {running.actor} ({running.holder.label}) was"
                f" asked to go back, and has not ended; {stage.name} is held",
                fix="run the same command again; `release status` shows when it was heard of last",
            )
        clock.sleep(_LOOK_SECONDS)
        state = ledger.read()
    progress("way", {"ended": running.release.label, "stage": stage.name})
    return replace(setup, state=state), asked


def _target(head: StageHead) -> str | None:
    back = head.partial.back if head.partial else None
    release = back or (head.serves.release if head.serves else None)
    return (release.tag or release.commit) if release else None


def _ask(
    ledger: Ledger,
    setup: Setup,
    stage: Stage,
    running: Running,
    reason: str,
    who: Who,
    clock: Clock,
) -> LedgerState:
    """Both in one record, so that nothing begins between them. Raises Conflict, Unavailable."""
    held = redacted(f"rolled back: {reason}")
    state = setup.state
    for attempt in range(_TRIES):
        head = state.head(setup.pipeline.name, stage.name)
        if head.running is None or head.running.id != running.id:
            return state
        if head.abort is not None:  # somebody has asked already: the hold is all that is missing
            decide(
                ledger,
                state,
                about_stage(replace(setup, state=state), "hold", stage.name),
                held,
                who=who,
                clock=clock,
            )
            return ledger.read()
        try:
            return ledger.append(
                state, asked_to_abort(head, head.running, reason, who, clock.now(), hold=held)
            )
        except Conflict:  # it has got on by a wave, or somebody has decided something
            if attempt == _TRIES - 1:
                raise
            state = ledger.read()
    raise AssertionError("the last try returns or raises")


def _at_work(
    state: LedgerState, setup: Setup, stage: Stage, running: Running, holders: Holders, clock: Clock
) -> bool:
    now = state.head(setup.pipeline.name, stage.name).running
    if now is None or now.id != running.id:
        return False
    return not deserted(now, dead=is_dead(holders, now), now=clock.now())
