"""Which services changed, and why."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from release.core.changes import Change
from release.views.tables import table


def changes_text(changes: Sequence[Change], against: str) -> Iterator[RenderableType]:
    """The changed services first; the count of the others last."""
    changed = [change for change in changes if change.what]
    yield Text(f"against {against}", style="dim")
    if changed:
        rows = table("service", "change", "why", wide=("service", "why"))
        for change in changed:
            rows.add_row(change.service, " ".join(change.what), change.why)
        yield rows
    same = len(changes) - len(changed)
    yield Text(f"{len(changed)} changed, {same} unchanged")


def changes_json(changes: Sequence[Change], against: str) -> dict[str, object]:
    return {
        "against": against,
        "changed": [change.service for change in changes if change.what and "removed" not in change.what],
        "removed": [change.service for change in changes if "removed" in change.what],
        "services": [{"service": c.service, "what": list(c.what), "why": c.why} for c in changes],
    }
