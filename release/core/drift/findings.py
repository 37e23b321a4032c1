"""What drift is told as: a finding with its fix, and all of one stage."""

from dataclasses import dataclass
from typing import Literal

from release.core.records import Good, Served, StageHead
from release.core.standing import OutOfReach

Kind = Literal[
    "missing",  # no function, or no alias
    "code",
    "version",
    "weights",
    "settings",
    "concurrency",
    "provisioned",
    "event source",
    "stack",
    "regions",
    "orphan",
    "latest",
    "moving",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that differs. `function` is empty where it is about a stack."""

    kind: Kind
    service: str
    function: str
    account: str
    region: str
    what: str
    fix: str
    recorded: str | None = None  # sha256 (hex): of code, or of a template
    found: str | None = None
    harmless: bool = False  # told, but no drift

    @property
    def order(self) -> tuple[bool, str, str, str, str]:
        return (self.harmless, self.service, self.function, self.region, self.kind)


@dataclass(frozen=True, slots=True)
class StageDrift:
    """What differs in one stage. `out`: regions of which nothing is known."""

    head: StageHead
    functions: int  # how many were compared
    findings: tuple[Finding, ...]
    out: tuple[OutOfReach, ...] = ()

    @property
    def drifts(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if not one.harmless)

    @property
    def last(self) -> Good | None:
        """The last good record."""
        return self.head.serves


def of_function(
    recorded: Served, kind: Kind, what: str, fix: str, *, code: str | None = None, harmless: bool = False
) -> Finding:
    return Finding(
        kind,
        recorded.service,
        recorded.function,
        recorded.account,
        recorded.region,
        what,
        fix,
        recorded=recorded.code if code is not None else None,
        found=code,
        harmless=harmless,
    )
