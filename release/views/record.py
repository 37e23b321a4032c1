"""What a record does on GitHub: as text, JSON, the summary of a job, and its annotations."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from rich.console import RenderableType
from rich.text import Text

from release.core.forge.steps import Part, Step, part_of
from release.core.markdown import plain
from release.core.promotions import Promotion, outcome_word
from release.errors import ReleaseError

_MOST_LINES = 100  # of a summary, which GitHub cuts at 1 MiB


class Planned(Protocol):
    @property
    def stage(self) -> str: ...
    @property
    def steps(self) -> tuple[Step, ...]: ...
    @property
    def ended(self) -> tuple[Promotion, ...]: ...


class Recorded(Protocol):
    stage: str
    done: list[Step]
    objections: tuple[str, ...]
    notes: tuple[str, ...]
    refused: dict[Part, ReleaseError]


def plan_text(plans: Sequence[Planned]) -> Iterator[RenderableType]:
    for plan in plans:
        if plan.steps:
            yield Text(plan.stage, style="bold")
        for number, step in enumerate(plan.steps, 1):
            yield Text(f"  {number}. {step.text}")


def record_text(outcomes: Sequence[Recorded]) -> Iterator[RenderableType]:
    for one in outcomes:
        for note in one.notes:
            yield Text.assemble(("note: ", "yellow"), note)
        yield Text.assemble((one.stage, "bold"), ": ", _comes_to(one))


def _comes_to(one: Recorded) -> str:
    if one.refused or one.objections:
        return f"{len(one.done)} steps done; something is left"
    return f"{len(one.done)} steps done: in step" if one.done else "in step"


def record_json(outcomes: Sequence[Recorded]) -> dict[str, Any]:
    """`in_step`: GitHub holds all that it should now."""
    return {
        "in_step": not any(one.refused or one.objections for one in outcomes),
        "stages": [
            {
                "stage": one.stage,
                "done": [{"part": part_of(step), "what": step.text} for step in one.done],
                "objections": list(one.objections),
                "notes": list(one.notes),
                "refused": {part: error.cause for part, error in one.refused.items()},
            }
            for one in outcomes
        ],
    }


def record_summary(outcomes: Sequence[Recorded], repository: str) -> str:
    """Markdown for the summary of a job."""
    lines = [f"### Recorded on [GitHub]({repository}/deployments)", ""]
    for one in outcomes:
        lines.append(f"- **{plain(one.stage)}**: {plain(_comes_to(one))}")
        told = [
            *(step.text for step in one.done),
            *(f"left: {line}" for line in one.objections),
            *(f"left: {part}: {error.cause}" for part, error in one.refused.items()),
        ]
        lines += [f"  - {plain(line)}" for line in told[:_MOST_LINES]]
        if len(told) > _MOST_LINES:
            lines.append(f"  - … and {len(told) - _MOST_LINES} more")
    return "\n".join(lines) + "\n"


def annotations(plans: Sequence[Planned]) -> Iterator[tuple[str, str, str]]:
    """(kind, title, text) of every promotion that has ended since the last record."""
    for plan in plans:
        for one in plan.ended:
            start = one.start
            word = outcome_word(one)
            failure = one.outcome.event.failure if one.outcome else None
            kind = "notice" if word == "succeeded" else "error"
            why = f": {failure.removeprefix(f'{word}: ')}" if failure else ""
            text = f"{start.verb} of {one.release.label} {word}{why}"
            yield kind, f"{start.stage}", text
