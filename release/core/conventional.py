"""The bump that commit messages ask for: https://www.conventionalcommits.org/en/v1.0.0/"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Bump(IntEnum):
    """How far a version moves from the last gold. A larger one covers a smaller one."""

    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Asked:
    bump: Bump
    by: str | None  # subject of the first message that asks for this much; None: no message is conventional


# Types are case-insensitive; the space after the colon is required (rules 1 and 15).
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*)(?:\([^()\r\n]+\))?(!)?: \S")
# Upper case only (rule 15). Heeded under any subject: a break that is overlooked costs more than a number.
_BREAKING = re.compile(r"^BREAKING[ -]CHANGE: \S", re.MULTILINE)


def asked_for(messages: Iterable[str]) -> Asked:
    """The highest bump among whole messages (subject, blank line, body). None of them conventional: patch."""
    asked = Asked(Bump.PATCH, None)
    for message in messages:
        bump = _bump(message)
        if bump is not None and (asked.by is None or bump > asked.bump):
            asked = Asked(bump, message.partition("\n")[0].strip())
    return asked


def _bump(message: str) -> Bump | None:
    if _BREAKING.search(message.partition("\n")[2]):
        return Bump.MAJOR
    header = _HEADER.match(message)
    if not header:
        return None
    kind, breaking = header.groups()
    if breaking:
        return Bump.MAJOR
    return Bump.MINOR if kind.lower() == "feat" else Bump.PATCH
