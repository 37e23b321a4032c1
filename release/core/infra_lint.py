"""What a linter finds in rendered templates, said of the templates that people edit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    fix: str | None = None  # of our own policies; cfn-lint's rules have a page
    reason: str | None = None  # why the template does without the rule here


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
    fix: str | None = None
    reason: str | None = None

    @property
    def says_no(self) -> bool:
        """Errors and warnings close the gate; what is for information, or suppressed, does not."""
        return self.severity != "info" and self.reason is None


def merged(found: Iterable[tuple[str, str, str, Finding]]) -> Sequence[PlacedFinding]:
    """Findings of (service, stage, place), each told once for all stages; the worst first."""
    stages: dict[tuple[str, str, Finding], list[str]] = {}
    for service, stage, place, one in found:
        # The line of the rendered text differs from stage to stage; its place in the template does not.
        stages.setdefault((service, place, replace(one, line=0)), []).append(stage)
    rank = {"error": 0, "warning": 1, "info": 2}
    placed = [
        PlacedFinding(
            service,
            tuple(dict.fromkeys(names)),
            one.rule,
            one.severity,
            one.message,
            one.path,
            place,
            one.fix,
            one.reason,
        )
        for (service, place, one), names in stages.items()
    ]
    return sorted(
        placed,
        key=lambda one: (not one.says_no, rank[one.severity], one.service, one.place, one.rule, one.message),
    )
