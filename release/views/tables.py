"""The look that all views share: narrow tables without lines, one fact a column."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.table import Table
from rich.text import Text

OUTCOME_STYLE = {
    "succeeded": "green",
    "failed": "red",
    "errored": "yellow",
    "aborted": "yellow",
    "stranded": "bold red",
}


def table(*headings: str, wide: str | tuple[str, ...] = ()) -> Table:
    """A table whose columns never wrap, save the `wide` ones: they give way, so that no other is cut off."""
    folding = (wide,) if isinstance(wide, str) else wide
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for heading in headings:
        if heading in folding:
            made.add_column(heading, overflow="fold")
        else:
            made.add_column(heading, no_wrap=True, overflow="ellipsis")
    return made


def short(digest: str | None) -> str:
    """A digest or commit as people compare it."""
    return digest[:10] if digest else "-"


def ago(now: datetime, then: datetime) -> str:
    """How long ago, in the one unit that matters."""
    passed = max(now - then, timedelta())
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
        if passed.total_seconds() >= 2 * seconds:
            return f"{int(passed.total_seconds() // seconds)} {unit} ago"
    return f"{int(passed.total_seconds())} s ago"


def spoken(length: timedelta) -> str:
    """A length of time in the largest unit that gives a whole number: "5 min", "90 s"."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def listed(items: Sequence[str], limit: int = 4) -> str:
    """A few names, and how many more there are."""
    shown = ", ".join(items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown


def heading(text: str) -> Text:
    return Text(text, style="bold")
