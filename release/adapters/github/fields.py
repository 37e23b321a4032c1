"""Reads fields out of GitHub's answers, which may be those of an older or newer GitHub."""

from collections.abc import Mapping
from typing import Any

from release.errors import Misconfigured


def table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def text(value: Any, name: str) -> str:
    found = table(value).get(name)
    return found if isinstance(found, str) else ""


def maybe(value: Any, name: str) -> str | None:
    return text(value, name) or None


def number(value: Any, name: str) -> int:
    """Raises Misconfigured where there is none: without an id nothing can be done with it."""
    found = table(value).get(name)
    if not isinstance(found, int) or isinstance(found, bool):
        raise Misconfigured(
            f"what GitHub answers has no {name}",
            fix="look whether GITHUB_API_URL names the API of GitHub, and of which version",
        )
    return found


def listed(value: Any, name: str) -> list[Any]:
    found = table(value).get(name)
    return found if isinstance(found, list) else []


def is_true(value: Any, name: str) -> bool:
    return table(value).get(name) is True
