"""The table that people read, and the JSON that machines read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.model import Absent, Row
from bench.timing import Timed
from bench.verdicts import Spread, Verdict, first_of_ours, judge, ratio, spread

FORMAT = 1  # of the JSON
_HEADINGS = ("contender", "version", "median", "half of all", "least", "release is")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row with what was measured for it, in the order of its contenders. Load averages of the machine."""

    row: Row
    results: Sequence[Timed | Absent]
    load_before: float
    load_after: float

    @property
    def verdicts(self) -> Sequence[Verdict]:
        ours = first_of_ours(self.results)
        return [judge(goal, ours, self.results) for goal in self.row.goals]


def as_text(outcome: Outcome) -> list[str]:
    """For a terminal: columns of spaces."""
    rows = [_HEADINGS, *_cells(outcome)]
    measured = [cells for cells in rows if len(cells) == len(_HEADINGS)]
    widths = [max(len(cells[column]) for cells in measured) for column in range(len(_HEADINGS))]
    name_width = max([len(cells[0]) for cells in rows])
    widths[0] = name_width
    lines = [f"{outcome.row.name}: {outcome.row.title}"]
    for cells in rows:
        padded = [
            cell.ljust(width) if column < 2 or len(cells) == 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=False))
        ]
        lines.append(("  " + "  ".join(padded)).rstrip())
    return [*lines, *(f"  goal {line}" for line in _goal_lines(outcome)), _load_line(outcome)]


def as_markdown(outcomes: Iterable[Outcome]) -> list[str]:
    """One table, as docs/performance.md has it: goals beside contenders, those in seconds beside ours."""
    lines = ["| row | " + " | ".join(_HEADINGS) + " | goal |", "|---|---|---|--:|--:|--:|--:|---|"]
    for outcome in outcomes:
        name = f"`{outcome.row.name}`"
        judged = {verdict.goal.against: _markdown_goal(verdict) for verdict in outcome.verdicts}
        for cells in _cells(outcome):
            padded = (*cells, *[""] * (len(_HEADINGS) - len(cells)))
            goal = judged.pop(cells[0], "") or (judged.pop(None, "") if name else "")
            lines.append("| " + " | ".join((name, *padded, goal)) + " |")
            name = ""
    return lines


def _markdown_goal(verdict: Verdict) -> str:
    unit = " s" if verdict.goal.against is None else ""
    return f"≤ {verdict.goal.at_most:g}{unit}: {_word(verdict)}"


def as_json(
    outcomes: Iterable[Outcome], machine: Mapping[str, Any], settings: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Seconds throughout."""
    return {
        "format": FORMAT,
        "machine": machine,
        "settings": settings,
        "rows": [
            {
                "name": one.row.name,
                "title": one.row.title,
                "load": {"before": one.load_before, "after": one.load_after},
                "contenders": [_contender_json(result, one) for result in one.results],
                "goals": [
                    {"goal": str(v.goal), "at_most": v.goal.at_most, "against": v.goal.against,
                     "value": v.value, "met": v.met}
                    for v in one.verdicts
                ],
            }
            for one in outcomes
        ],
    }  # fmt: skip


def _contender_json(result: Timed | Absent, outcome: Outcome) -> Mapping[str, Any]:
    if isinstance(result, Absent):
        return {"name": result.name, "kind": result.kind, "not_measured": result.reason}
    contender = result.contender
    common = {"name": contender.name, "kind": contender.kind, "version": contender.version}
    if result.over is not None:
        return {**common, "over_seconds": result.over}
    ours = first_of_ours(outcome.results)
    compared = _compared(ours, result)
    return {
        **common,
        "seconds": _spread_json(spread([run.seconds for run in result.runs.values()])),
        "cpu_seconds": _spread_json(spread([run.cpu_seconds for run in result.runs.values()])),
        "runs": [round(run.seconds, 6) for run in result.runs.values()],
        "ours_to_this": _spread_json(compared) if compared else None,
    }


def _compared(ours: Timed | Absent | None, other: Timed) -> Spread | None:
    """With floors and peers; two of our own are parts of one another."""
    if other.contender.kind == "ours" or not isinstance(ours, Timed):
        return None
    return ratio(ours, other)


def _spread_json(found: Spread) -> Mapping[str, Any]:
    return {
        "median": round(found.median, 6),
        "q1": round(found.q1, 6),
        "q3": round(found.q3, 6),
        "least": round(found.least, 6),
        "count": found.count,
    }


def _cells(outcome: Outcome) -> list[tuple[str, ...]]:
    ours = first_of_ours(outcome.results)
    return [_line(result, ours) for result in outcome.results]


def _line(result: Timed | Absent, ours: Timed | Absent | None) -> tuple[str, ...]:
    if isinstance(result, Absent):
        return (result.name, f"not measured: {result.reason}")
    contender = result.contender
    compared = _compared(ours, result)
    times = _times(compared) if compared else ""
    if result.over is not None:
        below = f"< {_number(compared.median)} x" if compared else ""
        return (contender.name, contender.version, f"> {result.over:.0f} s", "", "", below)
    found = spread([run.seconds for run in result.runs.values()])
    half = f"{_time(found.q1)} to {_time(found.q3)}"
    return (contender.name, contender.version, _time(found.median), half, _time(found.least), times)


def _goal_lines(outcome: Outcome) -> list[str]:
    lines = []
    for verdict in outcome.verdicts:
        word = _word(verdict)
        if verdict.value is None:
            said = "not measured"
        elif verdict.goal.against is None:
            said = f"{_time(verdict.value)} at best"
        else:
            said = f"{_number(verdict.value)} x"
        lines.append(f"{verdict.goal}: {word} ({said})")
    return lines


def _word(verdict: Verdict) -> str:
    return {True: "met", False: "NOT MET", None: "not judged"}[verdict.met]


def _load_line(outcome: Outcome) -> str:
    return f"  load average {outcome.load_before:g} before, {outcome.load_after:g} after"


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def _times(found: Spread) -> str:
    return f"{_number(found.median)} x ({_number(found.q1)} to {_number(found.q3)})"


def _number(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
