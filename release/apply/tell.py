"""Tells people what a rollout has come to: it serves, it failed, it is held, it went back."""

from collections.abc import Sequence
from dataclasses import replace

from release.apply.work import Work
from release.core.notices import moving, of_event
from release.core.records import Event


def tell(work: Work, event: Event) -> None:
    """Tell whoever wants to know of an event. That somebody cannot be told changes nothing: it is said."""
    try:
        untold = _tell(work, event)
    except Exception as bug:
        # What is on record must not be taken back because of how it was told.
        untold = [f"a bug in release ({type(bug).__name__}); report it"]
    for line in untold:
        work.say("untold", cause=line)


def _tell(work: Work, event: Event) -> Sequence[str]:
    plan = work.plan
    first = not any(was.lambda_version for was in plan.before)
    # Who has approved is on record where the promotion began; people want to know it at the end.
    notice = of_event(replace(event, approvers=work.who.approvers), _where(work), first=first)
    return work.tools.notifier.tell(notice, plan.places[0]) if notice is not None else ()


def _where(work: Work) -> str:
    """The functions that move, and the regions in the order of their traffic."""
    changes, regions = work.plan.changes, ", ".join(place.region for place in work.plan.places)
    return moving(sum(change.changes for change in changes), len(changes), regions)
