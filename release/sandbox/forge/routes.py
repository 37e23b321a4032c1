"""Which operation of GitHub's description a request means."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, unquote

from release.sandbox.forge.trim import DESCRIPTION

UPLOAD = "repos/upload-release-asset"
_HOLD_SLASHES = ("ref", "tag")  # refs, and tags such as payments/v1.2.3


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the description, and the parameters that stand in the path of a request."""

    id: str
    method: str
    path: str  # of the request, quoted as the description's paths need it
    parameters: Mapping[str, str]
    query: frozenset[str]  # the names of the query parameters that it knows


@dataclass(frozen=True, slots=True)
class _Route:
    pattern: re.Pattern[str]
    template: str
    ids: Mapping[str, str]  # by method
    query: Mapping[str, frozenset[str]]  # by method


@cache
def description() -> dict[str, Any]:
    """GitHub's description, trimmed. Not to be changed."""
    whole: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    return whole


@cache
def operations() -> frozenset[str]:
    """The names of all operations, as "repos/create-release"."""
    return frozenset(id_ for route in _routes() for id_ in route.ids.values())


def operation(method: str, raw_path: str) -> Operation | None:
    """What a request means; `raw_path` as it was sent, below the API. None: the forge knows no such thing."""
    for route in _routes():
        found = route.pattern.fullmatch(raw_path)
        if found and method.lower() in route.ids:
            verb = method.lower()
            parameters = {name: unquote(value) for name, value in found.groupdict().items()}
            quoted = {name: quote(value, safe="") for name, value in parameters.items()}
            path = route.template.format(**quoted)
            return Operation(route.ids[verb], verb, path, parameters, route.query[verb])
    return None


@cache
def _routes() -> tuple[_Route, ...]:
    """Those with the fewest parameters first: releases/latest is no release with the id "latest"."""
    return tuple(sorted(_read(description()), key=lambda one: one.template.count("{")))


def _read(whole: Mapping[str, Any]) -> Iterator[_Route]:
    for template, methods in whole["paths"].items():
        found = {method: one for method, one in methods.items() if method != "parameters"}
        pattern = re.escape(template)
        for name in re.findall(r"{(\w+)}", template):
            is_last = template.endswith(f"{{{name}}}")
            segment = ".+" if is_last and name in _HOLD_SLASHES else "[^/]+"
            pattern = pattern.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>{segment})")
        yield _Route(
            re.compile(pattern),
            template,
            {method: one["operationId"] for method, one in found.items()},
            {method: _query_names(whole, one) for method, one in found.items()},
        )


def _query_names(whole: Mapping[str, Any], one: Mapping[str, Any]) -> frozenset[str]:
    names = set()
    for given in one.get("parameters", ()):
        name = given.get("$ref", "").rpartition("/")[2]
        parameter = whole["components"]["parameters"][name] if name else given
        if parameter["in"] == "query":
            names.add(parameter["name"])
    return frozenset(names)
