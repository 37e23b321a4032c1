"""A screen of 80 columns, and what is shown on it."""

import io
from collections.abc import Iterable

from rich.console import Console, RenderableType

COLUMNS = 80


def shown(lines: Iterable[RenderableType]) -> str:
    """Exactly what a terminal without colours shows; no line is wider than it."""
    screen = io.StringIO()
    console = Console(width=COLUMNS, file=screen, color_system=None)
    for line in lines:
        console.print(line)
    text = "\n".join(line.rstrip() for line in screen.getvalue().splitlines())
    assert all(len(line) <= COLUMNS for line in text.splitlines())
    return text


def words(text: str) -> str:
    """Without line breaks and columns, to look for sentences that were wrapped."""
    return " ".join(text.split())
