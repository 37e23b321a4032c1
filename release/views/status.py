"""What runs where, since when, by whom, and whether AWS agrees with the ledger."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from release.core.holding import deserted
from release.core.orphans import Orphan
from release.core.records import Accepted, Held, StageHead, Verb, moment
from release.core.standing import FunctionStanding, StageStanding
from release.views.tables import ago, short, table

_STEP_STYLE = {
    "in step": "green",
    "moving": "yellow",
    "drift": "bold red",
    "unknown": "yellow",
    "nothing": "dim",
}


def status_text(
    stages: Sequence[StageStanding], now: datetime, *, functions: bool
) -> Iterator[RenderableType]:
    """One row a stage, then whatever needs attention; every function too when one stage was asked for."""
    rows = table("stage", "serves", "commit", "since", "by", "AWS", wide=("stage", "serves", "by"))
    for standing in stages:
        head, good = standing.head, standing.head.serves
        rows.add_row(
            Text(head.stage, style="bold"),
            Text(good.release.label if good else "-", style="cyan"),
            short(good.release.commit) if good else "-",
            ago(now, moment(good.at)) if good else "-",
            good.actor if good else "-",
            Text(standing.step, style=_STEP_STYLE[standing.step]),
        )
    yield rows
    for standing in stages:
        yield from _attention(standing, now)
    if functions:
        for standing in stages:
            if standing.functions:
                yield Text()
                yield _functions(standing)


def _functions(standing: StageStanding) -> RenderableType:
    rows = table("function", "region", "version", "code (sha256)", "AWS", wide=("function", "AWS"))
    for function in standing.functions:
        rows.add_row(
            function.recorded.function,
            function.recorded.region,
            function.lambda_version or "-",
            short(function.code),
            _aws(function),
        )
    return rows


def _aws(function: FunctionStanding) -> Text:
    if function.unread:
        return Text("out of reach", style="yellow")
    if function.drift:
        return Text(function.drift, style="red")
    return Text(function.moving, style="yellow") if function.moving else Text("in step", style="green")


def _course(head: StageHead, now: datetime) -> Iterator[RenderableType]:
    """How far it is, what it waits for, and how to go on where nobody is at it."""
    running = head.running
    if running is None:
        return
    if running.wave:
        yield Text(f"  {running.wave.percent} % in {running.wave.region} since {running.wave.since}")
    if running.paused:
        when = f"not before {running.next_at}" if running.next_at else "when that has changed"
        yield Text(f"  waits: {running.paused}")
        yield Text(f"  next: release advance {head.stage}, {when}")
    elif deserted(running, dead=None, now=now):
        yield Text(
            f"  next: the same command finishes it; release abort {head.stage} --reason TEXT goes back"
        )


def bring_the_rest(verb: Verb, stage: str, label: str) -> str:
    """The command that brings every region to the release that some have."""
    return (
        f"release rollback {stage} --to {label} --reason TEXT"
        if verb == "rollback"
        else f"release {verb} {stage}"
    )


def _attention(standing: StageStanding, now: datetime) -> Iterator[RenderableType]:
    head = standing.head
    if head.running:
        running = head.running
        who = "nobody is at it" if deserted(running, dead=None, now=now) else running.holder.label
        yield Text.assemble(
            (f"{head.stage}: ", "bold"),
            (f"{running.verb} of {running.release.label} under way", "yellow"),
            f" since {ago(now, moment(running.at))} by {running.actor} ({who})",
        )
        yield from _course(head, now)
    if head.abort:
        yield Text.assemble((f"{head.stage}: ", "bold"), ("abort asked for", "yellow"), f": {head.abort}")
    if head.partial:
        back = head.partial.back
        yield Text.assemble(
            (f"{head.stage}: ", "bold"),
            ("partial", "bold red"),
            f" {head.partial.release.label} is in {', '.join(head.partial.regions)} only, by"
            f" {head.partial.actor}: {head.partial.why}",
        )
        label = back.label if back else head.partial.release.label
        rest = bring_the_rest("rollback" if back else "promote", head.stage, label)
        yield Text(f"  the rest, when all regions are in reach: {rest}")
    if head.stranded:
        yield Text.assemble((f"{head.stage}: ", "bold"), ("half-way", "bold red"), f": see {head.stranded}")
    if head.held:
        held = head.held
        yield Text.assemble(
            (f"{head.stage}: ", "bold"),
            ("held", "bold yellow"),
            f" since {ago(now, moment(held.at))} by {held.actor}: {held.why}",
        )
    for item in head.quarantined:
        yield Text.assemble(
            (f"{head.stage}: ", "bold"),
            ("quarantined", "red"),
            f" {item.tag or short(item.commit)}: {item.why}" + (f" (by {item.actor})" if item.actor else ""),
        )
    signed = _signed(head)
    if signed:
        yield Text.assemble(
            (f"{head.stage}: ", "bold"),
            ("accepted", "green"),
            f" {ago(now, moment(signed.at))} by {signed.actor}: {signed.why}",
        )
    for function in standing.functions:
        if function.drift:
            where = f"{function.recorded.function} in {function.recorded.region}"
            yield Text.assemble((f"{head.stage}: ", "bold"), ("drift", "red"), f" {where}: {function.drift}")
    for out in standing.out:
        what = f" {out.region}: {out.why}"
        yield Text.assemble((f"{head.stage}: ", "bold"), ("out of reach", "yellow"), what)
    yield from _orphans(standing)
    if standing.note:
        yield Text.assemble((f"{head.stage}: ", "bold"), ("AWS was not read", "yellow"), f": {standing.note}")


def _orphans(standing: StageStanding) -> Iterator[RenderableType]:
    """Each of them once for all regions in which it is the same."""
    regions: dict[tuple[str, str], list[Orphan]] = {}
    for one in standing.orphans:
        regions.setdefault((one.service, one.what), []).append(one)
    for (service, what), found in regions.items():
        first = found[0]
        where = ", ".join(dict.fromkeys(one.region for one in found))
        yield Text.assemble(
            (f"{standing.head.stage}: ", "bold"),
            ("orphan", "dim" if first.is_quiet else "yellow"),
            f" {service} in {where}: {what}",
        )
        for fix in dict.fromkeys(one.fix for one in found):
            yield Text(f"  to end it: {fix}")
    if standing.orphans_note:
        why = f" were not looked for in AWS: {standing.orphans_note}"
        yield Text.assemble((f"{standing.head.stage}: ", "bold"), ("orphans", "yellow"), why)


def status_json(stages: Sequence[StageStanding]) -> list[dict[str, Any]]:
    return [
        {
            "pipeline": standing.head.pipeline,
            "stage": standing.head.stage,
            "serves": _good(standing),
            "aws": standing.step,
            "note": standing.note,
            "out_of_reach": [{"region": one.region, "why": one.why} for one in standing.out],
            "running": standing.head.running.id if standing.head.running else None,
            "under_way": _under_way(standing.head),
            "partial": list(standing.head.partial.regions) if standing.head.partial else None,
            "partly_back_to": _partly_back_to(standing.head),
            "abort": standing.head.abort,
            "stranded": standing.head.stranded,
            "quarantined": [
                {"commit": item.commit, "tag": item.tag, "at": item.at, "why": item.why, "by": item.actor}
                for item in standing.head.quarantined
            ],
            "orphans": [
                {
                    "service": one.service,
                    "account": one.account,
                    "region": one.region,
                    "stack": one.stack,
                    "state": one.state,
                    "what": one.what,
                    "fix": one.fix,
                }
                for one in standing.orphans
            ],
            "orphans_note": standing.orphans_note,
            "held": _decided(standing.head.held),
            "accepted": _decided(_signed(standing.head)),
            "functions": [
                {
                    "service": f.recorded.service,
                    "function": f.recorded.function,
                    "account": f.recorded.account,
                    "region": f.recorded.region,
                    "lambda_version": f.lambda_version,
                    "code": f.code,
                    "recorded": {"lambda_version": f.recorded.lambda_version, "code": f.recorded.code},
                    "drift": f.drift,
                    "moving": f.moving,
                    "out_of_reach": f.unread,
                }
                for f in standing.functions
            ],
        }
        for standing in stages
    ]


def _partly_back_to(head: StageHead) -> str | None:
    """The release that some regions were rolled back to, while others were out."""
    return head.partial.back.label if head.partial and head.partial.back else None


def _under_way(head: StageHead) -> dict[str, Any] | None:
    running = head.running
    if running is None:
        return None
    return {
        "verb": running.verb,
        "tag": running.release.tag,
        "commit": running.release.commit,
        "by": running.actor,
        "since": running.at,
        "region": running.wave.region if running.wave else None,
        "percent": running.wave.percent if running.wave else None,
        "waits": running.paused,
        "next_at": running.next_at,
    }


def _signed(head: StageHead) -> Accepted | None:
    """The acceptance of what the stage serves."""
    if head.serves is None:
        return None
    serves = (head.serves.release.commit, head.serves.release.manifest)
    return next((one for one in reversed(head.accepted) if (one.commit, one.manifest) == serves), None)


def _decided(decision: Held | Accepted | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {"at": decision.at, "by": decision.actor, "why": decision.why, "record": decision.record}


def _good(standing: StageStanding) -> dict[str, Any] | None:
    good = standing.head.serves
    if good is None:
        return None
    return {
        "tag": good.release.tag,
        "commit": good.release.commit,
        "manifest": good.release.manifest,
        "since": good.at,
        "by": good.actor,
        "record": good.record,
    }
