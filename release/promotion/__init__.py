"""observe → plan, for every verb that moves a release: reads the facts through ports and lets core decide.

Nothing here writes to AWS or git; `release.apply` carries out what comes of it.
"""

from release.promotion.choose import deploy_selection, next_release
from release.promotion.drafts import Draft, refuse
from release.promotion.reconcile import draft_reconciled
from release.promotion.requested import draft
from release.promotion.resumed import draft_back, draft_resumed, draft_watched
from release.promotion.rollback import draft_rollback
from release.promotion.rollout import draft_promotion, draft_rollout
from release.promotion.setup import Request, Setup, build_setup, read_setup

__all__ = [
    "Draft",
    "Request",
    "Setup",
    "build_setup",
    "deploy_selection",
    "draft",
    "draft_back",
    "draft_promotion",
    "draft_reconciled",
    "draft_resumed",
    "draft_rollback",
    "draft_rollout",
    "draft_watched",
    "next_release",
    "read_setup",
    "refuse",
]
