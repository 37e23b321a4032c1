"""What people decide, before they say yes and afterwards."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from release.core.decisions import PAST, Deciding
from release.core.records import Event


def decision_text(deciding: Deciding, reason: str) -> Iterator[RenderableType]:
    """Now, next and why."""
    yield Text.assemble((deciding.kind, "bold"), " ", (deciding.about, "bold cyan"))
    yield Text(f"  now     {deciding.now}")
    yield Text(f"  next    {deciding.next}")
    yield Text(f"  reason  {reason}")
    head, release = deciding.head, deciding.release
    serves = head.serves is not None and release is not None and head.serves.release.commit == release.commit
    if deciding.kind in ("quarantine", "reject") and serves:
        yield Text.assemble(
            ("warning: ", "yellow"),
            f"{head.stage} goes on serving it; to go back: release rollback {head.stage} --reason TEXT",
        )
    if deciding.kind == "hold" and head.running is not None:
        running = head.running
        yield Text.assemble(
            ("warning: ", "yellow"),
            f"the {running.verb} of {running.release.label} under way goes on;"
            f" to stop it: release abort {head.stage} --reason TEXT",
        )


def decided_text(deciding: Deciding, event: Event | None, why: str | None) -> Iterator[RenderableType]:
    """How it ended."""
    if event is None:
        yield Text(f"nothing to do: {why or 'somebody else has just decided the same'}")
    else:
        yield Text(f"{deciding.about}: {PAST[deciding.kind]}", style="bold green")


def decision_json(deciding: Deciding, event: Event | None, why: str | None) -> dict[str, Any]:
    release = deciding.release
    return {
        "decision": deciding.kind,
        "pipeline": deciding.head.pipeline,
        "stage": deciding.head.stage,
        "tag": release.tag if release else None,
        "commit": release.commit if release else None,
        "now": deciding.now,
        "outcome": "written" if event else "nothing",
        "why": why,
        "record": event.path if event else None,
    }
