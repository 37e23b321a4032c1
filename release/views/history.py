"""The ledger as people read it: the log of all events, and one release in full."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from release.core.decisions import PAST
from release.core.records import Event, Passed
from release.views.tables import OUTCOME_STYLE, short, table


def log_text(events: Sequence[Event]) -> Iterator[RenderableType]:
    """Newest first: when, where, what, how it ended, who."""
    if not events:
        yield Text("the ledger is empty: nothing was deployed or promoted yet")
        return
    rows = table("when", "stage", "what", "release", "event", "by", wide=("stage", "release", "event", "by"))
    for event in events:
        word = _word(event)
        rows.add_row(
            f"{event.at[5:10]} {event.at[11:19]}",
            event.stage,
            event.verb,
            ", ".join(event.services or ()) if event.verb in ("retire", "infra") else event.label,
            Text(
                f"{word}: {event.reason}" if _is_decision(event) and event.reason else word,
                style=_style(event),
            ),
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
        yield Text.assemble(
            f"{event.at}  {event.verb} {'in' if _is_decision(event) else 'to'} {event.stage}: ",
            (_word(event), _style(event)),
            f" by {event.actor}",
        )
        if event.reason and (event.kind in ("started", "abort") or _is_decision(event)):
            yield Text(f"  reason: {event.reason}")
        if event.approvers and event.kind in ("started", "taken-over"):
            yield Text(f"  approved by: {', '.join(event.approvers)}")
        for passed in event.gates or ():
            yield Text(f"  gate {_told(passed)}")
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


def _told(passed: Passed) -> str:
    """`soak 24h: stage uat, since 2026-11-20T09:50:00Z`."""
    seen = ", ".join(f"{one.what} {one.value}" for one in passed.seen)
    return f"{passed.gate} {passed.setting}" + (f": {seen}" if seen else "")


def _is_decision(event: Event) -> bool:
    return event.kind in PAST


def _word(event: Event) -> str:
    """How it ended, or what it was."""
    return event.outcome or PAST.get(event.kind, event.kind)


def _style(event: Event) -> str:
    return _DECISION_STYLE.get(event.kind) or OUTCOME_STYLE.get(event.outcome or "", "dim")


_DECISION_STYLE = {
    "hold": "yellow",
    "unhold": "green",
    "quarantine": "red",
    "clear": "green",
    "accept": "green",
    "reject": "red",
    "retire": "yellow",
    "infra": "yellow",
}


def event_json(event: Event) -> dict[str, Any]:
    """An event as the ledger holds it, with its path."""
    import json

    data: dict[str, Any] = json.loads(event.to_bytes())
    return {"path": event.path} | data
