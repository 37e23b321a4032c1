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
    yield _rows(planned, alias)
    if not planned.delete:
        stays = "its stack with tables, queues and logs, its functions and their versions"
        yield Text(f"  what stays: {stays}", style="dim")
    for stack in planned.delete:
        where = f"{stack.name} in {stack.place.region}"
        if stack.kept:
            yield Text(f"  what stays of {where}: {', '.join(stack.kept)}", style="dim")
        if stack.lost:
            yield Text(f"  what is lost with {where}: {', '.join(stack.lost)}", style="bold red")


def _rows(planned: Retirement, alias: str) -> RenderableType:
    rows = table("  what", "region", "now", "next", wide="  what")
    for stack in planned.detach:
        rows.add_row(f"  stack {stack.name}", stack.place.region, "triggers on", "triggers off")
    for copy in planned.remove:
        now = f"{alias} → {copy.alias.serving}" if copy.alias else "-"
        rows.add_row(f"  {copy.name}", copy.place.region, now, f"no {alias}")
    for one in planned.delete:
        rows.add_row(f"  stack {one.name}", one.place.region, "triggers off", "deleted")
    return rows


def retirement_json(planned: Retirement, event: Event | None, *, is_plan: bool = False) -> dict[str, Any]:
    """`is_plan`: nobody was asked to do it."""
    outcome = "deleted" if planned.delete else "retired"
    if event is None:
        outcome = "planned" if is_plan and not planned.is_done else "nothing"
    return {
        "outcome": outcome,
        "stage": planned.stage,
        "service": planned.service,
        "detached": [{"stack": one.name, "region": one.place.region} for one in planned.detach],
        "removed": [
            {"function": one.function, "region": one.region, "lambda_version": one.lambda_version}
            for one in planned.before
        ],
        "deleted": [
            {
                "stack": one.name,
                "region": one.place.region,
                "kept": list(one.kept),
                "data_lost": list(one.lost),
            }
            for one in planned.delete
        ],
        "record": event.path if event else None,
    }
