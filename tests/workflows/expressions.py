"""GitHub's expressions, as far as our workflows use them: what a condition says for any run that can happen.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Value: TypeAlias = Any  # what JSON can say
Names: TypeAlias = Mapping[str, Value]  # "inputs.ref" -> its value
Read: TypeAlias = Callable[[Names], Value]
STATUS = ("success", "failure", "always", "cancelled")
_TOKEN = re.compile(r"\s*(&&|\|\||==|!=|[!(),]|'(?:[^']|'')*'|[A-Za-z_][\w.-]*)")


def holds(condition: object, names: Names) -> bool:
    """Whether a job or a step with this `if` runs. `names` holds `success()` and `cancelled()` as well.

    Where no function of status is named, GitHub asks for the success of everything before as well.
    """
    if condition is None:
        return bool(names["success()"])
    said, asked = _condition(str(condition).strip())
    return bool(said(names)) if asked else bool(said(names)) and bool(names["success()"])


@functools.cache
def _condition(text: str) -> tuple[Read, bool]:
    """What it says, and whether it names a function of status."""
    if text.startswith("${{"):
        assert text.endswith("}}") and text.count("${{") == 1, f"always true: {text}"
        text = text[3:-2]
    return read(text), re.search(rf"\b({'|'.join(STATUS)})\(\)", text) is not None


def filled(text: str, names: Names) -> str:
    """A text with what stands in `${{ }}` in its place."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _text(evaluate(found[1], names)), text)


def evaluate(text: str, names: Names) -> Value:
    """Raises AssertionError for what is no expression, or names what `names` has not."""
    return read(text)(names)


@functools.cache
def read(text: str) -> Read:
    """The expression, to be asked about many runs. Raises AssertionError for what is none."""
    tokens = []
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        assert found, f"no expression: {text[at:]}"
        tokens.append(found[1])
        at = found.end()
    reader = _Reader(tokens)
    value = reader.either()
    assert not reader.tokens, f"more than one expression: {text}"
    return value


class _Reader:
    """Both sides are always asked; GitHub asks the second one only where it counts, which gives the same."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def either(self) -> Read:
        return self._joined(self._both, "||", lambda left, right: left if _true(left) else right)

    def _both(self) -> Read:
        return self._joined(self._equal, "&&", lambda left, right: right if _true(left) else left)

    def _equal(self) -> Read:
        left = self._single()
        while self._next() in ("==", "!="):
            left = _compared(left, self.tokens.pop(0) == "==", self._single())
        return left

    def _joined(self, below: Callable[[], Read], sign: str, join: Callable[[Value, Value], Value]) -> Read:
        left = below()
        while self._next() == sign:
            self.tokens.pop(0)
            left = _both_sides(left, join, below())
        return left

    def _single(self) -> Read:
        assert self.tokens, "an expression that does not end"
        token = self.tokens.pop(0)
        if token == "!":
            denied = self._single()
            return lambda names: not _true(denied(names))
        if token == "(":
            value = self.either()
            assert self.tokens.pop(0) == ")"
            return value
        if token.startswith("'"):
            return _always(token[1:-1].replace("''", "'"))
        if token in ("true", "false"):
            return _always(token == "true")
        if self._next() == "(":
            assert self.tokens[1] == ")", f"{token} with arguments is not known here"
            del self.tokens[:2]
            token += "()"
        return _always(True) if token == "always()" else _named(token)

    def _next(self) -> str | None:
        return self.tokens[0] if self.tokens else None


def _always(value: Value) -> Read:
    return lambda names: value


def _named(name: str) -> Read:
    def named(names: Names) -> Value:
        assert name in names, f"no run has {name}"
        return names[name]

    return named


def _compared(left: Read, equal: bool, right: Read) -> Read:
    return lambda names: _same(left(names), right(names)) is equal


def _both_sides(left: Read, join: Callable[[Value, Value], Value], right: Read) -> Read:
    return lambda names: join(left(names), right(names))


def _true(value: Value) -> bool:
    return value not in ("", 0, False, None)


def _same(left: Value, right: Value) -> bool:
    assert type(left) is type(right), f"{left!r} and {right!r} are compared as numbers"
    return bool(left.lower() == right.lower() if isinstance(left, str) else left == right)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
