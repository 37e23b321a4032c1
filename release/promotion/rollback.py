"""The way back: the plan to what a good release of the stage left, or to what served before."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from release.apply.work import Tools
from release.build.target import Target as BuildTarget
from release.core import holding
from release.core.blockers import Blocker
from release.core.holding import Continue, Supersede
from release.core.models import Place, Stage
from release.core.plan import Change
from release.core.records import Event, Served, StageHead, rollback_target
from release.core.rollback import rollback_steps
from release.core.selection import Selection, deployed
from release.core.snapshot import Observed, served
from release.errors import GateClosed, Unavailable
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
from release.promotion.gates import refuse_loop
from release.promotion.out_of_reach import newer_than_known
from release.promotion.prove import prove
from release.promotion.setup import Request, Setup


def draft_rollback(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Draft:
    """The plan back to a good release of this stage: its recorded lambda versions, alias first."""
    stage = setup.stage(request.stage)
    head = setup.head(stage.name)
    left = _left_half_way(tools, setup, head)
    unfinished = left is not None and left.verb in ("deploy", "promote")
    news = newer_than_known(tools, setup, stage, head) if setup.offline else ()
    unfinished = unfinished or bool(news)
    to = request.to
    back = head.partial.back if head.partial else None  # some regions are there: the others follow
    if left is not None and left.verb == "rollback":
        back = left.release  # the same command again: not one release further back
    if to is None and back is not None:
        to = back.tag or back.commit
    if to is None and not unfinished:
        refuse_loop(head)
    good = deployed(head, to) if to is not None else rollback_target(head, unfinished=unfinished)
    if good is None:
        others = [one.release.label for one in reversed(head.history) if one != head.serves]
        raise GateClosed(
            f"{stage.name} never ran {to} with success"
            if to is not None
            else f"{stage.name} has no good release before the one that serves",
            fix=f"name one that it ran with --to: {', '.join(others[:5])}"
            if others
            else "promote a fix: it has run nothing else with success",
        )
    release = good.release
    record = tools.ledger.event(setup.state, good.record)
    ahead = _only_in(head, left) if good == head.serves else None
    regions = request.regions or None
    places = places_of(stage, regions or ahead)
    if regions is not None and ahead is not None and set(ahead) <= set(regions):
        regions = None  # everything else serves that release already: no region is left behind
    selection = Selection(
        verb="rollback",
        commit=release.commit,
        manifest=release.manifest,
        tag=release.tag,
        tag_object=release.tag_object,
        source=left.label if left else (head.serves or good).release.label,
        reason=request.reason,
        regions=regions,
        warnings=(
            *setup.warnings,
            *news,
            "stacks are left as they are: only code and its frozen settings go back",
        ),
    )
    return draft_restored(tools, setup, stage, selection, record, places, target=target)


def draft_restored(
    tools: Tools,
    setup: Setup,
    stage: Stage,
    selection: Selection,
    record: Event,
    places: tuple[Place, ...],
    *,
    target: BuildTarget,
) -> Draft:
    """The plan back to exactly what a record says that functions serve, alias first."""
    head = setup.head(stage.name)
    hold, dead = hold_of(tools, setup, head, selection)
    wanted = wanted_of(tools, setup, stage, selection, target)
    observed = observe(tools, setup, stage, wanted, places)
    proven = prove(tools, wanted, record.after, places)
    steps, changes, warnings = rollback_steps(
        wanted,
        record.after,
        observed,
        alias=setup.pipelines.alias,
        gone=proven.gone,
        again=holding.moved_by(dead, aliases_of(observed)) if isinstance(hold, Continue) else frozenset(),
    )
    warnings = (*warnings, *proven.warnings)
    label = selection.release.label
    lost = _lost(record.after, proven.gone, observed)
    blockers = (*_not_undone(stage, label, observed, changes), *proven.blockers, *lost)
    if selection.regions is not None and isinstance(hold, Supersede):
        blockers = (*blockers, *_beyond(tools, setup, stage, dead, places))
    selection = replace(selection, warnings=(*selection.warnings, *warnings), blockers=blockers)
    kept: tuple[Served, ...] = ()
    if head.serves is not None:
        moved = {change.served.where for change in changes}
        now = tools.ledger.event(setup.state, newest_record(head.serves, head)).after
        kept = tuple(one for one in now if one.where not in moved)
    return drafted(
        setup, stage, selection, wanted, steps, changes, hold, dead, observed, kept, places, at_once=True
    )


def _lost(
    recorded: Sequence[Served], gone: Collection[tuple[str, str, str]], observed: Observed
) -> tuple[Blocker, ...]:
    """What would have to be published again, and whose bytes are in no store of the region any more."""
    return tuple(
        Blocker(
            "artifact-lost",
            f"version {one.lambda_version} of {one.function} in {one.region} is gone, and so is its artifact"
            f" {(one.code or '')[:12]} from the store there",
            "bring it back from another region's bucket or from a backup, or go back further: --to TAG",
        )
        for one in recorded
        if one.where in gone and observed.artifacts.get((one.code or "", one.region)) is False
    )


def _beyond(
    tools: Tools, setup: Setup, stage: Stage, dead: Event | None, places: tuple[Place, ...]
) -> tuple[Blocker, ...]:
    """What a dead promotion may have moved outside the regions that are to go back: nobody would know of it.

    An alias that cannot be read counts as moved. What a dead rollback has moved is where this goes, too.
    """
    if dead is None or dead.verb == "rollback":
        return ()
    others = {
        (place.account, place.region): place for place in stage.environment.places if place not in places
    }

    def untouched(was: Served) -> bool:
        place = others.get((was.account, was.region))
        if place is None:
            return True
        try:
            facts = tools.functions.alias(place, was.function, setup.pipelines.alias)
        except Unavailable:
            return False
        return facts is None or not holding.moved_by(dead, {was.where: facts})

    beyond = next((was for was in dead.before if not untouched(was)), None)
    if beyond is None:
        return ()
    return (
        Blocker(
            "half-way",
            f"{dead.id} is not finished, and may have moved {beyond.function} in {beyond.region},"
            " which is no part of this",
            f"release abort {stage.name} --reason TEXT: it goes back wherever it can",
        ),
    )


def _only_in(head: StageHead, left: Event | None) -> tuple[str, ...] | None:
    """The regions outside of which everything serves what the stage is to go back to. None: no such thing.

    The region that was out when a release went to the others may still be out when that is taken back. One
    that was out when the others went back serves what they left, and so may be what a dead one had moved.
    """
    if (head.partial is not None and head.partial.back is not None) or (left is not None and left.supersedes):
        return None
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
