"""What a program means by what it prints: tables from its words to errors of ours."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from release.errors import ReleaseError

_SHOWN_LINES = 30  # of the end of what it printed


@dataclass(frozen=True, slots=True)
class Meaning:
    """An error, by a regular expression that is found in the output. Names of facts stand in braces."""

    found: str
    kind: type[ReleaseError]
    cause: str
    fix: str
    shown: str = ""  # found in those lines of the output that say more

    def error(self, facts: Mapping[str, str], *, see: str, lines: Sequence[str]) -> ReleaseError:
        """`lines`: what a message may hold of the output."""
        details = [line for line in lines if re.search(self.shown, line)][-_SHOWN_LINES:]
        return self.kind(
            self.cause.format_map(facts), fix=self.fix.format_map(facts), see=see, details=details
        )


def meaning_of(output: str, meanings: Sequence[Meaning]) -> tuple[Meaning, re.Match[str]]:
    """The first that fits, and what was found; the last one of a table fits all."""
    return next((one, found) for one in meanings if (found := re.search(one.found, output)))
