"""Compares what two archives say: names, modes and bytes, however they were deflated."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

What = Literal["content", "mode", "missing", "extra"]


class File(Protocol):
    """A file of an archive."""

    @property
    def path(self) -> str: ...
    @property
    def mode(self) -> int: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """The first file in which a second archive differs from a first one, by path in UTF-8 bytes."""

    path: str
    what: What  # missing: in the second; extra: in the second alone
    others: int  # files that differ as well

    def __str__(self) -> str:
        said = {
            "content": "has other bytes",
            "mode": "has another mode",
            "missing": "is missing in the new build",
            "extra": "is in the new build alone",
        }[self.what]
        more = f", and {self.others} more differ" if self.others else ""
        return f"{self.path} {said}{more}"


def first_difference(before: Iterable[File], after: Iterable[File]) -> Difference | None:
    """None: both say the same."""
    old, new = ({file.path: file for file in files} for files in (before, after))
    found: list[tuple[str, What]] = []
    for path in sorted({*old, *new}, key=lambda path: path.encode(errors="surrogateescape")):
        one, other = old.get(path), new.get(path)
        if one is None:
            found.append((path, "extra"))
        elif other is None:
            found.append((path, "missing"))
        elif one.sha256 != other.sha256:
            found.append((path, "content"))
        elif one.mode != other.mode:
            found.append((path, "mode"))
    return Difference(*found[0], others=len(found) - 1) if found else None
