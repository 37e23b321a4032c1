"""Carries out a plan: hold → expand → prepare → barrier → migrate → shift → confirm → attach → verify → seal,
and the way back.

The first push (tag and `started` record, one atomic push) comes before anything in AWS is touched; the record
says what served before. Whatever happens after that, the same command run again finds it and finishes.
"""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NoReturn, assert_never

from release.apply.alerts import alert
from release.apply.record import event, write
from release.apply.steps import carry_out, one_by_one, still_as_left
from release.apply.undo import go_back
from release.apply.waves import move_traffic
from release.apply.work import Aborted, Journal, LostHold, Paused, Tools, Who, Work
from release.core import trailers
from release.core.holding import Busy, Continue, Fresh, Hold, Supersede
from release.core.plan import Phase, Plan
from release.core.reasons import redacted
from release.core.records import Event, Kind, Outcome, Served, next_by, promotion_id, stamp
from release.core.rollout import Target
from release.errors import Conflict, ReleaseError, RolloutFailed, Unavailable, Unrecorded
from release.ports import LedgerState, Progress, RefUpdate

__all__ = ["WAIT", "Aborted", "Applied", "LostHold", "Paused", "Tools", "Who", "apply"]

WAIT = timedelta(minutes=30)  # a bake that ends later does not keep the process


@dataclass(frozen=True, slots=True)
class Applied:
    """How it ended. `failure` None: succeeded, or `paused`: it has not ended yet."""

    event: Event
    failure: ReleaseError | None
    paused: Paused | None = None


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
    journal = _take(plan, hold, dead, state, tools, who, progress, wait)
    targets = {target.service: target for target in wanted}
    work = Work(plan, targets, tools, journal, who, progress, wait_until)
    try:
        return _forward_or_back(work, failed)
    except (KeyboardInterrupt, SystemExit):  # on the way back as well: somebody else may finish that
        _let_go(work)
        raise


def _forward_or_back(work: Work, failed: RolloutFailed | None) -> Applied:
    try:
        try:
            if failed is not None:
                _never_forward(work, failed)
            _roll_out(work)
        except Paused as paused:
            return _pause(work, paused)
        return _seal(work, "succeeded", None, ())
    except (LostHold, Unrecorded):
        raise
    except ReleaseError as failure:
        return _fail(work, failure)
    except Exception as bug:
        _fail(work, Unavailable(f"a bug in release: {type(bug).__name__}: {bug}", fix="report it"))
        raise


def _take(
    plan: Plan,
    hold: Hold,
    dead: Event | None,
    state: LedgerState,
    tools: Tools,
    who: Who,
    progress: Progress,
    wait: timedelta,
) -> Journal:
    """Write `started` (with the tag) or `taken-over`: from here on the stage is ours. Raises Conflict."""
    now = tools.clock.now()
    promotion = promotion_id(now, plan.pipeline, plan.stage, secrets.token_hex(4))
    kind: Kind = "started"
    supersedes = dead.supersedes if dead else ()
    match hold:
        case Busy(what):
            raise Conflict(what, fix=f"wait until it has ended, or `release abort {plan.stage} --reason …`")
        case Continue(id=promotion):
            kind = "taken-over"
        case Fresh():
            pass
        case Supersede(id=ended):
            supersedes = (ended, *supersedes)
        case _:  # pragma: no cover
            assert_never(hold)
    release, tag = plan.release, None
    if plan.mint:
        tag = _new_tag(plan, promotion, state, tools, who)
        release = replace(release, tag_object=tag.new)
    taken = Event(
        kind=kind,
        id=promotion,
        at=stamp(now),
        pipeline=plan.pipeline,
        stage=plan.stage,
        verb=plan.verb,
        release=release,
        actor=who.actor,
        run=who.run,
        tool=who.tool,
        fence=state.head(plan.pipeline, plan.stage).fence + 1,
        reason=plan.reason,
        source=plan.source,
        services=plan.services,
        holder=tools.holders.current(),
        next_by=next_by(now, timedelta(seconds=len(plan.steps)) + plan.longest_hooks + wait),
        supersedes=supersedes,
        before=plan.before,
        regions=plan.regions,
        course=plan.course,
        despite=plan.despite,
        approved=plan.approved,
        # Promotions that wait their turn must not bring back what is being taken back.
        hold=redacted(f"rolled back: {plan.reason}") if plan.verb == "rollback" else None,
    )
    # What was approved is what the stage before ran: should that have changed since, nothing is begun.
    tools.ledger.append(state, taken, tag=tag, unchanged=[plan.after] if plan.after else [])
    progress("hold", {"kind": kind, "id": promotion, "tag": release.tag if tag else None})
    head = state.head(plan.pipeline, plan.stage)
    journal = Journal(promotion, taken.fence, release, plan.before, supersedes)
    journal.inherits = isinstance(hold, Continue | Supersede)
    if isinstance(hold, Continue) and head.running is not None:
        journal.wave = head.running.wave
    return journal


def _new_tag(plan: Plan, promotion: str, state: LedgerState, tools: Tools, who: Who) -> RefUpdate:
    name = plan.release.tag
    if name is None:
        raise AssertionError("a tag without a name is to be minted")
    message = trailers.format_message(
        f"{name}: {plan.source or plan.release.commit[:10]} to {plan.stage}",
        {
            "Release-Manifest": plan.release.manifest,
            "Release-From": plan.source or "",
            "Release-Actor": who.actor,
            "Release-Run": who.run or "",
            "Release-Reason": plan.reason or "",
            "Release-Nonce": promotion,
            "Release-Ledger": state.commit or "",
        },
    )
    tag = tools.repo.write_tag(name=name, commit=plan.release.commit, message=message)
    return RefUpdate(f"refs/tags/{name}", tag)


def _roll_out(work: Work) -> None:
    """Every phase in order. The barrier is the end of PREPARE: before it, no traffic has moved anywhere."""
    work.check_hold()
    for phase in (Phase.EXPAND, Phase.PREPARE):
        carry_out(work, phase, work.plan.in_phase(phase))
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
    return _seal(work, "stranded" if report else outcome, failure, report)


def _let_go(work: Work) -> None:
    """Interrupted: the next holder, on whatever machine, can go on at once. One try; nothing hangs on it."""
    with contextlib.suppress(ReleaseError):
        work.tools.ledger.append(work.tools.ledger.read(), event(work, "let-go"))


def _pause(work: Work, paused: Paused) -> Applied:
    """Leave the stage as it is to whoever comes next. Raises Conflict, Unrecorded."""
    at = stamp(paused.next_at) if paused.next_at else None
    why = redacted(paused.why)
    note = event(work, "paused", failure=why, next_at=at, judged=work.journal.judged, notes=_notes(work))
    try:
        write(work, note)
    except (LostHold, Aborted):
        raise
    except ReleaseError as error:
        raise Unrecorded(
            f"{paused.why}, and the pause cannot be recorded: {error.cause}",
            fix=f"release advance {work.plan.stage}, when the remote is back",
        ) from error
    work.say("paused", why=why, next_at=at)
    alert(work, note)
    return Applied(note, None, paused)


def _notes(work: Work) -> tuple[str, ...]:
    return tuple(redacted(note) for note in work.journal.notes)


def _seal(work: Work, outcome: Outcome, failure: ReleaseError | None, report: tuple[str, ...]) -> Applied:
    """Write the outcome. Raises Unrecorded when the ledger cannot be reached for long."""
    sealed = event(
        work,
        "outcome",
        # What is left half-way may have been moved by those whom this promotion has ended.
        supersedes=work.journal.supersedes if outcome == "stranded" else (),
        after=tuple(_after(work)) if outcome == "succeeded" else (),
        outcome=outcome,
        failure=redacted(failure.cause) if failure else None,
        report=tuple(redacted(line) for line in report),
        hold=_hold(work, outcome, failure),
        judged=work.journal.judged,
        notes=_notes(work),
    )
    try:
        write(work, sealed, aborted=failure is not None)
    except (Conflict, Aborted):
        raise
    except ReleaseError as error:
        if failure is not None:
            # The world is as `failure` and `report` say; that the record is missing is one line more.
            failure.details = (*failure.details, f"the record of this could not be written: {error.cause}")
            alert(work, sealed)
            return Applied(sealed, failure)
        raise Unrecorded(
            f"the rollout {outcome}, but its record cannot be written: {error.cause}",
            fix="run the same command again when the remote is back: it only records what is done",
        ) from error
    work.say("sealed", outcome=outcome)
    alert(work, sealed)
    return Applied(sealed, failure)


def _hold(work: Work, outcome: Outcome, failure: ReleaseError | None) -> str | None:
    """What those are told who want to enter the stage after a failure, where it is to be held."""
    plan, left = work.plan, work.journal.left
    if left:
        return redacted(f"{plan.release.label} failed, and not all goes back by itself: {min(left)}")
    if not plan.hold_on_failure or plan.verb == "rollback" or outcome not in ("failed", "stranded"):
        return None
    return redacted(f"{plan.release.label} failed: {failure.cause if failure else outcome}")


def _after(work: Work) -> list[Served]:
    """What every function of the stage serves now; what a partial deployment left alone is
    as it was recorded.
    """
    return [
        *work.plan.kept,
        *_moved_or_not(work),
    ]


def _moved_or_not(work: Work) -> list[Served]:
    return [
        replace(
            change.served,
            lambda_version=work.journal.versions[work.place(change.served), change.served.function],
            code=change.artifact,
        )
        if change.changes
        else change.served
        for change in work.plan.changes
    ]
