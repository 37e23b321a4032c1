"""Carries out a plan: hold → expand → prepare → barrier → migrate → shift → confirm → attach → verify → seal,
and the way back.

The first push (tag and `started` record, one atomic push) comes before anything in AWS is touched; the record
says what served before. Whatever happens after that, the same command run again finds it and finishes.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from release.apply.ending import Applied, let_go, pause, seal
from release.apply.record import event, write
from release.apply.steps import carry_out, expand, one_by_one, still_as_left
from release.apply.take import take_hold
from release.apply.undo import go_back
from release.apply.waves import move_traffic
from release.apply.work import Aborted, LostHold, Paused, Tools, Who, Work
from release.core.holding import Hold
from release.core.manifest import Target
from release.core.plan import Phase, Plan
from release.core.reasons import redacted
from release.core.records import Event, Outcome
from release.errors import ReleaseError, RolloutFailed, Unavailable, Unrecorded
from release.ports import LedgerState, Progress

__all__ = ["WAIT", "Aborted", "Applied", "LostHold", "Paused", "Tools", "Who", "apply"]

WAIT = timedelta(minutes=30)  # a bake that ends later does not keep the process


def apply(
    plan: Plan,
    wanted: Sequence[Target],
    hold: Hold,
    dead: Event | None,
    state: LedgerState,
    *,
    tools: Tools,
    who: Who,
    progress: Progress,
    wait: timedelta = WAIT,
    failed: RolloutFailed | None = None,
) -> Applied:
    """Carry out a plan without blockers.

    `wanted` are the targets that it was made from, `state` the ledger, `dead` the record of the dead holder
    that `hold` continues or ends. A decision that lies further away than `wait` is left to another process.
    `failed`: what is under way does badly, so it only goes back.

    Raises Conflict (nothing was changed by us, or the hold was lost) and Unrecorded (all is done but the
    record). Every other failure is undone and returned.
    """
    if plan.blockers:
        raise AssertionError("a plan with blockers reached apply")
    wait_until = tools.clock.now() + wait
    journal = take_hold(plan, hold, dead, state, tools, who, progress, wait)
    targets = {target.service: target for target in wanted}
    work = Work(plan, targets, tools, journal, who, progress, wait_until)
    try:
        return _forward_or_back(work, failed)
    except (KeyboardInterrupt, SystemExit):  # on the way back as well: somebody else may finish that
        let_go(work)
        raise


def _forward_or_back(work: Work, failed: RolloutFailed | None) -> Applied:
    try:
        try:
            if failed is not None:
                _never_forward(work, failed)
            _roll_out(work)
        except Paused as paused:
            return pause(work, paused)
        return seal(work, "succeeded", None, ())
    except (LostHold, Unrecorded):
        raise
    except ReleaseError as failure:
        return _fail(work, failure)
    except Exception as bug:
        _fail(work, Unavailable(f"a bug in release: {type(bug).__name__}: {bug}", fix="report it"))
        raise


def _roll_out(work: Work) -> None:
    """Every phase in order. The barrier is the end of PREPARE: before it, no traffic has moved anywhere."""
    work.check_hold()
    expand(work)
    carry_out(work, Phase.PREPARE, work.plan.in_phase(Phase.PREPARE))
    if work.journal.wave is None:  # else traffic has moved before, and they have run before that
        one_by_one(work, Phase.MIGRATE)
    move_traffic(work)
    one_by_one(work, Phase.VERIFY)
    # The last moment at which an abort, or a hand in an earlier region, still turns everything back.
    work.check_hold()
    still_as_left(work)


def _never_forward(work: Work, failed: RolloutFailed) -> NoReturn:
    """Whoever comes after us, should we be killed on the way back, goes on with that. Raises `failed`."""
    with contextlib.suppress(ReleaseError):
        write(work, replace(event(work, "abort"), reason=redacted(failed.cause)))
    raise failed


def _fail(work: Work, failure: ReleaseError) -> Applied:
    """Compensate, then record. Raises LostHold when the stage is somebody else's by now."""
    work.say("undo", cause=failure.cause)
    try:
        work.check_hold()
    except LostHold:
        raise
    except ReleaseError as unheard:
        # Whatever keeps us from reading the ledger, what we have moved goes back: the stage is ours as far as
        # anybody knows.
        work.say("unheard", cause=unheard.cause)
    report = go_back(work)
    outcome: Outcome = "failed" if isinstance(failure, RolloutFailed) else "errored"
    if isinstance(failure, Aborted):
        outcome = "aborted"
    return seal(work, "stranded" if report else outcome, failure, report)
