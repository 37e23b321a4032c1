"""Back in step: the plan to exactly what the ledger says that a stage serves."""

from dataclasses import replace

from release.apply.work import Tools
from release.build.target import Target as BuildTarget
from release.core.decisions import closed_by_people
from release.core.models import Stage
from release.core.records import ReleaseRef, StageHead
from release.core.selection import Selection, deployed
from release.errors import GateClosed
from release.promotion.drafts import Draft, places_of
from release.promotion.rollback import draft_restored
from release.promotion.rollout import draft_rollout
from release.promotion.setup import Request, Setup


def draft_reconciled(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Draft:
    """Every alias where the record of the stage has it; where a release is in some regions only, in all.

    It brings in nothing that was not let in, so no gate is asked; only what brings a release to further
    regions heeds a hold and a quarantine. Raises GateClosed where there is no record, or something is under
    way; Misconfigured, Unavailable.
    """
    stage = setup.stage(request.stage)
    head = setup.head(stage.name)
    good = head.serves
    if good is None:
        raise GateClosed(
            f"{stage.name} has run nothing with success yet: there is no record to go by",
            fix="deploy or promote to it first",
        )
    _refuse_beside(head)
    partial = head.partial
    if partial is not None and partial.back is None:
        selection = _selection(setup, stage, partial.release, request, good.release.label)
        if head.running is None:  # it was let in, but not into these regions since somebody has said no
            closed = closed_by_people(head, partial.release.commit)
            selection = replace(selection, blockers=(*selection.blockers, *closed))
        return draft_rollout(tools, setup, stage, selection, target=target)
    if partial is not None and partial.back is not None:
        good = deployed(head, partial.back.tag or partial.back.commit) or good
    record = tools.ledger.event(setup.state, good.record)
    selection = _selection(setup, stage, good.release, request, good.release.label)
    return draft_restored(tools, setup, stage, selection, record, places_of(stage, None), target=target)


def _refuse_beside(head: StageHead) -> None:
    running = head.running
    if running is not None and running.verb != "reconcile":
        raise GateClosed(
            f"{running.verb} of {running.release.label} by {running.actor} is under way in {head.stage}",
            fix=f"release advance {head.stage} brings it to its end,"
            f" release abort {head.stage} --reason TEXT takes it back",
        )


def _selection(setup: Setup, stage: Stage, release: ReleaseRef, request: Request, source: str) -> Selection:
    return Selection(
        verb="reconcile",
        commit=release.commit,
        manifest=release.manifest,
        tag=release.tag,
        tag_object=release.tag_object,
        source=source,
        reason=request.reason,
        warnings=(
            *setup.warnings,
            f"{stage.name} goes back to its record; `release drift {stage.name}` shows what else differs",
        ),
    )
