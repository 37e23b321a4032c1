"""What retiring a service would do, and did."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from release.core.records import Event
from release.core.retire import Retirement
from release.views.tables import table


def retirement_text(planned: Retirement, alias: str) -> Iterator[RenderableType]:
    """Now → next, in the order in which it is done."""
    yield Text.assemble(("retire", "bold"), f" {planned.service} in ", (planned.stage, "bold"))
    if planned.is_done:
        yield Text(f"nothing to do: {planned.service} has no triggers and no alias there")
        return
    rows = table("  what", "region", "now", "next", wide="  what")
    for stack in planned.detach:
        rows.add_row(f"  stack {stack.name}", stack.place.region, "triggers on", "triggers off")
    for copy in planned.remove:
        now = f"{alias} → {copy.alias.serving}" if copy.alias else "-"
        rows.add_row(f"  {copy.name}", copy.place.region, now, f"no {alias}")
    yield rows
    yield Text(
        "  what stays: its stack with tables, queues and logs, its functions and their versions", style="dim"
    )


def retirement_json(planned: Retirement, event: Event | None) -> dict[str, Any]:
    return {
        "outcome": "retired" if event else "nothing",
        "stage": planned.stage,
        "service": planned.service,
        "detached": [{"stack": one.name, "region": one.place.region} for one in planned.detach],
        "removed": [
            {"function": one.function, "region": one.region, "lambda_version": one.lambda_version}
            for one in planned.before
        ],
        "record": event.path if event else None,
    }
