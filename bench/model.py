"""What is measured: rows, the contenders of a row, and the goals that `release` has in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from bench.workshop import Workshop

Kind = Literal["ours", "floor", "peer"]


@dataclass(frozen=True, slots=True)
class Command:
    """One process: argument list, where it runs, what its environment has on top of the common one."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that is timed. Several commands run one after the other and count as one time.

    `shows` is a regular expression that the last command's output must match: who answers something else has
    not done the work, and is not measured. `before` runs untimed before every run. `says_seconds`: where a
    process times a part of itself, the expression whose group is that number in its output; it counts instead
    of the whole process.
    """

    name: str
    kind: Kind
    version: str
    commands: tuple[Command, ...]
    shows: str
    before: Callable[[], None] | None = None
    says_seconds: str | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A contender that cannot be measured here, and why."""

    name: str
    kind: Kind
    reason: str


Contenders: TypeAlias = Sequence[Contender | Absent]


@dataclass(frozen=True, slots=True)
class Goal:
    """At most this many times a contender of the row; at most this many seconds where `against` is None."""

    at_most: float
    against: str | None = None

    def __str__(self) -> str:
        return f"≤ {self.at_most:g} s" if self.against is None else f"≤ {self.at_most:g} x {self.against}"


@dataclass(frozen=True, slots=True)
class Row:
    """One question. `contenders` makes them ready (untimed); the first of kind `ours` is what is judged."""

    name: str
    title: str
    contenders: Callable[["Workshop"], Contenders]
    goals: tuple[Goal, ...] = ()
    rounds: int = 15
