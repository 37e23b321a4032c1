"""What `release check` asks of a service, and what came out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

CheckName = Literal["lint", "types", "tests", "audit"]
CHECKS: Final[tuple[CheckName, ...]] = get_args(CheckName)

# "unknown": it could not be found out, which is neither yes nor no. "absent": there is nothing to check.
Outcome = Literal["passed", "failed", "unknown", "absent", "skipped"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one service, or of the shared core."""

    service: str
    check: CheckName
    outcome: Outcome
    why: str = ""  # in a few words; empty for "passed"
    lines: tuple[str, ...] = ()  # what the program has said, the end of it
    see: str | None = None  # file:line
    fix: str = ""  # of "failed" and "unknown"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Checked:
    """All checks, by service in the order of `CHECKS`."""

    results: tuple[CheckResult, ...]
    against: str  # what the choice of services was made by, for people
    unknown: str = ""  # why all services were taken, where it was not asked for
    left_out: tuple[str, ...] = ()  # services that are in no commit yet

    def having(self, outcome: Outcome) -> Sequence[CheckResult]:
        return [one for one in self.results if one.outcome == outcome]
