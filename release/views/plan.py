"""A plan as people read it (now → next) and as machines do."""

import shlex
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from release.core.actions import ApplyStack, CreateAlias, Migrate, Verify, describe
from release.core.gates_passed import gates_json
from release.core.infra_diff import RESOURCES, SYMBOLS
from release.core.models import Gradual
from release.core.plan import Phase, Plan, rules
from release.core.records import restores
from release.views.cost import cost_json, cost_text
from release.views.tables import short, spoken, table

_INFRASTRUCTURE: Final = "infrastructure"


def plan_text(plan: Plan) -> Iterator[RenderableType]:
    """What is released where, now and next of every function, the steps, and what stands in the way."""
    release = plan.release
    title = Text(plan.verb, style="bold")
    if release.label:  # where a gate is closed, nothing may have been found that could be released
        title = Text.assemble(title, " ", (release.label, "bold cyan"))
    title = Text.assemble(title, " in " if restores(plan.verb) else " to ", (plan.stage, "bold"))
    if plan.source:
        title.append(f"  from {plan.source}", style="dim")
    yield title
    if release.commit:
        yield Text(f"  commit {short(release.commit)}  manifest {short(release.manifest)}", style="dim")
    if plan.regions is not None:
        yield Text(f"  only in {', '.join(plan.regions)}: the other regions are left behind", style="yellow")
    if plan.despite is not None:
        yield Text(f"  alarms do not count: {plan.despite}", style="yellow")
    if plan.changes:
        rows = table("  function", "region", "now", "next", wide="  function")
        for change in plan.changes:
            now = (
                f"{change.served.lambda_version} · {short(change.served.code)}"
                if change.served.code
                else "nothing"
            )
            same = Text("unchanged", style="dim")
            rows.add_row(
                f"  {change.served.function}",
                change.served.region,
                now,
                Text(short(change.artifact), style="green") if change.changes else same,
            )
        yield rows
    for number, line in enumerate(_phases(plan), 1):
        yield Text(f"  {number}. {line}")
        if line.startswith(_INFRASTRUCTURE):
            yield from (Text(f"       {one}", style="dim") for one in _resources(plan))
    if (costs := cost_text(plan)) is not None:
        yield Text(f"  {costs}", style="dim")
    for warning in plan.warnings:
        yield Text.assemble(("warning: ", "yellow"), warning)
    for blocker in plan.blockers:
        yield Text.assemble(("blocked: ", "bold red"), blocker.message)
        yield Text.assemble(("    fix: ", "bold"), blocker.fix)


def _phases(plan: Plan) -> Iterator[str]:
    if plan.mint:
        yield f"tag {plan.release.tag} and the record of its start, in one push"
    stacks = Counter(_stack_verb(step.action) for step in plan.in_phase(Phase.EXPAND))
    if stacks:
        yield f"{_INFRASTRUCTURE}: " + ", ".join(
            f"{verb} {_count(n, 'stack')}" for verb, n in sorted(stacks.items())
        )
    prepared = len(plan.in_phase(Phase.PREPARE))
    if prepared:
        yield f"prepare {_count(prepared, 'version')}, smoke-test each before any traffic moves"
    actions = [step.action for step in plan.steps]
    for action in actions:
        if isinstance(action, Migrate):
            yield f"{action.place.region}: {_migration(action)}"
    everywhere = [wave for wave in plan.waves if wave.region is None]
    if everywhere and plan.in_phase(Phase.SHIFT):
        moved = len(plan.in_phase(Phase.SHIFT))
        yield f"all regions at once: move {_count(moved, 'alias')}, smoke-test through it"
    for place in plan.places:
        yield from _waves(plan, place.region)
        attached = len(plan.in_phase(Phase.ATTACH, place.region))
        if attached:
            yield f"{place.region}: attach the triggers of {_count(attached, 'stack')}"
    for action in actions:
        if isinstance(action, Verify):
            longest = spoken(timedelta(seconds=action.timeout))
            yield f"verify, {longest} at most: {shlex.join(action.command)}; a no takes everything back"


def _resources(plan: Plan) -> Iterator[str]:
    """What becomes of the resources of stacks that are there; alike in several regions, it is said once."""
    found: dict[tuple[str, str], list[str]] = {}
    for step in plan.in_phase(Phase.EXPAND):
        if isinstance(action := step.action, ApplyStack) and (action.entries or action.kept):
            touched = ", ".join(
                f"{SYMBOLS[entry.action]} {entry.name}"
                for entry in action.entries
                if entry.section == RESOURCES
            )
            stays = f"stays for now: {', '.join(action.kept)}" if action.kept else ""
            said = "; ".join(one for one in (touched, stays) if one) or "outputs alone"
            found.setdefault((action.stack, said), []).append(action.place.region)
    for (stack, said), regions in found.items():
        yield f"{stack} in {', '.join(regions)}: {said}"


def _migration(action: Migrate) -> str:
    runs = f"invoke {action.function}" if action.function is not None else shlex.join(action.command)
    destructive = " (destructive)" if action.destructive else ""
    longest = spoken(timedelta(seconds=action.timeout))
    return f"migrate {action.service}{destructive}, {longest} at most: {runs}"


def _waves(plan: Plan, region: str) -> Iterator[str]:
    for wave in plan.waves:
        steps = plan.in_wave(wave)
        if wave.region != region or not (steps or wave.baking):
            continue
        first = sum(isinstance(step.action, CreateAlias) for step in steps)
        if wave.rollout is not None:
            made = f"make {_count(first, 'alias')} for the first time, then " if first else ""
            moved = f"{wave.percent} % of {_count(len(wave.baking), 'alias')} to the new version"
            yield f"{region}: {made}{moved}, {_bake(wave.rollout)}"
            continue
        made = f" ({first} for the first time)" if first else ""
        yield f"{region}: move {_count(len(steps), 'alias')}{made}, smoke-test through it"


def _bake(rollout: Gradual) -> str:
    """How a wave is judged, in words."""
    watched = [f"at most {rollout.max_error_rate * 100:.4g} % of them bad"]
    if rollout.max_p99 is not None:
        watched.append(f"at most 1 % slower than {round(rollout.max_p99.total_seconds() * 1000)} ms")
    if rollout.alarms:
        watched.append(f"{_count(len(rollout.alarms), 'alarm')} quiet")
    calls = f"{rollout.min_samples} calls or more" + (", our own where there are too few" * rollout.probe)
    return f"bake {spoken(rollout.bake)} and {calls}: {', '.join(watched)}, no worse than stable"


def _stack_verb(action: object) -> str:
    return "create" if isinstance(action, ApplyStack) and action.create else "update"


def _count(number: int, noun: str) -> str:
    plural = {"alias": "aliases"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"


def plan_json(plan: Plan) -> dict[str, Any]:
    """The whole plan; `digest` covers what would be done, and nothing that changes by itself."""
    return {
        "verb": plan.verb,
        "pipeline": plan.pipeline,
        "stage": plan.stage,
        "tag": plan.release.tag,
        "commit": plan.release.commit,
        "manifest": plan.release.manifest,
        "source": plan.source,
        "reason": plan.reason,
        "mint": plan.mint,
        "regions": list(plan.regions) if plan.regions is not None else None,
        "despite_alarms": plan.despite,
        "approve_destructive": plan.approved,
        "gates": gates_json(plan.gates),
        "digest": plan.digest,
        "steps": [{"phase": step.phase.value} | describe(step.action) for step in plan.steps],
        "cost": cost_json(plan),
        "changes": [
            {
                "service": change.served.service,
                "function": change.served.function,
                "account": change.served.account,
                "region": change.served.region,
                "now": {"lambda_version": change.served.lambda_version, "code": change.served.code},
                "next": {"code": change.artifact},
                "changes": change.changes,
            }
            for change in plan.changes
        ],
        "waves": [
            {
                "region": wave.region,
                "percent": wave.percent,
                "functions": [getattr(step.action, "function", None) for step in plan.in_wave(wave)],
                "bake": rules(wave.rollout) if wave.rollout else None,
            }
            for wave in plan.waves
        ],
        "warnings": list(plan.warnings),
        "blockers": [{"code": b.code, "message": b.message, "fix": b.fix} for b in plan.blockers],
    }
