"""The last promotions of one stage, from the newest events about it."""

from collections.abc import Sequence

from release.core.promotions import Promotion, Written, promotions
from release.core.records import Event, Good, StageHead

_EVENTS_EACH = 12  # start, waves, pauses, outcome; a longer one leaves less room for older ones
_MORE = 60  # for a few that baked long


def events_for(last: int) -> int:
    """How many of the newest events of a stage hold so many promotions, as good as always."""
    return last * _EVENTS_EACH + _MORE


def recent(events: Sequence[Event], head: StageHead, last: int) -> tuple[Promotion, ...]:
    """The last promotions, oldest first. `events`: about the stage, newest first.

    One whose start is older than the oldest event is left out: it cannot be known as a whole.
    """
    served: Good | None = None
    pairs: list[tuple[Written, Good | None]] = []
    for event in reversed(events):
        pairs.append((Written(event, ""), served or _known_before(head, event)))
        is_whole = event.services is None and event.regions is None
        if event.has_brought and is_whole and event.release is not None:
            served = Good(event.release, event.at, event.actor, event.path, run=event.run)
    found = sorted(promotions(pairs), key=lambda one: one.start.id)
    return tuple(found[-last:])


def _known_before(head: StageHead, event: Event) -> Good | None:
    """What the stage served before the oldest event that we have, as far as its head remembers."""
    return next((good for good in reversed(head.history) if good.at < event.at), None)
