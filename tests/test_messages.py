"""What messages tell people to type exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from release.cli.main import VERBS

PACKAGE = Path(__file__).resolve().parent.parent / "release"
# `release verb …` in backquotes, or a command line that goes on with an option or a name in capitals
_COMMAND = re.compile(r"`release ([a-z]+)|\brelease ([a-z]+) (?:--[a-z]|[A-Z]{2,}\b)")


def commands_in(source: str) -> Iterator[tuple[int, str]]:
    """Line and verb of every command that a string, but no docstring, tells somebody to type."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in _COMMAND.finditer(node.value):
                yield node.lineno, found[1] or found[2]


def test_no_message_names_a_verb_that_does_not_exist() -> None:
    named = [
        (str(path.relative_to(PACKAGE)), line, verb)
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, verb in commands_in(path.read_text(encoding="utf-8"))
    ]
    assert len(named) > 10
    assert [place for place in named if place[2] not in VERBS] == []


def test_a_verb_that_does_not_exist_would_be_seen() -> None:
    assert list(commands_in('fix = "say `release clear X`"')) == [(1, "clear")]
    assert list(commands_in('fix = "or: release advance --all"')) == [(1, "advance")]
