"""From a chosen release to a plan: reads its documents and AWS, and lets core decide what is to do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from release.apply.work import Tools
from release.build.documents import load_manifest, load_settings
from release.build.release_build import manifest_key
from release.build.target import Target as BuildTarget
from release.core import alarms, holding, hooks
from release.core.blockers import Blocker
from release.core.holding import Continue, Hold, Supersede
from release.core.models import Pipelines, Place, Stage
from release.core.plan import Change, Plan, Step, Wave
from release.core.records import Event, Good, Served, StageHead, rollback_target
from release.core.rollout import Target, rollback_steps, rollout_steps, served, targets, waves_of
from release.core.selection import (
    Selection,
    deployed,
    promotion,
    serves_already,
)
from release.core.snapshot import AliasFacts, Observed
from release.errors import GateClosed, Misconfigured, RolloutFailed
from release.observe import check_identity, observe_fleet
from release.ports import LedgerState
from release.promotion.choose import deploy_selection, next_release
from release.promotion.gates import alarm_gate, refuse_loop
from release.promotion.out_of_reach import newer_than_known
from release.promotion.prove import prove
from release.promotion.renewed import renewed
from release.promotion.setup import Request, Setup


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan with what it was made from, ready to be carried out."""

    plan: Plan
    wanted: tuple[Target, ...]
    hold: Hold
    dead: Event | None  # the record of a dead holder that `hold` continues or ends
    state: LedgerState
    pipelines: Pipelines
    nothing: str | None  # why nothing is to do
    failed: RolloutFailed | None = None  # what bakes does badly: all that is to do is to go back


def refuse(stage: Stage, selection: Selection) -> None:
    """Raises GateClosed when a selection is blocked, before anything is built or looked at."""
    if selection.blockers:
        first, *others = selection.blockers
        raise GateClosed(
            f"{stage.name} is closed: {first.message}",
            fix=first.fix,
            details=[f"{blocker.code}: {blocker.message}" for blocker in others],
        )


def draft(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Draft:
    """The plan of any request, without building: a commit that was never built is a blocker."""
    match request.verb:
        case "deploy":
            stage = setup.stage(request.stage)
            selection = deploy_selection(
                tools.repo,
                setup,
                stage,
                ref="HEAD" if request.ref is None else request.ref,
                services=request.services,
            )
            selection = replace(selection, approved_destructive=request.approve_destructive)
            if not selection.blockers:
                selection = _built(tools, setup, selection, target)
            drafted = draft_rollout(tools, setup, stage, selection, target=target)
            return replace(drafted, nothing=selection.superseded or drafted.nothing)
        case "promote":
            return draft_promotion(tools, setup, request, target=target)
        case "rollback":
            return draft_rollback(tools, setup, request, target=target)
        case verb:
            raise Misconfigured(f"there is no plan for {verb!r}", fix="plan deploy, promote or rollback")


def draft_promotion(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Draft:
    """The plan of a promotion. Raises Misconfigured, Unavailable; blockers are in the plan.

    `target` names the build target whose manifest a commit is looked up for, when the stage before did not
    run it last.
    """
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
        selection = _built(tools, setup, selection, target)
    return draft_rollout(tools, setup, stage, selection, target=target)


def _built(tools: Tools, setup: Setup, selection: Selection, target: BuildTarget) -> Selection:
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
        return _draft(setup, stage, selection, (), (), (), hold, dead, _NOTHING_OBSERVED)
    wanted = wanted_of(tools, setup, stage, selection, target)
    places = _places(stage, selection.regions)
    observed = _observe(tools, setup, stage, wanted, places)
    moved = holding.moved_by(dead, _aliases(observed))
    left = tools.ledger.event(setup.state, head.stranded) if head.stranded else None
    steps, changes, blockers = rollout_steps(
        wanted,
        observed,
        alias=setup.pipelines.alias,
        rollouts=stage.rollouts,
        again=(moved if isinstance(hold, Continue) else frozenset())
        | _unproven(tools, setup, head, wanted, observed),
        moved=moved | holding.moved_by(left, _aliases(observed)),
        renewed=renewed(tools, head, stage.name, wanted),
    )
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
        alarmed = (*alarm_gate(tools.metrics, stage, places, names, despite=selection.despite), *alarmed)
    irreversible = hooks.irreversible({one.service: one.settings for one in wanted}, changes)
    selection = replace(
        selection,
        warnings=(*selection.warnings, *irreversible),
        blockers=(*blockers, *uncovered, *alarmed),
    )
    kept = _kept(tools, setup, head, selection)
    return _draft(setup, stage, selection, wanted, steps, changes, hold, dead, observed, kept)


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
    recorded = tools.ledger.event(setup.state, _newest_record(head.serves, head)).after
    services, regions = selection.services, selection.regions
    return tuple(
        served
        for served in recorded
        if (services is not None and served.service not in services)
        or (regions is not None and served.region not in regions)
    )


def _newest_record(serves: Good, head: StageHead) -> str:
    """Path of the event that says what every function serves, also where a release went to some regions."""
    return head.partial.record if head.partial is not None else serves.record


def _places(stage: Stage, regions: tuple[str, ...] | None) -> tuple[Place, ...]:
    """All places of a stage, or those that break-glass names. Raises Misconfigured."""
    places = stage.environment.places
    if regions is None:
        return places
    unknown = sorted(set(regions) - set(stage.environment.regions))
    if unknown:
        raise Misconfigured(
            f"{stage.name} has no region {', '.join(unknown)}",
            fix=f"name some of: {', '.join(stage.environment.regions)}",
            see=str(stage.source),
        )
    return tuple(place for place in places if place.region in regions)


def draft_rollback(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Draft:
    """The plan back to a good release of this stage: its recorded lambda versions, alias first."""
    stage = setup.stage(request.stage)
    head = setup.head(stage.name)
    left = _left_half_way(tools, setup, head)
    unfinished = left is not None and left.verb in ("deploy", "promote")
    news = newer_than_known(tools, setup, stage, head) if setup.offline else ()
    unfinished = unfinished or bool(news)
    to = request.to
    if to is None and left is not None and left.verb == "rollback" and left.release is not None:
        to = left.release.tag or left.release.commit  # the same command again: not one release further back
    if to is None and not unfinished:
        refuse_loop(head)
    good = deployed(head, to) if to is not None else rollback_target(head, unfinished=unfinished)
    if good is None:
        known = ", ".join(one.release.label for one in reversed(head.history)) or "none"
        raise GateClosed(
            f"{stage.name} never ran {to} with success"
            if to is not None
            else f"{stage.name} has no good release before the one that serves",
            fix=f"name one that it ran with --to: {known}",
        )
    release = good.release
    record = tools.ledger.event(setup.state, good.record)
    selection = Selection(
        verb="rollback",
        commit=release.commit,
        manifest=release.manifest,
        tag=release.tag,
        tag_object=release.tag_object,
        source=left.label if left else (head.serves or good).release.label,
        reason=request.reason,
        warnings=(
            *setup.warnings,
            *news,
            "stacks are left as they are: only code and its frozen settings go back",
        ),
    )
    hold, dead = hold_of(tools, setup, head, selection)
    wanted = wanted_of(tools, setup, stage, selection, target)
    places = _places(stage, _only_in(head, left) if good == head.serves else None)
    observed = _observe(tools, setup, stage, wanted, places)
    proven = prove(tools, wanted, record.after, places)
    steps, changes, warnings = rollback_steps(
        wanted,
        record.after,
        observed,
        alias=setup.pipelines.alias,
        gone=proven.gone,
        again=holding.moved_by(dead, _aliases(observed)) if isinstance(hold, Continue) else frozenset(),
    )
    warnings = (*warnings, *proven.warnings)
    blockers = (*_not_undone(stage, release.label, observed, changes), *proven.blockers)
    selection = replace(selection, warnings=(*selection.warnings, *warnings), blockers=blockers)
    kept: tuple[Served, ...] = ()
    if head.serves is not None:
        moved = {change.served.where for change in changes}
        now = tools.ledger.event(setup.state, _newest_record(head.serves, head)).after
        kept = tuple(one for one in now if one.where not in moved)
    return _draft(setup, stage, selection, wanted, steps, changes, hold, dead, observed, kept, places)


def _only_in(head: StageHead, left: Event | None) -> tuple[str, ...] | None:
    """The regions outside of which everything serves what the stage is to go back to. None: no such thing.

    The region that was out when a release went to the others may still be out when that is taken back.
    """
    partial = head.partial.regions if head.partial else ()
    if left is None or (left.regions is None and not (left.verb == "rollback" and partial)):
        return None
    return tuple(dict.fromkeys([*partial, *(left.regions or ())]))


def _not_undone(
    stage: Stage, label: str, observed: Observed, changes: tuple[Change, ...]
) -> tuple[Blocker, ...]:
    """Functions of the release's own services that serve something and have no record to go back to.

    Rolling back around them would leave half of a release, and call it done.
    """
    covered = {change.served.where for change in changes}
    return tuple(
        Blocker(
            "not-recorded",
            f"{copy.name} in {copy.place.region} serves version {copy.alias.lambda_version}, and {label} was"
            f" never rolled out there",
            f"promote a release to {stage.name} instead: it reaches every region that the stage has now",
        )
        for copy in observed.functions
        if copy.alias is not None and served(copy).where not in covered
    )


def _left_half_way(tools: Tools, setup: Setup, head: StageHead) -> Event | None:
    """The record of what began, or ended, without leaving the stage in one piece."""
    path = head.running.record if head.running else head.stranded
    path = path or (head.partial.record if head.partial else None)
    return tools.ledger.event(setup.state, path) if path else None


_NOTHING_OBSERVED = Observed((), (), {})


def hold_of(tools: Tools, setup: Setup, head: StageHead, selection: Selection) -> tuple[Hold, Event | None]:
    """Who may take hold of the stage for this, and the record of the dead holder that it follows."""
    hold = holding.decide(
        head,
        selection.verb,
        selection.release,
        selection.services,
        selection.regions,
        # Who cannot reach the ledger either goes back by himself; nobody can be asked to wait for him.
        dead=True if setup.offline else tools.holders.is_dead(head.running.holder) if head.running else None,
        now=tools.clock.now(),
    )
    if isinstance(hold, Continue | Supersede):
        return hold, tools.ledger.event(setup.state, hold.record)
    return hold, None


def wanted_of(
    tools: Tools, setup: Setup, stage: Stage, selection: Selection, target: BuildTarget
) -> tuple[Target, ...]:
    """What the release wants in this stage, from the documents that were stored at build."""
    manifest = load_manifest(tools.artifacts, selection.manifest or "")
    if selection.services is not None:
        unknown = sorted(set(selection.services) - set(manifest.services))
        if unknown:
            raise Misconfigured(
                f"there is no service {', '.join(unknown)} in commit {selection.commit[:10]}",
                fix=f"name some of: {', '.join(manifest.services)}",
            )
        chosen = {name: entry for name, entry in manifest.services.items() if name in selection.services}
        manifest = replace(manifest, services=chosen)
    foreign = sorted({one.target for one in manifest.services.values()} - {target.name})
    if foreign:
        raise Misconfigured(
            f"the release was built for {foreign[0]}, and this is for {target.name}",
            fix="promote it where it was built for; RELEASE_BUILD_TARGET=host is for the sandbox alone",
        )
    missing = [name for name, entry in manifest.services.items() if stage.name not in entry.stages]
    if missing:
        raise Misconfigured(
            f"the release was built before the stage {stage.name} was: {', '.join(missing)}",
            fix="merge any change, and take that through the pipeline",
        )
    entries = [entry.stages[stage.name].settings for entry in manifest.services.values()]
    documents = {digest: load_settings(tools.artifacts, digest) for digest in entries}
    return targets(manifest, documents, stage.name)


def _observe(
    tools: Tools, setup: Setup, stage: Stage, wanted: tuple[Target, ...], places: tuple[Place, ...]
) -> Observed:
    check_identity(tools.functions, stage.environment, places[0])
    return observe_fleet(
        tools.functions, tools.stacks, tools.artifacts, places, wanted, setup.pipelines.alias
    )


def _untrusted(setup: Setup) -> tuple[Blocker, ...]:
    """Gates of a work tree bind nobody."""
    if setup.trusted:
        return ()
    return (
        Blocker(
            "pipelines-not-on-remote",
            "pipelines/ is not on the default branch of the remote, and the work tree's gates bind nobody",
            "push pipelines/ to the default branch",
        ),
    )


def _aliases(observed: Observed) -> dict[tuple[str, str, str], AliasFacts]:
    return {served(copy).where: copy.alias for copy in observed.functions if copy.alias is not None}


def _draft(
    setup: Setup,
    stage: Stage,
    selection: Selection,
    wanted: tuple[Target, ...],
    steps: tuple[Step, ...],
    changes: tuple[Change, ...],
    hold: Hold,
    dead: Event | None,
    observed: Observed,
    kept: tuple[Served, ...] = (),
    places: tuple[Place, ...] | None = None,
) -> Draft:
    places = places or _places(stage, selection.regions)
    rollouts = {} if selection.verb == "rollback" else {at.region: stage.rollouts[at.region] for at in places}
    head = setup.head(stage.name)
    some = selection.services is not None or selection.regions is not None
    begun = isinstance(hold, Continue)  # that ends with an outcome, though nothing may be left to move
    idle = not (steps or selection.mint or begun) and (serves_already(head, selection) or some)
    looks = bool(wanted) and selection.verb != "rollback" and not (idle and head.running is None)
    plan = Plan(
        verb=selection.verb,
        pipeline=setup.pipeline.name,
        stage=stage.name,
        release=selection.release,
        source=selection.source,
        reason=selection.reason,
        mint=selection.mint,
        services=selection.services,
        regions=selection.regions,
        despite=selection.despite,
        approved=selection.approved_destructive,
        rollouts=rollouts,
        waves=waves_of(steps, places, rollouts),
        steps=(*steps, *hooks.verifications(stage.verify if looks else (), places)),
        changes=changes,
        warnings=selection.warnings,
        blockers=(*selection.blockers, *_untrusted(setup)),
        kept=kept,
        before=holding.carried(
            [change.served for change in changes], dead, holding.moved_by(dead, _aliases(observed))
        ),
        places=places,
        alias=setup.pipelines.alias,
        after=stage.after if selection.verb == "promote" else None,
        earlier=tuple(head.stage for head in setup.before(stage)),
        hold_on_failure=stage.on_failure == "hold",
    )
    nothing = None
    if idle and not plan.blockers:
        nothing = f"nothing to do: {stage.name} serves {plan.release.label}"
    return Draft(plan, wanted, hold, dead, setup.state, setup.pipelines, nothing)
