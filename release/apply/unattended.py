"""Looks at what was left to bake with nobody at work on it, without taking hold of the stage."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from release.apply.waves import Bake
from release.apply.work import Journal, Paused, Tools, Who, Work
from release.core.actions import PrepareVersion
from release.core.analysis import Fail, Inconclusive
from release.core.holding import asked_back
from release.core.manifest import Target
from release.core.models import Gradual
from release.core.plan import Phase, Plan, Wave
from release.core.records import StageHead, moment
from release.errors import RolloutFailed


def still_bakes(
    plan: Plan, wanted: Sequence[Target], head: StageHead, *, tools: Tools, who: Who, wait: timedelta
) -> Paused | None:
    """Look at what was left to bake, without taking hold of the stage.

    None: there is something to do, because the time has come, somebody asked to stop, or it does badly.
    """
    running, now = head.running, tools.clock.now()
    if running is None or running.paused is None or asked_back(head):
        return None
    bake = _left_to_bake(plan, wanted, head, tools, who)
    if bake is None or any((one.place, one.function) not in bake.work.journal.versions for one in bake.moves):
        return None
    verdict = bake.look()
    next_at = moment(running.next_at) if running.next_at else None
    if isinstance(verdict, Fail):
        return None
    if next_at is not None:
        return Paused(running.paused, next_at) if next_at > now + wait else None
    return Paused(verdict.reason, None) if isinstance(verdict, Inconclusive) else None


def does_badly(
    plan: Plan, wanted: Sequence[Target], head: StageHead, *, tools: Tools, who: Who
) -> RolloutFailed | None:
    """Look at what bakes while its plan is blocked: to go on needs what was approved, to go back does not."""
    bake = _left_to_bake(plan, wanted, head, tools, who)
    if bake is None:
        return None
    known = {function for place, function in bake.work.journal.versions if place.region == bake.wave.region}
    bake.wave = replace(bake.wave, baking=tuple(one for one in bake.wave.baking if one in known))
    verdict = bake.look() if bake.wave.baking else None
    return bake.failed(verdict.reason) if isinstance(verdict, Fail) else None


def _left_to_bake(
    plan: Plan, wanted: Sequence[Target], head: StageHead, tools: Tools, who: Who
) -> Bake | None:
    """The wave on record, where it bakes; judged as the plan says now, whatever was approved."""
    running = head.running
    if running is None or running.wave is None:
        return None
    journal = Journal(running.id, head.fence, running.release, (), wave=running.wave)
    for step in plan.in_phase(Phase.PREPARE):
        if isinstance(step.action, PrepareVersion) and step.action.lambda_version is not None:
            journal.versions[step.action.place, step.action.function] = step.action.lambda_version
    targets = {target.service: target for target in wanted}
    work = Work(plan, targets, tools, journal, who, lambda what, fields: None, tools.clock.now())
    region, percent = running.wave.region, running.wave.percent
    baking = tuple(function for place, function in journal.versions if place.region == region)
    rollout = plan.rollouts.get(region)
    instead = Wave(region, percent, rollout if isinstance(rollout, Gradual) else None, baking)
    wave = next((one for one in plan.waves if (one.region, one.percent) == (region, percent)), instead)
    if wave.rollout is None or not wave.baking:
        return None
    return Bake(work, wave, wave.rollout, moment(running.wave.since))
