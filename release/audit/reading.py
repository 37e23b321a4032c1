"""Reads events out of the ledger's commits, each with its commit and with what its stage served."""

import json
from collections.abc import Iterable, Iterator

from release.core.chain import LedgerCommit, head_of, is_event
from release.core.promotions import Written
from release.core.records import Event, Good
from release.errors import Misconfigured


def written(commits: Iterable[LedgerCommit]) -> Iterator[tuple[Written, Good | None]]:
    """Every event that was added, in order. Raises Misconfigured for one that cannot be read."""
    for commit in commits:
        for change in commit.changes:
            if change.status != "A" or not is_event(change.path):
                continue
            event = _event(commit.id, change.path, change.data or b"")
            head = head_of(commit, event)
            yield Written(event, commit.id), head.serves if head else None


def _event(commit: str, path: str, data: bytes) -> Event:
    try:
        event = Event.from_json(json.loads(data))
        if event.path != path:
            raise ValueError(f"by its content it is {event.path}")
    except (ValueError, RecursionError) as error:
        raise Misconfigured(
            f"the ledger's file {path} cannot be read: {error}",
            fix="`release audit verify` names all that does not hold; a newer ledger needs a newer release",
            see=f"release-ledger {commit}",
        ) from error
    return event
