"""What is to be done to the stacks of a stage: as people read it, and as machines do."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from release.core.infra_diff import StackDifference
from release.core.infra_outcome import InfraPlan, StackTodo
from release.views.infra import entry_json, tree

_WORDS = {"create": "green", "update": "yellow"}


def infra_plan_text(plan: InfraPlan) -> Iterator[RenderableType]:
    """Stacks that change alike in several regions are shown once."""
    yield Text.assemble(
        ("infra apply", "bold"),
        " in ",
        (plan.stage, "bold"),
        "  templates of ",
        (plan.release.label, "bold cyan"),
    )
    for note in plan.notes:
        yield Text.assemble(("note: ", "yellow"), note)
    for group in _alike(plan.busy):
        first = group[0]
        regions = tuple(one.place.region for one in group)
        yield Text()
        yield Text.assemble(
            (first.todo, f"bold {_WORDS[first.todo]}"), f" {first.stack} in {', '.join(regions)}"
        )
        if first.todo == "create" and first.facts is not None:
            status = first.facts.status
            yield Text(f"  it is {status}: it was never created completely, and is removed first", "yellow")
        yield from _tree(plan, first, regions)
        if first.allowed:
            allowed = sorted(entry.name for entry in first.change.endangered if entry.name in first.allowed)
            yield Text(f"  allowed: {', '.join(allowed)}", style="bold red")
    yield from _left_over(plan)
    for blocker in plan.blockers:
        yield Text.assemble(("blocked: ", "bold red"), blocker.message)
        yield Text.assemble(("    fix: ", "bold"), blocker.fix)


def _left_over(plan: InfraPlan) -> Iterator[RenderableType]:
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in plan.left_over:
        found.setdefault((one.stack, one.change.kept), []).append(one.place.region)
    for (stack, kept), regions in found.items():
        yield Text(f"stays for now in {stack}, {', '.join(regions)}: {', '.join(kept)}", style="dim")
    if found:
        why = "  the templates have it not any more; --allow-contract takes it away once nothing needs it"
        yield Text(why, style="dim")


def _tree(plan: InfraPlan, todo: StackTodo, regions: tuple[str, ...]) -> Iterator[RenderableType]:
    is_new = todo.todo == "create"
    shown = StackDifference(todo.service, plan.stage, todo.stack, regions, is_new, todo.change.entries)
    for line in tree(shown):
        text, depth = (f"{line.symbol} {line.text}", 2) if line.symbol else (line.text, 6)
        yield Padding(Text(text, style=line.style), (0, 0, 0, depth), expand=False)


def _alike(todos: Sequence[StackTodo]) -> Sequence[Sequence[StackTodo]]:
    groups: dict[Any, list[StackTodo]] = {}
    for one in todos:
        state = one.facts.status if one.todo == "create" and one.facts else ""
        groups.setdefault((one.stack, one.todo, repr(one.change.entries), state), []).append(one)
    return list(groups.values())


def infra_plan_json(plan: InfraPlan) -> dict[str, Any]:
    return {
        "stage": plan.stage,
        "tag": plan.release.tag,
        "commit": plan.release.commit,
        "manifest": plan.release.manifest,
        "contract": plan.contract,
        "stacks": [
            {
                "service": one.service,
                "stack": one.stack,
                "account": one.place.account,
                "region": one.place.region,
                "status": one.facts.status if one.facts else None,
                "template": {"now": one.facts.template if one.facts else None, "next": one.template},
                "todo": one.todo,
                "allowed": sorted(one.allowed),
                "kept": list(one.change.kept),
                "entries": [entry_json(entry) for entry in one.change.entries if one.todo != "nothing"],
            }
            for one in plan.stacks
        ],
        "blockers": [{"code": one.code, "message": one.message, "fix": one.fix} for one in plan.blockers],
        "notes": list(plan.notes),
    }
