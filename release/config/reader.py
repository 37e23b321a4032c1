"""Normalise: read typed values out of a parsed file. What does not fit becomes a Problem, never an exception.

Every reading function takes a Value or None (not there) and gives None when it was not there or did not fit:
reading goes on, and one run reports everything.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from release.config import values
from release.config.problems import Problems, one_of, path_part, shown
from release.config.values import Grammar
from release.config.yaml_source import Listing, Node, Scalar, Table, parse
from release.core.models import Source

T = TypeVar("T")

_LARGEST_JSON_INTEGER = 2**53 - 1  # beyond it readers in other languages round
_DECIMAL = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_YAML_1_1_BOOLEANS = frozenset({"yes", "no", "on", "off", "y", "n"})


@dataclass(slots=True)
class Value:
    """A node at its place in a file."""

    node: Node
    line: int  # of its key where it has one: that is where a person looks
    file: str
    path: tuple[str | int, ...]
    problems: Problems

    @property
    def source(self) -> Source:
        return Source(self.file, self.line, "/".join(map(path_part, self.path)))

    @property
    def is_null(self) -> bool:
        return isinstance(self.node, Scalar) and self.node.kind == "null"

    def wrong(self, what: str, fix: str) -> None:
        self.problems.add(self.source, what, fix)


Fields = Mapping[str, Value]


def read_file(file: str, data: bytes, problems: Problems) -> Value | None:
    node = parse(file, data, problems)
    return None if node is None else Value(node, node.line, file, (), problems)


def fields(value: Value | None, required: Sequence[str], optional: Sequence[str] = ()) -> Fields:
    """The known fields of a mapping that are there. Unknown and missing ones are problems."""
    found = table(value)
    if value is None or found is None:
        return {}
    for name in required:
        if name not in found:
            missing = Source(value.file, value.line, "/".join(map(path_part, (*value.path, name))))
            value.problems.add(missing, "is missing", f"add `{name}:`")
    known = (*required, *optional)
    for name, item in found.items():
        if name not in known:
            item.wrong(f"the key {shown(name)} is not known", one_of(name, known))
    return found


def table(value: Value | None) -> Fields | None:
    """The entries of a mapping, whatever their keys."""
    if value is None:
        return None
    if not isinstance(value.node, Table):
        value.wrong(f"must be a mapping, and is {_described(value.node)}", "write `key: value` pairs")
        return None
    file, path, problems = value.file, value.path, value.problems
    return {
        key: Value(entry.node, entry.line, file, (*path, key), problems)
        for key, entry in value.node.entries.items()
    }


def listing(value: Value | None, *, may_be_empty: bool = False) -> tuple[Value, ...] | None:
    if value is None:
        return None
    if not isinstance(value.node, Listing):
        value.wrong(f"must be a list, and is {_described(value.node)}", "write it in brackets, as in [a, b]")
        return None
    if not value.node.items and not may_be_empty:
        value.wrong("is an empty list", "name at least one, or take the line out")
        return None
    return tuple(
        Value(item, item.line, value.file, (*value.path, index), value.problems)
        for index, item in enumerate(value.node.items)
    )


def texts(value: Value | None, grammar: Grammar) -> tuple[str, ...] | None:
    """A list of different texts, or None when any of them does not fit."""
    items = listing(value)
    if items is None:
        return None
    found: dict[str, int] = {}
    for item in items:
        content = text(item, grammar)
        if content is None:
            continue
        if content in found:
            item.wrong(
                f"{shown(content)} is in the list twice, first in line {found[content]}",
                "keep one of the two",
            )
        found.setdefault(content, item.line)
    return tuple(found) if len(found) == len(items) else None


def text(value: Value | None, grammar: Grammar | None = None, longest: int = 4096) -> str | None:
    if value is None:
        return None
    node = value.node
    if not isinstance(node, Scalar):
        value.wrong(f"must be a text, and is {_described(node)}", "write one text")
        return None
    kind = node.kind
    if kind == "null":
        value.wrong("has no value", "write one, or take the line out")
        return None
    if kind != "text":
        value.wrong(f"must be a text, and is {_described(node)}", f'quote it: "{node.text[:40]}"')
        return None
    if len(node.text) > longest:
        value.wrong(f"has {len(node.text):,} characters; {longest:,} are the most", "shorten it")
        return None
    if grammar is not None and grammar.pattern.fullmatch(node.text) is None:
        value.wrong(f"{shown(node.text)} {grammar.what}", grammar.fix)
        return None
    return node.text


def name(value: Value | None) -> str | None:
    return text(value, values.NAME, values.LONGEST_NAME)


def choice(value: Value | None, known: Sequence[str], what: str) -> str | None:
    content = text(value)
    if value is None or content is None:
        return None
    if content not in known:
        value.wrong(f"{shown(content)} is not {what}", one_of(content, known))
        return None
    return content


def integer(value: Value | None, low: int, high: int, unit: str = "") -> int | None:
    if value is None:
        return None
    node = value.node
    if isinstance(node, Scalar) and node.kind == "integer" and _DECIMAL.fullmatch(node.text):
        # Longer than any bound here, and int() refuses thousands of digits with an exception.
        number = int(node.text) if len(node.text) <= 20 else high + 1
        if low <= number <= high:
            return number
    _no_integer(value, f"a whole number from {low:,} to {high:,}{f' {unit}' if unit else ''}")
    return None


def _no_integer(value: Value, expected: str) -> None:
    node = value.node
    if not isinstance(node, Scalar):
        value.wrong(f"must be {expected}, and is {_described(node)}", "write one number")
    elif node.kind != "integer":
        fix = (
            "take the quotes off" if node.text.isdecimal() else "write digits only, without unit and fraction"
        )
        value.wrong(f"must be {expected}, and is {_described(node)}", fix)
    elif _DECIMAL.fullmatch(node.text) is None:
        value.wrong(
            f"{shown(node.text)} means different numbers to different readers of YAML", "write it in decimal"
        )
    else:
        value.wrong(f"{shown(node.text)} is out of range", f"write {expected}")


def boolean(value: Value | None) -> bool | None:
    if value is None:
        return None
    node = value.node
    if isinstance(node, Scalar) and node.kind == "boolean":
        return node.text.lower() == "true"
    fix = "write true or false"
    if isinstance(node, Scalar) and node.text.casefold() in _YAML_1_1_BOOLEANS:
        fix = "write true or false: YAML 1.2 reads yes, no, on and off as texts"
    value.wrong(f"must be true or false, and is {_described(node)}", fix)
    return None


def duration(value: Value | None, *, longest: timedelta = values.LONGEST) -> timedelta | None:
    """A time longer than nothing."""
    if value is not None and isinstance(value.node, Scalar) and value.node.kind in ("integer", "float"):
        value.wrong(
            f"the duration {shown(value.node.text)} has no unit",
            "write s, m, h or d after it, as in 90s or 24h",
        )
        return None
    return _bounded(value, meaning(value, values.duration, "use one of s, m, h, d"), longest)


def fine_duration(value: Value | None, *, longest: timedelta) -> timedelta | None:
    """A time longer than nothing that may be given in milliseconds."""
    if value is not None and isinstance(value.node, Scalar) and value.node.kind in ("integer", "float"):
        value.wrong(
            f"the duration {shown(value.node.text)} has no unit",
            "write ms, s or m after it, as in 1500ms or 2s",
        )
        return None
    return _bounded(value, meaning(value, values.fine_duration, "use one of ms, s, m"), longest)


def _bounded(value: Value | None, length: timedelta | None, longest: timedelta) -> timedelta | None:
    if value is not None and length is not None and not timedelta(0) < length <= longest:
        bound = int(longest.total_seconds())
        value.wrong(f"must be longer than nothing and at most {bound:,} seconds", "choose another duration")
        return None
    return length


def share(value: Value | None) -> float | None:
    """A percentage, as a fraction from 0 to 1."""
    if value is not None and isinstance(value.node, Scalar) and value.node.kind in ("integer", "float"):
        value.wrong(
            f"{shown(value.node.text)} is not a percentage", "write a percent sign after it, as in 1%"
        )
        return None
    return meaning(value, values.share, "write it as in 1%")


def meaning(value: Value | None, read: Callable[[str], T], fix: str) -> T | None:
    """What a text means to `read`, whose ValueError says what is wrong with it."""
    content = text(value)
    if value is None or content is None:
        return None
    try:
        return read(content)
    except ValueError as error:
        what, _, hint = str(error).partition(": ")
        value.wrong(f"{shown(content)} {what}", hint or fix)
        return None


def plain(value: Value) -> Any:
    """JSON data: dict, list, str, int, bool, None. Floats are refused: they have no canonical text."""
    node = value.node
    if isinstance(node, Table):
        return {key: plain(entry) for key, entry in (table(value) or {}).items()}
    if isinstance(node, Listing):
        return [plain(item) for item in listing(value, may_be_empty=True) or ()]
    if node.kind == "integer":
        return integer(value, -_LARGEST_JSON_INTEGER, _LARGEST_JSON_INTEGER)
    if node.kind == "float":
        value.wrong(f"{shown(node.text)} is a number with a fraction", f'quote it: "{node.text[:40]}"')
        return None
    if node.kind == "boolean":
        return node.text.lower() == "true"
    return None if node.kind == "null" else node.text


def _described(node: Node) -> str:
    if isinstance(node, Table):
        return "a mapping"
    if isinstance(node, Listing):
        return "a list"
    if node.kind == "null":
        return "empty"
    article = "an" if node.kind == "integer" else "a"
    return f"{article} {node.kind}: {shown(node.text)}"
