"""The plan of whatever was asked for."""

from dataclasses import replace

from release.apply.work import Tools
from release.build.target import Target as BuildTarget
from release.errors import Misconfigured
from release.promotion.choose import deploy_selection
from release.promotion.drafts import Draft
from release.promotion.reconcile import draft_reconciled
from release.promotion.rollback import draft_rollback
from release.promotion.rollout import built, draft_promotion, draft_rollout
from release.promotion.setup import Request, Setup


def draft(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Draft:
    """The plan of any request, without building: a commit that was never built is a blocker."""
    match request.verb:
        case "deploy":
            selection = deploy_selection(tools.repo, setup, request)
            if not selection.blockers:
                selection = built(tools, setup, selection, target)
            stage = setup.stage(request.stage)
            drafted = draft_rollout(tools, setup, stage, selection, target=target)
            return replace(drafted, nothing=selection.superseded or drafted.nothing)
        case "promote":
            return draft_promotion(tools, setup, request, target=target)
        case "reconcile":
            return draft_reconciled(tools, setup, request, target=target)
        case "rollback":
            return draft_rollback(tools, setup, request, target=target)
        case verb:
            raise Misconfigured(
                f"there is no plan for {verb!r}", fix="plan deploy, promote, rollback or reconcile"
            )
