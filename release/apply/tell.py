"""Tells people what a rollout has come to: it serves, it failed, it is held, it went back."""

from dataclasses import replace

from release.apply.work import Work
from release.core.notices import moving, of_event
from release.core.records import Event


def tell(work: Work, event: Event) -> None:
    """Tell whoever wants to know of an event. That somebody cannot be told changes nothing: it is said."""
    plan = work.plan
    first = not any(was.lambda_version for was in plan.before)
    # Who has approved is on record where the promotion began; people want to know it at the end.
    notice = of_event(replace(event, approvers=work.who.approvers), _where(work), first=first)
    if notice is None:
        return
    for untold in work.tools.notifier.tell(notice, plan.places[0]):
        work.say("untold", cause=untold)


def _where(work: Work) -> str:
    """The functions that move, and the regions in the order of their traffic."""
    changes, regions = work.plan.changes, ", ".join(place.region for place in work.plan.places)
    return moving(sum(change.changes for change in changes), len(changes), regions)
