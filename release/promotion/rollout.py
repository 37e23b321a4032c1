"""The way forward: reads a chosen release's documents and AWS, and lets core decide what is to do."""

from collections.abc import Sequence
from dataclasses import replace

from release.apply.work import Tools
from release.build.release_build import manifest_key
from release.build.target import Target as BuildTarget
from release.core import alarms, holding, hooks
from release.core.actions import ShiftAlias
from release.core.blockers import Blocker
from release.core.holding import Busy, Continue, Supersede
from release.core.manifest import Target
from release.core.models import Gradual, Stage
from release.core.plan import Change, Step, Wave
from release.core.preflight import FOREIGN_WEIGHTS
from release.core.records import Event, Served, StageHead
from release.core.rollout import rollout_steps, waves_of
from release.core.selection import Selection, promotion
from release.core.snapshot import Observed, served
from release.promotion.choose import next_release
from release.promotion.drafts import (
    Draft,
    aliases_of,
    drafted,
    hold_of,
    newest_record,
    observe,
    places_of,
    wanted_of,
)
from release.promotion.gates import alarm_gate
from release.promotion.refused import refused_templates
from release.promotion.renewed import renewed
from release.promotion.settled import settled
from release.promotion.setup import Request, Setup
from release.promotion.stacks import stack_plans


def draft_promotion(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Draft:
    """The plan of a promotion. Raises Misconfigured, Unavailable; blockers are in the plan.

    `target` names the build target whose manifest a commit is looked up for, when the stage before did not
    run it last.
    """
    stage = setup.stage(request.stage)
    selection = promotion_selection(tools, setup, request, target=target)
    return draft_rollout(tools, setup, stage, selection, target=target)


def promotion_selection(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Selection:
    """The release that a promotion would bring, with what its gates say."""
    stage = setup.stage(request.stage)
    answer, facts = next_release(tools.repo, setup, request)
    objects = {tag.name: tag.object for tag in facts.tags}
    selection = promotion(answer, stage, facts.source, request.reason, objects)
    selection = replace(
        selection,
        warnings=(*setup.warnings, *selection.warnings),
        regions=request.regions or None,
        despite=request.despite_alarms,
        approved_destructive=request.approve_destructive,
    )
    if selection.manifest is None and selection.commit and not selection.blockers:
        return built(tools, setup, selection, target)
    return selection


def built(tools: Tools, setup: Setup, selection: Selection, target: BuildTarget) -> Selection:
    """With the manifest that the commit was built to; a blocker where it was not."""
    key = manifest_key(setup.pipeline.name, selection.commit, target)
    found = tools.artifacts.index("manifests", key)
    if found is not None:
        return selection.with_manifest(found)
    blocker = Blocker(
        "not-built",
        f"commit {selection.commit[:10]} was never built: neither a plan nor a promotion builds",
        f"release build --ref {selection.commit[:10]}",
    )
    return replace(selection, blockers=(blocker,))


def draft_rollout(
    tools: Tools, setup: Setup, stage: Stage, selection: Selection, *, target: BuildTarget
) -> Draft:
    """The plan that takes a stage to a selected release."""
    head = setup.head(stage.name)
    hold, dead = hold_of(tools, setup, head, selection)
    if selection.blockers or selection.manifest is None:
        return drafted(setup, stage, selection, (), (), (), hold, dead, _NOTHING_OBSERVED)
    wanted = wanted_of(tools, setup, stage, selection, target)
    places = places_of(stage, selection.regions)
    observed = observe(tools, setup, stage, wanted, places)
    moved = holding.moved_by(dead, aliases_of(observed))
    left = tools.ledger.event(setup.state, head.stranded) if head.stranded else None
    steps, changes, blockers = rollout_steps(
        wanted,
        observed,
        alias=setup.pipelines.alias,
        rollouts=stage.rollouts,
        again=(moved if isinstance(hold, Continue) else frozenset())
        | _unproven(tools, setup, head, wanted, observed),
        moved=moved | holding.moved_by(left, aliases_of(observed)),
        settled=settled(tools, setup.state, head, wanted, places)
        if isinstance(hold, Continue)
        else frozenset(),
        renewed=renewed(tools, head, stage.name, wanted),
        stack_plans=stack_plans(
            tools,
            {(one.service, place): one.template for one in wanted for place in places},
            observed.stacks,
        ),
    )
    if isinstance(hold, Busy):
        # Whoever is at work has set them: to end them by hand, as that says, would break our own canary.
        blockers = tuple(one for one in blockers if one.code != FOREIGN_WEIGHTS)
    if isinstance(hold, Continue) and dead is not None:
        despite = selection.despite or dead.despite
        selection = replace(selection, approved_destructive=dead.approved, despite=despite)
    else:
        blockers = (*blockers, *hooks.unapproved(steps, selection.approved_destructive))
    uncovered = _uncovered(tools, setup, stage, dead, changes) if isinstance(hold, Supersede) else ()
    alarmed: tuple[Blocker, ...] = ()
    if not (isinstance(hold, Continue) and moved):
        # Once traffic has moved, an alarm is for who watches it, and must not keep anybody from going back.
        alarmed = _alarmed(tools, setup, stage, waves_of(steps, places, stage.rollouts), selection)
    if steps and not isinstance(hold, Continue):
        names = [function.name for one in wanted for function in one.settings.functions]
        asked = alarm_gate(tools.metrics, stage, places, names, despite=selection.despite)
        alarmed = (*asked.closed, *alarmed)
        if selection.gates is not None and asked.passed is not None:
            selection = replace(selection, gates=(*selection.gates, *asked.passed))
    irreversible = hooks.irreversible({one.service: one.settings for one in wanted}, changes)
    by_hand = _passed_by_hand(stage, changes, steps, dead, moved) if isinstance(hold, Continue) else ()
    refused: tuple[Blocker, ...] = ()
    if not isinstance(hold, Continue):
        refused = refused_templates(tools, stage, places, selection.manifest or "", steps)
    selection = replace(
        selection,
        warnings=(*selection.warnings, *irreversible),
        blockers=(*blockers, *refused, *uncovered, *alarmed, *by_hand),
    )
    kept = _kept(tools, setup, head, selection)
    return drafted(setup, stage, selection, wanted, steps, changes, hold, dead, observed, kept)


def _passed_by_hand(
    stage: Stage,
    changes: Sequence[Change],
    steps: Sequence[Step],
    begun: Event | None,
    ours: frozenset[tuple[str, str, str]],
) -> tuple[Blocker, ...]:
    """Aliases that bake by the plan, and that a hand has given to the new version altogether since it began.

    To go on would take that for the end of a canary that nobody has judged, and the replica would follow it.
    """
    if begun is None:
        return ()
    before = {was.where: was.lambda_version for was in begun.before if was.lambda_version is not None}
    reached = {
        (move.place.account, move.place.region, move.function): move
        for step in steps
        if isinstance(move := step.action, ShiftAlias)
        and move.reached == 100
        and isinstance(stage.rollouts[move.place.region], Gradual)
    }
    return tuple(
        Blocker(
            "moved-by-hand",
            f"{reached[where].alias} of {change.served.function} in {change.served.region} is at version"
            f" {change.served.lambda_version}, set by somebody else: no verdict has let all traffic go there",
            f"find out who and why; then release rollback {begun.stage} --reason TEXT takes all of it back",
        )
        for change in changes
        if (where := change.served.where) in reached
        and where not in ours
        and change.served.lambda_version != before.get(where, change.served.lambda_version)
    )


def _unproven(
    tools: Tools, setup: Setup, head: StageHead, wanted: tuple[Target, ...], observed: Observed
) -> frozenset[tuple[str, str, str]]:
    """Aliases that serve the wanted bytes, and no record of a success says so: a hand has put them there.

    The version may be the very one that failed its smoke test. It is proven before it is called a success.
    """
    records = [part.record for part in (head.serves, head.partial) if part is not None]
    known = {
        (one.where, one.lambda_version)
        for record in records
        for one in tools.ledger.event(setup.state, record).after
    }
    artifacts = {target.service: target.artifact for target in wanted}
    return frozenset(
        now.where
        for copy in observed.functions
        if copy.alias is not None and not copy.alias.weights
        for now in [served(copy)]
        if now.code == artifacts.get(copy.service) and (now.where, now.lambda_version) not in known
    )


def _alarmed(
    tools: Tools, setup: Setup, stage: Stage, waves: Sequence[Wave], selection: Selection
) -> tuple[Blocker, ...]:
    """Why the alarms of a rollout that is about to begin could not watch over it."""
    places = {place.region: place for place in stage.environment.places}
    baking = {wave.region: wave for wave in waves if wave.rollout is not None}  # a region's waves are alike
    found: list[Blocker] = []
    for region, wave in baking.items():
        if region is None or wave.rollout is None or not wave.rollout.alarms:
            continue
        names = alarms.names(wave.rollout.alarms, wave.baking)
        found += alarms.preflight(
            wave.rollout.alarms,
            wave.baking,
            tools.metrics.alarms(places[region], names),
            alias=setup.pipelines.alias,
            where=f"{stage.name}, {region}",
            overridden=selection.despite is not None,
        )
    return tuple(found)


def _uncovered(
    tools: Tools, setup: Setup, stage: Stage, dead: Event | None, changes: tuple[Change, ...]
) -> tuple[Blocker, ...]:
    """Aliases that a dead promotion has moved and that this plan would leave so: half of a release."""
    covered = {change.served.where for change in changes}
    places = {(place.account, place.region): place for place in stage.environment.places}
    found: list[Blocker] = []
    if dead is None:
        return ()
    for was in dead.before:
        place = places.get((was.account, was.region))
        if place is None or was.where in covered:
            continue
        facts = tools.functions.alias(place, was.function, setup.pipelines.alias)
        if facts is not None and holding.moved_by(dead, {was.where: facts}):
            found.append(
                Blocker(
                    "half-way",
                    f"{was.function} in {was.region} was moved by {dead.id}, which was killed,"
                    " and is no part of this",
                    f"run that {dead.verb} again, or: release rollback {stage.name} --reason TEXT",
                )
            )
    return tuple(found)


def _kept(tools: Tools, setup: Setup, head: StageHead, selection: Selection) -> tuple[Served, ...]:
    """What a rollout of some services, or in some regions, leaves as the last record has it."""
    if (selection.services is None and selection.regions is None) or head.serves is None:
        return ()
    recorded = tools.ledger.event(setup.state, newest_record(head.serves, head)).after
    services, regions = selection.services, selection.regions
    return tuple(
        served
        for served in recorded
        if (services is not None and served.service not in services)
        or (regions is not None and served.region not in regions)
    )


_NOTHING_OBSERVED = Observed((), (), {})
