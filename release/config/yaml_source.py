"""Parse: the bytes of one YAML file -> a small immutable tree that knows its lines.

Read from parser events rather than composed: PyYAML's C composer follows nesting on the C stack and dies of a
segmentation fault at a depth that a hostile file reaches in 100 KB; a tree of our own costs no more time.

Plain scalars stay text here and get their meaning by the core schema of YAML 1.2 (yaml.org/spec/1.2.2 §10.3),
so that `on: push` has the key "on", and `no`, `22:30` and `2026-01-01` are texts. Anchors and aliases are
refused altogether: no expansion, no bomb, every value has one line to point at, and stages inherit from
`default` anyway.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import yaml

from release.config.problems import Problems, path_part, shown
from release.core.models import LARGEST_FILE, Source

try:
    from yaml import CSafeLoader as _Parser
except ImportError:  # PyYAML built without libyaml: the same events, about 20 times slower
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

MAX_BYTES = LARGEST_FILE
MAX_DEPTH = 32

Kind = Literal["text", "null", "boolean", "integer", "float"]


class Scalar(NamedTuple):
    line: int
    text: str
    kind: Kind  # in quotes a text; without, its meaning depends on how it looks


class Listing(NamedTuple):
    line: int
    items: tuple["Node", ...]


class Table(NamedTuple):
    line: int
    entries: dict[str, "Entry"]  # in the order of the file


class Entry(NamedTuple):
    line: int  # of the key
    node: "Node"


Node: TypeAlias = Scalar | Listing | Table


# One alternative per kind, so that a match names it. What matches none is a text.
_CORE_SCHEMA = re.compile(
    r"(?P<null>null|Null|NULL|~|)"
    r"|(?P<boolean>true|True|TRUE|false|False|FALSE)"
    r"|(?P<integer>[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?(?:\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN)"
)
_NEVER_TEXT_STARTS_WITH = frozenset("0123456789+-.~nNtTfF")


@lru_cache(4096)  # a fleet says the same keys and words in every file
def plain_kind(text: str) -> Kind:
    """What a scalar without quotes means."""
    if text and text[0] not in _NEVER_TEXT_STARTS_WITH:
        return "text"
    match = _CORE_SCHEMA.fullmatch(text)
    return "text" if match is None else cast(Kind, match.lastgroup)


def reads_with() -> str:
    """Names the parser, for whoever keeps what was read."""
    return f"PyYAML {yaml.__version__} {_Parser.__name__}"


def parse(
    file: str, data: bytes, problems: Problems, parser: Callable[[bytes], Any] = _Parser
) -> Node | None:
    """The tree of one file, or None when it cannot be read; why is then among the problems. Never raises."""
    if len(data) > MAX_BYTES:
        what = f"the file has {len(data):,} bytes; {MAX_BYTES:,} is the most that is read"
        problems.add(Source(file, 1, ""), what, "split it, or take out what is not configuration")
        return None
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add(Source(file, line, ""), "the file is not UTF-8", "save it as UTF-8")
        return None
    try:
        return _Reading(file, parser(data), problems).document()
    except _Refused:
        return None
    except yaml.YAMLError as error:
        problems.add(*_syntax(file, data, error))
        return None


class _Refused(Exception):
    """The rest of this file has no meaning; the problem is noted already."""


class _Reading:
    def __init__(self, file: str, parser: Any, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        # Any: the grammar of events, not their static type, says which one comes next.
        self._next: Callable[[], Any] = parser.get_event

    def document(self) -> Node | None:
        event = self._next()
        while not isinstance(event, yaml.DocumentStartEvent):
            if event is None or isinstance(event, yaml.StreamEndEvent):
                self._add(1, (), "the file is empty", "write it, or delete the file")
                return None
            event = self._next()
        node = self._node(self._next(), ())
        self._next()
        event = self._next()
        if isinstance(event, yaml.DocumentStartEvent):
            self._refuse(
                event, (), "a second document starts here", "keep one document in a file; remove `---`"
            )
        if isinstance(node, Scalar) and node.kind == "null":
            self._add(1, (), "the file is empty", "write it, or delete the file")
            return None
        return node

    def _node(self, event: Any, path: tuple[str, ...]) -> Node:
        if (scalar := _simple(event)) is not None:
            return scalar
        if event.anchor is not None:
            sign, word = ("*", "alias") if isinstance(event, yaml.AliasEvent) else ("&", "anchor")
            what = f"the {word} {shown(sign + event.anchor)} is not allowed"
            self._refuse(event, path, what, "write the value out, or quote it if it is a text")
        if event.tag is not None:
            what = f"the tag {shown(event.tag)} is not allowed"
            self._refuse(event, path, what, "take it out, or quote the value if it is a text")
        line: int = event.start_mark.line + 1
        if len(path) >= MAX_DEPTH:
            self._refuse(event, path[:3], f"nested deeper than {MAX_DEPTH} levels", "make it flatter")
        if isinstance(event, yaml.SequenceStartEvent):
            return Listing(line, self._items(path))
        return Table(line, self._entries(path))

    def _items(self, path: tuple[str, ...]) -> tuple[Node, ...]:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, str(len(items)))))
        return tuple(items)

    def _entries(self, path: tuple[str, ...]) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        following = self._next
        while type(event := following()) is not yaml.MappingEndEvent:
            line: int = event.start_mark.line + 1
            if _is_simple(event) and (event.style or plain_kind(event.value) == "text"):
                name: str | None = event.value
            else:
                self._no_name(self._node(event, (*path, "?")), path)
                name = None
            event = following()
            node = _simple(event) or self._node(event, (*path, name or "?"))
            if name is None:
                continue
            if name in entries:
                what = f"said twice, first in line {entries[name].line}"
                self._add(line, (*path, name), what, "keep one of the two")
                continue
            entries[name] = Entry(line, node)
        return entries

    def _no_name(self, key: Node, path: tuple[str, ...]) -> None:
        if not isinstance(key, Scalar):
            self._add(key.line, path, "a key is a list or a mapping", "write a text before the colon")
            return
        what = f"the key {shown(key.text)} reads as {key.kind}, not as text"
        self._add(key.line, path, what, f'quote it: "{key.text[:40]}"' if key.text else "write a name")

    def _add(self, line: int, path: tuple[str, ...], what: str, fix: str) -> None:
        self._problems.add(Source(self._file, line, "/".join(map(path_part, path))), what, fix)

    def _refuse(self, event: Any, path: tuple[str, ...], what: str, fix: str) -> None:
        self._add(event.start_mark.line + 1, path, what, fix)
        raise _Refused


def _simple(event: Any) -> Scalar | None:
    """The scalar of an event that is nothing else: most events are, and need no path."""
    if type(event) is yaml.ScalarEvent and event.anchor is None and event.tag is None:
        # The style of a plain scalar is None from Python's parser and "" from C's.
        kind = "text" if event.style else plain_kind(event.value)
        line: int = event.start_mark.line + 1  # type: ignore[union-attr]
        return Scalar(line, event.value, kind)
    return None


def _is_simple(event: Any) -> bool:
    return type(event) is yaml.ScalarEvent and event.anchor is None and event.tag is None


def _syntax(file: str, data: bytes, error: yaml.YAMLError) -> tuple[Source, str, str]:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        what = " ".join(filter(None, (error.context, error.problem))) or "cannot be parsed"
    else:
        position = getattr(error, "position", 0)
        line = data.count(b"\n", 0, position) + 1
        what = "a control character is not allowed here"
    lines = data.splitlines()
    nearby = b"\n".join(lines[max(0, line - 2) : line])
    if b"\t" in nearby:
        return Source(file, line, ""), f"not YAML: {what}", "indent with spaces: YAML refuses tabs"
    return Source(file, line, ""), f"not YAML: {what}", "mend the syntax here or in the line before"
