"""What `release advance` and `release abort` are to do about what is under way in a stage."""

from dataclasses import replace
from datetime import timedelta

from release.apply import Paused, Tools, Who
from release.apply.waves import does_badly, still_bakes
from release.build.target import Target
from release.core.holding import Busy, asked_back
from release.core.models import Stage
from release.promotion import Draft, Setup, draft_back, draft_resumed


def resume(
    tools: Tools, setup: Setup, stage: Stage, *, who: Who, wait: timedelta, target: Target
) -> Draft | Paused | None:
    """What to carry out now, or what is waited for. None: nothing is under way.

    A draft whose plan is blocked needs a person. Even then what bakes is watched: where it does badly, the
    draft is its way back. Raises Misconfigured, Unavailable, GateClosed.
    """
    head = setup.head(stage.name)
    draft = draft_resumed(tools, setup, stage, target=target)
    if draft is None:
        return None
    if isinstance(draft.hold, Busy):
        return Paused(draft.hold.what, None)
    if asked_back(head, setup.before(stage)) is not None:
        return draft
    if not draft.plan.blockers:
        waits = still_bakes(draft.plan, draft.wanted, head, tools=tools, who=who, wait=wait)
        return draft if waits is None else waits
    failed = does_badly(draft.plan, draft.wanted, head, tools=tools, who=who)
    back = draft_back(tools, setup, stage, target=target) if failed is not None else None
    return draft if back is None else replace(back, failed=failed)
