"""Takes hold of a stage: `started`, with the tag, or `taken-over`, in one push."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from release.apply.work import Journal, Tools, Who
from release.core import trailers
from release.core.holding import Busy, Continue, Fresh, Hold, Supersede
from release.core.plan import Plan
from release.core.reasons import redacted
from release.core.records import Event, Kind, next_by, promotion_id, stamp
from release.errors import Conflict
from release.ports import LedgerState, Progress, RefUpdate


def take_hold(
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
        known=who.known,
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
        gates=plan.gates if kind == "started" else None,
        approvers=who.approvers,
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
