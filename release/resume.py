"""What `release advance` and `release abort` are to do about what is under way in a stage."""

from dataclasses import replace
from datetime import timedelta

from release.apply import Paused, Tools, Who
from release.apply.unattended import does_badly, still_bakes
from release.build.target import Target
from release.core.holding import Busy, asked_back
from release.core.models import Stage
from release.errors import ReleaseError
from release.promotion import Draft, Setup, draft_resumed, draft_watched


def resume(
    tools: Tools, setup: Setup, stage: Stage, *, who: Who, wait: timedelta, target: Target
) -> Draft | Paused | None:
    """What to carry out now, or what is waited for. None: nothing is under way.

    A draft whose plan is blocked needs a person, and a region that is out must come back. Even then what
    bakes is watched: where it does badly, the draft is its way back. Raises Misconfigured, Unavailable,
    GateClosed.
    """
    head = setup.head(stage.name)
    try:
        draft = draft_resumed(tools, setup, stage, target=target)
    except ReleaseError:
        back = _back_if_bad(tools, setup, stage, who=who, target=target)
        if back is None:
            raise
        return back
    if draft is None:
        return None
    if isinstance(draft.hold, Busy):
        return Paused(draft.hold.what, None)
    if asked_back(head, setup.before(stage)) is not None or draft.failed is not None:
        return draft
    if not draft.plan.blockers:
        waits = still_bakes(draft.plan, draft.wanted, head, tools=tools, who=who, wait=wait)
        return draft if waits is None else waits
    return _back_if_bad(tools, setup, stage, who=who, target=target) or draft


def _back_if_bad(tools: Tools, setup: Setup, stage: Stage, *, who: Who, target: Target) -> Draft | None:
    """To go on needs what was approved, and every region. To see that it does badly does not."""
    head = setup.head(stage.name)
    if asked_back(head, setup.before(stage)) is not None:
        return None
    watched = draft_watched(tools, setup, stage, target=target)
    if watched is None or isinstance(watched.hold, Busy):
        return None
    failed = does_badly(watched.plan, watched.wanted, head, tools=tools, who=who)
    if failed is None:
        return None
    return replace(watched, plan=replace(watched.plan, steps=(), waves=()), failed=failed)
