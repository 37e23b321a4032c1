"""Programs of a commit: migrations and verifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.core.models import Place


@dataclass(frozen=True, slots=True)
class Program:
    """A program of a commit, which runs in a clean checkout of it that is gone afterwards."""

    command: tuple[str, ...]  # program and arguments: no shell reads it
    commit: str
    under: tuple[str, ...]  # folders of the commit that are checked out; empty: all of it
    folder: str  # of the checkout, where it starts; empty: its top
    environment: Mapping[str, str]  # beside what every program gets
    files: Mapping[str, bytes]  # name of a variable -> content of the file that it names
    place: Place  # whose credentials it gets
    seconds: int  # then it is stopped


@dataclass(frozen=True, slots=True)
class Ended:
    code: int | None  # exit code, or -signal; None: it did not end in time and was stopped
    tail: tuple[str, ...]  # the last lines that it said, as they were heard


class Programs(Protocol):
    """Programs that act on a stage: migrations and verifications."""

    def run(self, program: Program, *, hear: Callable[[str], None], look: Callable[[], None]) -> Ended:
        """Run a program to its end, and stop all that it has started, whatever happens to us.

        `hear` gets every line of its output, without what looks like a secret, in a thread of its own.
        `look` is called every 15 s: what it raises ends the program, and is raised. Raises Misconfigured when
        it cannot be started, and Unavailable when the commit or credentials are out of reach.
        """
