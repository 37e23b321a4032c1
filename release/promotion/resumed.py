"""What is under way in a stage, as whoever goes on with it finds it: the rest of it, or its way back."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from release.apply.work import Tools
from release.build.target import Target as BuildTarget
from release.core import holding
from release.core.actions import PrepareVersion, ShiftAlias
from release.core.blockers import Blocker
from release.core.models import Place, Stage
from release.core.plan import Phase, Plan, Step
from release.core.records import Event, Running, Served, StageHead
from release.core.rollout import waves_of
from release.core.selection import Selection
from release.errors import RolloutFailed
from release.observe import check_identity_anywhere
from release.promotion.drafts import Draft, hold_of, plan_to_do_nothing, wanted_of
from release.promotion.reconcile import draft_reconciled
from release.promotion.rollback import draft_rollback
from release.promotion.rollout import draft_rollout
from release.promotion.setup import Request, Setup

_IN_FLIGHT = 32


def draft_resumed(tools: Tools, setup: Setup, stage: Stage, *, target: BuildTarget) -> Draft | None:
    """The rest of what is under way in a stage, along the plan that was approved. None: nothing is.

    No gate is asked again: they were when it began. Blocked where the pipelines, or the fleet, no longer are
    what was approved, or somebody has moved an alias by hand. Where a person wants it to go back, this is
    `draft_back`.
    """
    head = setup.head(stage.name)
    running = head.running
    if running is None:
        return None
    begun = tools.ledger.event(setup.state, running.record)
    if holding.asked_back(head, setup.before(stage)) is not None:
        return draft_back(tools, setup, stage, target=target)
    if running.verb == "reconcile":
        request = Request("reconcile", stage.name, reason=begun.reason)
        drafted = draft_reconciled(tools, setup, request, target=target)
    elif running.verb == "rollback":
        to = running.release.tag or running.release.commit
        regions = begun.regions or ()
        request = Request("rollback", stage.name, to=to, reason=begun.reason, regions=regions)
        drafted = draft_rollback(tools, setup, request, target=target)
    else:
        drafted = draft_rollout(tools, setup, stage, _selection(setup, running, begun), target=target)
    plan = drafted.plan
    strayed = _strayed(plan, head)
    if any(_went_back(tools, action, begun) for action in strayed):
        back = draft_back(tools, setup, stage, target=target)
        failed = RolloutFailed(
            f"{running.release.label} was on its way back, and whoever took it back was killed",
            fix="`release audit show` has what was counted; mend the service and merge",
        )
        return replace(back, failed=failed) if back is not None else None
    blockers = (*_not_approved(plan, begun, running), *_moved_by_hand(plan, strayed))
    return replace(drafted, plan=replace(plan, blockers=(*blockers, *plan.blockers)))


def draft_back(tools: Tools, setup: Setup, stage: Stage, *, target: BuildTarget) -> Draft | None:
    """The way back of what is under way in a stage: no step, and the state on record. None: nothing is.

    It reads no more than it must, and needs nothing that going on would need. Another region may be out, the
    pipelines may name other regions by now, and what serves must go back all the same. Raises Misconfigured,
    Unavailable.
    """
    head = setup.head(stage.name)
    running = head.running
    if running is None:
        return None
    begun = tools.ledger.event(setup.state, running.record)
    selection = _selection(setup, running, begun)
    hold, dead = hold_of(tools, setup, head, selection)
    places = _places_of(stage, begun.before)
    check_identity_anywhere(tools.functions, stage.environment, places)
    why = holding.asked_back(head, setup.before(stage))
    selection = replace(
        selection,
        warnings=(*selection.warnings, f"what it has moved goes back{f' ({why})' if why else ''}"),
    )
    plan = plan_to_do_nothing(setup, stage, selection, places, begun.before)
    wanted = wanted_of(tools, setup, stage, selection, target)
    return Draft(plan, wanted, hold, dead, setup.state, setup.pipelines, None)


def draft_watched(tools: Tools, setup: Setup, stage: Stage, *, target: BuildTarget) -> Draft | None:
    """What bakes in the region of the last wave on record, read from its aliases alone: enough to judge it.

    Its steps are never carried out. None: nothing bakes. Raises Misconfigured, Unavailable.
    """
    running = setup.head(stage.name).running
    back = draft_back(tools, setup, stage, target=target)
    if running is None or running.wave is None or back is None:
        return None
    region = running.wave.region
    begun, places = tools.ledger.event(setup.state, running.record), back.plan.places
    place = next((one for one in places if one.region == region), None)
    if place is None or region not in stage.rollouts:
        return None
    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="watch") as pool:
        steps = pool.map(
            lambda was: _baking(tools, setup, begun, was, place),
            [was for was in back.plan.before if was.region == region],
        )
        found = tuple(step for pair in steps for step in pair)
    rollouts = {region: stage.rollouts[region]}
    plan = replace(back.plan, steps=found, rollouts=rollouts, waves=waves_of(found, (place,), rollouts))
    return replace(back, plan=plan)


def _baking(tools: Tools, setup: Setup, begun: Event, was: Served, place: Place) -> tuple[Step, ...]:
    """The two versions of a function that bakes, as the steps that led there would name them."""
    alias = setup.pipelines.alias
    facts = tools.functions.alias(place, was.function, alias)
    if facts is None or not facts.weights or not holding.wrote((begun.id, *begun.supersedes), facts):
        return ()
    canary, service, name = next(iter(facts.weights)), was.service, was.function
    prepared = PrepareVersion(service, place, name, "", "", lambda_version=canary)
    shifted = ShiftAlias(
        service, place, name, alias, before=facts.lambda_version, revision=facts.revision, percent=100
    )
    return Step(Phase.PREPARE, prepared), Step(Phase.SHIFT, shifted)


def _selection(setup: Setup, running: Running, begun: Event) -> Selection:
    return Selection(
        verb=running.verb,
        commit=running.release.commit,
        manifest=running.release.manifest,
        tag=running.release.tag,
        tag_object=running.release.tag_object,
        source=begun.source,
        reason=begun.reason,
        services=begun.services,
        regions=begun.regions,
        despite=begun.despite,
        approved_destructive=begun.approved,
        warnings=setup.warnings,
    )


def _not_approved(plan: Plan, begun: Event, running: Running) -> tuple[Blocker, ...]:
    if begun.course is None or plan.course == begun.course:
        return ()
    return (
        Blocker(
            "not-approved",
            f"what was approved for {plan.stage} is not what would go on: its rollout, or its functions, have"
            f" changed since {running.at}",
            f"release abort {plan.stage} --reason TEXT, and promote again; or take the change back",
        ),
    )


def _strayed(plan: Plan, head: StageHead) -> tuple[ShiftAlias, ...]:
    """Moves of aliases that had moved when the last wave was recorded, and are no longer as we left them."""
    wave = head.running.wave if head.running else None
    regions = [place.region for place in plan.places]
    if wave is None or wave.region not in regions:
        return ()
    reached = regions[: regions.index(wave.region) + 1]
    actions = [step.action for step in plan.in_phase(Phase.SHIFT)]
    strayed = {
        (action.place, action.function): action
        for action in actions
        if isinstance(action, ShiftAlias) and action.place.region in reached and not action.reached
    }
    return tuple(strayed.values())


def _went_back(tools: Tools, action: ShiftAlias, begun: Event) -> bool:
    """Whether it was this promotion itself that took the alias back, as its description says."""
    facts = tools.functions.alias(action.place, action.function, action.alias)
    ends = tuple(f" after {promotion}" for promotion in (begun.id, *begun.supersedes))
    return facts is not None and facts.description.endswith(ends)


def _moved_by_hand(plan: Plan, strayed: Sequence[ShiftAlias]) -> tuple[Blocker, ...]:
    """Somebody may have taken a function out of its canary: nobody approved that it gets traffic again."""
    return tuple(
        Blocker(
            "moved-by-hand",
            f"{plan.alias} of {action.function} in {action.place.region} is at version {action.before}, set"
            f" by somebody else since {plan.release.label} bakes there",
            f"find out who and why; then release abort {plan.stage} --reason TEXT, or go on with the same"
            f" {plan.verb} again",
        )
        for action in strayed
    )


def _places_of(stage: Stage, before: Sequence[Served]) -> tuple[Place, ...]:
    """Where it may have moved anything, though the stage may have left that region meanwhile."""
    known = {(place.account, place.region): place for place in stage.environment.places}
    recorded = dict.fromkeys((one.account, one.region) for one in before)
    roles = (stage.environment.role, stage.environment.plan_role)
    others = [Place(*where, *roles) for where in recorded if where not in known]
    return (*(place for where, place in known.items() if where in recorded), *others)
