"""What a linter finds in rendered templates, said of the templates that people edit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule has found in one rendered template."""

    rule: str  # "E3012"
    severity: Severity
    message: str
    line: int  # of the rendered template, from 1
    path: str  # "Resources/ApiFunction/Properties/MemorySize"; "" where the rule names none


@dataclass(frozen=True, slots=True)
class PlacedFinding:
    """The same finding, in every stage that has it."""

    service: str
    stages: tuple[str, ...]
    rule: str
    severity: Severity
    message: str
    path: str
    place: str  # file:line of the template; a macro's line where that line is the macro's own

    @property
    def says_no(self) -> bool:
        """Errors and warnings close the gate; what is for information does not."""
        return self.severity != "info"


def merged(found: Iterable[tuple[str, str, str, Finding]]) -> Sequence[PlacedFinding]:
    """Findings of (service, stage, place), each told once for all stages; the worst first."""
    stages: dict[tuple[str, str, Severity, str, str, str], list[str]] = {}
    for service, stage, place, one in found:
        key = (service, one.rule, one.severity, one.message, one.path, place)
        stages.setdefault(key, []).append(stage)
    rank = {"error": 0, "warning": 1, "info": 2}
    placed = [
        PlacedFinding(service, tuple(dict.fromkeys(names)), rule, severity, message, path, place)
        for (service, rule, severity, message, path, place), names in stages.items()
    ]
    return sorted(placed, key=lambda one: (rank[one.severity], one.service, one.place, one.rule, one.message))
