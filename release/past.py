"""Reads what the releases of one stage have had, as far as its head remembers."""

from collections.abc import Callable, Sequence

from release.core.manifest import Manifest
from release.core.records import Event, Served, StageHead
from release.ports import Ledger, LedgerState


def past_events(ledger: Ledger, state: LedgerState, head: StageHead) -> Sequence[Event]:
    """The event that says what every function serves, then the earlier good ones, the newest first.

    Nothing where the stage has run nothing. Raises Misconfigured where the ledger lacks one.
    """
    if head.serves is None:
        return ()
    # What went to some regions only has a record of its own, with what it left in the others.
    newest = head.partial.record if head.partial else head.serves.record
    paths = [newest, head.serves.record, *(one.record for one in reversed(head.history))]
    return [ledger.event(state, path) for path in dict.fromkeys(paths)]


def came_with(
    served: Served, events: Sequence[Event], stage: str, manifest: Callable[[str], Manifest]
) -> str | None:
    """Digest of the template that a function's service had in the release that brought what it serves.

    `events` as `past_events` has them. None: that is longer ago than the head remembers.
    """
    for event in events:
        brought = served in event.after and event.release is not None
        whole = event.services is None or served.service in event.services
        if not (brought and whole and (event.regions is None or served.region in event.regions)):
            continue
        entry = manifest(event.release.manifest).services.get(served.service) if event.release else None
        if entry is not None and entry.artifact == served.code and stage in entry.stages:
            return entry.stages[stage].template
    return None


def ever_served(events: Sequence[Event]) -> Sequence[Served]:
    """Everything that stood in these records, before and after."""
    return [one for event in events for one in (*event.before, *event.after)]
