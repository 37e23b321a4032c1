"""Carries out a plan: hold → expand → prepare → barrier → shift → confirm → attach → seal, and the way back.

The first push (tag and `started` record, one atomic push) comes before anything in AWS is touched; the record
says what served before. Whatever happens after that, the same command run again finds it and finishes.
"""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, assert_never

from release.apply.steps import carry_out, confirm, still_as_left
from release.apply.undo import go_back
from release.apply.work import Aborted, Journal, LostHold, Tools, Who, Work, patiently
from release.core import trailers
from release.core.holding import Busy, Continue, Fresh, Hold, Supersede
from release.core.plan import Phase, Plan, Target
from release.core.reasons import redacted
from release.core.records import Event, Kind, Outcome, Served, next_by, promotion_id, stamp
from release.errors import Conflict, ReleaseError, RolloutFailed, Unavailable, Unrecorded
from release.ports import LedgerState, Progress, RefUpdate

__all__ = ["Aborted", "Applied", "LostHold", "Tools", "Who", "apply"]


@dataclass(frozen=True, slots=True)
class Applied:
    """How it ended. `failure` None: succeeded."""

    event: Event
    failure: ReleaseError | None


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
) -> Applied:
    """Carry out a plan without blockers.

    `wanted` are the targets that it was made from, `state` the ledger, `dead` the record of the dead holder
    that `hold` continues or ends.

    Raises Conflict (nothing was changed by us, or the hold was lost) and Unrecorded (all is done but the
    record). Every other failure is undone and returned.
    """
    if plan.blockers:
        raise AssertionError("a plan with blockers reached apply")
    journal = _take(plan, hold, dead, state, tools, who, progress)
    work = Work(plan, {target.service: target for target in wanted}, tools, journal, progress)
    try:
        _roll_out(work)
    except LostHold:
        raise
    except ReleaseError as failure:
        return _fail(work, who, failure)
    except (KeyboardInterrupt, SystemExit):
        _let_go(work, who)
        raise
    except Exception as bug:
        _fail(work, who, Unavailable(f"a bug in release: {type(bug).__name__}: {bug}", fix="report it"))
        raise
    return _seal(work, who, "succeeded", None, ())


def _take(
    plan: Plan,
    hold: Hold,
    dead: Event | None,
    state: LedgerState,
    tools: Tools,
    who: Who,
    progress: Progress,
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
    event = Event(
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
        next_by=next_by(now, timedelta(seconds=len(plan.steps))),
        supersedes=supersedes,
        before=plan.before,
    )
    # What was approved is what the stage before ran: should that have changed since, nothing is begun.
    tools.ledger.append(state, event, tag=tag, unchanged=[plan.after] if plan.after else [])
    progress("hold", {"kind": kind, "id": promotion, "tag": release.tag if tag else None})
    return Journal(promotion, event.fence, release, plan.before, supersedes)


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
    _phase(work, Phase.EXPAND)
    _phase(work, Phase.PREPARE)
    for place in work.plan.places:
        _phase(work, Phase.SHIFT, place.region)
        confirm(work, place.region)
        _phase(work, Phase.ATTACH, place.region)
    # The last moment at which an abort, or a hand in an earlier region, still turns everything back.
    work.check_hold()
    still_as_left(work)


def _phase(work: Work, phase: Phase, region: str | None = None) -> None:
    steps = work.plan.in_phase(phase, region)
    if steps:
        work.check_hold()
        work.say("phase", phase=phase.value, region=region, count=len(steps))
        work.all([lambda step=step: carry_out(work, step) for step in steps])  # type: ignore[misc]


def _fail(work: Work, who: Who, failure: ReleaseError) -> Applied:
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
    return _seal(work, who, "stranded" if report else outcome, failure, report)


def _let_go(work: Work, who: Who) -> None:
    """Interrupted: the next holder, on whatever machine, can go on at once. One try; nothing hangs on it."""
    with contextlib.suppress(ReleaseError):
        work.tools.ledger.append(work.tools.ledger.read(), _event(work, who, "let-go"))


def _event(work: Work, who: Who, kind: Kind, **more: Any) -> Event:
    """An event of the promotion under way."""
    plan, journal = work.plan, work.journal
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
        **more,
    )


def _seal(
    work: Work, who: Who, outcome: Outcome, failure: ReleaseError | None, report: tuple[str, ...]
) -> Applied:
    """Write the outcome. Raises Unrecorded when the ledger cannot be reached for long."""
    tools = work.tools
    event = _event(
        work,
        who,
        "outcome",
        after=tuple(_after(work)) if outcome == "succeeded" else (),
        outcome=outcome,
        failure=redacted(failure.cause) if failure else None,
        report=tuple(redacted(line) for line in report),
    )
    try:
        patiently(tools.clock, lambda: tools.ledger.append(tools.ledger.read(), event))
    except Conflict:
        raise
    except ReleaseError as error:
        if failure is not None:
            # The world is as `failure` and `report` say; that the record is missing is one line more.
            failure.details = (*failure.details, f"the record of this could not be written: {error.cause}")
            return Applied(event, failure)
        raise Unrecorded(
            f"the rollout {outcome}, but its record cannot be written: {error.cause}",
            fix="run the same command again when the remote is back: it only records what is done",
        ) from error
    work.say("sealed", outcome=outcome)
    return Applied(event, failure)


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
