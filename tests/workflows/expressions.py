"""GitHub's expressions, as far as our workflows use them: what a condition says for any run that can happen.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Value: TypeAlias = Any  # what JSON can say
Names: TypeAlias = Mapping[str, Value]  # "inputs.ref" -> its value
STATUS = ("success", "failure", "always", "cancelled")
_TOKEN = re.compile(r"\s*(&&|\|\||==|!=|[!(),]|'(?:[^']|'')*'|[A-Za-z_][\w.-]*)")


def holds(condition: object, names: Names) -> bool:
    """Whether a job or a step with this `if` runs. `names` holds `success()` and `cancelled()` as well.

    Where no function of status is named, GitHub asks for the success of everything before as well.
    """
    if condition is None:
        return bool(names["success()"])
    text = str(condition).strip()
    if text.startswith("${{"):
        assert text.endswith("}}") and text.count("${{") == 1, f"always true: {text}"
        text = text[3:-2]
    said = bool(evaluate(text, names))
    asked = re.search(rf"\b({'|'.join(STATUS)})\(\)", text)
    return said if asked else said and bool(names["success()"])


def filled(text: str, names: Names) -> str:
    """A text with what stands in `${{ }}` in its place."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _text(evaluate(found[1], names)), text)


def evaluate(text: str, names: Names) -> Value:
    """Raises AssertionError for what is no expression, or names what `names` has not."""
    tokens = []
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        assert found, f"no expression: {text[at:]}"
        tokens.append(found[1])
        at = found.end()
    reader = _Reader(tokens, names)
    value = reader.either()
    assert not reader.tokens, f"more than one expression: {text}"
    return value


class _Reader:
    """Both sides are always read; GitHub reads the second one only where it counts, which gives the same."""

    def __init__(self, tokens: list[str], names: Names) -> None:
        self.tokens = tokens
        self._names = names

    def either(self) -> Value:
        return self._joined(self._both, "||", lambda left, right: left if _true(left) else right)

    def _both(self) -> Value:
        return self._joined(self._equal, "&&", lambda left, right: right if _true(left) else left)

    def _equal(self) -> Value:
        left = self._single()
        while self._next() in ("==", "!="):
            sign, right = self.tokens.pop(0), self._single()
            left = _same(left, right) is (sign == "==")
        return left

    def _joined(self, below: Callable[[], Value], sign: str, join: Callable[[Value, Value], Value]) -> Value:
        left = below()
        while self._next() == sign:
            self.tokens.pop(0)
            left = join(left, below())
        return left

    def _single(self) -> Value:
        assert self.tokens, "an expression that does not end"
        token = self.tokens.pop(0)
        if token == "!":
            return not _true(self._single())
        if token == "(":
            value = self.either()
            assert self.tokens.pop(0) == ")"
            return value
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token in ("true", "false"):
            return token == "true"
        if self._next() == "(":
            assert self.tokens[1] == ")", f"{token} with arguments is not known here"
            del self.tokens[:2]
            token += "()"
        if token == "always()":
            return True
        assert token in self._names, f"no run has {token}"
        return self._names[token]

    def _next(self) -> str | None:
        return self.tokens[0] if self.tokens else None


def _true(value: Value) -> bool:
    return value not in ("", 0, False, None)


def _same(left: Value, right: Value) -> bool:
    assert type(left) is type(right), f"{left!r} and {right!r} are compared as numbers"
    return bool(left.lower() == right.lower() if isinstance(left, str) else left == right)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
