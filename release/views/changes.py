"""Which services changed, and why."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from release.core.changes import Changes
from release.views.tables import table


def changes_text(changes: Changes) -> Iterator[RenderableType]:
    """The changed services first; the count of the others last."""
    changed = [change for change in changes.services if change.what]
    yield Text(f"against {changes.against}", style="dim")
    if changes.unknown:
        yield Text(f"all count as changed: {changes.unknown}", style="yellow")
    if changed:
        rows = table("service", "change", "why", wide=("service", "why"))
        for change in changed:
            rows.add_row(change.service, " ".join(change.what), change.why)
        yield rows
    for note in changes.notes:
        yield Text(f"cannot be built: {note}", style="red")
    same = len(changes.services) - len(changed) + len(changes.same)
    yield Text(f"{len(changed)} changed, {same} unchanged")


def explained_text(changes: Changes, service: str) -> Iterator[RenderableType]:
    """Everything that is known about one service."""
    for change in changes.services:
        if change.service == service:
            yield Text(f"{service}: {change.why}")
    for line in changes.because:
        yield Text(f"  {line}")
    for note in changes.notes:
        yield Text(f"  cannot be built: {note}", style="red")
