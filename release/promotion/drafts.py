"""Drafts: plans with what they were made from, and what any of them is made of."""

from dataclasses import dataclass, replace

from release.apply.work import Tools
from release.build.documents import load_manifest, load_settings
from release.build.target import Target as BuildTarget
from release.core import holding, hooks
from release.core.blockers import Blocker
from release.core.holding import Continue, Hold, Supersede
from release.core.manifest import Target, targets
from release.core.models import Pipelines, Place, Stage
from release.core.plan import Change, Plan, Step
from release.core.records import Event, Good, Served, StageHead
from release.core.rollout import waves_of
from release.core.selection import (
    Selection,
    serves_already,
)
from release.core.snapshot import AliasFacts, Observed, served
from release.errors import GateClosed, Misconfigured, RolloutFailed
from release.observe import check_identity, observe_fleet
from release.ports import LedgerState
from release.promotion.at_work import is_dead
from release.promotion.setup import Setup


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


def newest_record(serves: Good, head: StageHead) -> str:
    """Path of the event that says what every function serves, also where a release went to some regions."""
    return head.partial.record if head.partial is not None else serves.record


def places_of(stage: Stage, regions: tuple[str, ...] | None) -> tuple[Place, ...]:
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


def hold_of(tools: Tools, setup: Setup, head: StageHead, selection: Selection) -> tuple[Hold, Event | None]:
    """Who may take hold of the stage for this, and the record of the dead holder that it follows."""
    hold = holding.decide(
        head,
        selection.verb,
        selection.release,
        selection.services,
        selection.regions,
        # Who cannot reach the ledger either goes back by himself; nobody can be asked to wait for him.
        dead=True if setup.offline else is_dead(tools.holders, head.running) if head.running else None,
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


def observe(
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


def aliases_of(observed: Observed) -> dict[tuple[str, str, str], AliasFacts]:
    return {served(copy).where: copy.alias for copy in observed.functions if copy.alias is not None}


def plan_to_do_nothing(
    setup: Setup, stage: Stage, selection: Selection, places: tuple[Place, ...], before: tuple[Served, ...]
) -> Plan:
    """What the plan of a selection says whatever its steps are. `before`: what to go back to."""
    return Plan(
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
        gates=selection.gates,
        steps=(),
        changes=(),
        warnings=selection.warnings,
        blockers=selection.blockers,
        kept=(),
        before=before,
        places=places,
        alias=setup.pipelines.alias,
        earlier=tuple(head.stage for head in setup.before(stage)),
        hold_on_failure=stage.on_failure == "hold",
    )


def drafted(
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
    *,
    at_once: bool = False,
) -> Draft:
    """`at_once`: back to what served before. The stage's rollout is for what is new there, and so are the
    programs that look at it afterwards.
    """
    places = places or places_of(stage, selection.regions)
    rollouts = {} if at_once else {at.region: stage.rollouts[at.region] for at in places}
    head = setup.head(stage.name)
    some = selection.services is not None or selection.regions is not None
    begun = isinstance(hold, Continue)  # that ends with an outcome, though nothing may be left to move
    idle = not (steps or selection.mint or begun) and (serves_already(head, selection) or some)
    looks = bool(wanted) and not at_once and not (idle and head.running is None)
    moved = holding.moved_by(dead, aliases_of(observed))
    before = holding.carried([change.served for change in changes], dead, moved)
    plan = replace(
        plan_to_do_nothing(setup, stage, selection, places, before),
        rollouts=rollouts,
        waves=waves_of(steps, places, rollouts),
        steps=(*steps, *hooks.verifications(stage.verify if looks else (), places)),
        changes=changes,
        blockers=(*selection.blockers, *_untrusted(setup)),
        kept=kept,
        after=stage.after if selection.verb == "promote" else None,
    )
    nothing = None
    if idle and not plan.blockers:
        where = f"{', '.join(plan.regions)} of {stage.name}" if plan.regions else stage.name
        nothing = f"nothing to do: {where} serves {plan.release.label}"
    return Draft(plan, wanted, hold, dead, setup.state, setup.pipelines, nothing)
