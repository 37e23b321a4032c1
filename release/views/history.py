"""The ledger as people read it: the log of all events, and one release in full."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from release.core.records import Event
from release.views.tables import OUTCOME_STYLE, short, table


def log_text(events: Sequence[Event]) -> Iterator[RenderableType]:
    """Newest first: when, where, what, how it ended, who."""
    if not events:
        yield Text("the ledger is empty: nothing was deployed or promoted yet")
        return
    rows = table("when", "stage", "what", "release", "event", "by", wide=("stage", "release", "by"))
    for event in events:
        word = event.outcome or event.kind
        rows.add_row(
            f"{event.at[5:10]} {event.at[11:19]}",
            event.stage,
            event.verb,
            event.label,
            Text(word, style=OUTCOME_STYLE.get(word, "dim")),
            event.actor,
        )
    yield rows


def release_text(tag: str, trailers: dict[str, str], events: Sequence[Event]) -> Iterator[RenderableType]:
    """Everything that is recorded of one release: its tag, then event by event, oldest first."""
    yield Text(tag, style="bold cyan")
    for key, value in trailers.items():
        if value:
            yield Text(f"  {key.removeprefix('Release-').lower():<9} {value}")
    for event in events:
        word = event.outcome or event.kind
        yield Text.assemble(
            f"{event.at}  {event.verb} to {event.stage}: ",
            (word, OUTCOME_STYLE.get(word, "")),
            f" by {event.actor}",
        )
        if event.reason and event.kind in ("started", "abort"):
            yield Text(f"  reason: {event.reason}")
        if event.failure:
            yield Text(f"  because: {event.failure}")
        for line in event.report:
            yield Text(f"  left: {line}", style="red")
        if event.after:
            rows = table("  function", "region", "version", "code (sha256)", wide="  function")
            for served in event.after:
                rows.add_row(
                    f"  {served.function}", served.region, served.lambda_version or "-", short(served.code)
                )
            yield rows


def event_json(event: Event) -> dict[str, Any]:
    """An event as the ledger holds it, with its path."""
    import json

    data: dict[str, Any] = json.loads(event.to_bytes())
    return {"path": event.path} | data
