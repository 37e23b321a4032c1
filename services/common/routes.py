"""What a service answers: one declaration for validation, answers and the published OpenAPI document."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from common.errors import (
    NO_HEADERS,
    DependencyUnavailable,
    FieldProblem,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    ServiceError,
    ValidationFailed,
)
from common.http_request import HttpRequest
from common.validation import validated, validated_json

ALWAYS = (MalformedRequest, DependencyUnavailable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint. `query`, `path_parameters` and `body` are the schemas of what is asked, None: not looked
    at.

    `answer` is the schema of the answer with `status`, None for an empty one. `refusals` are the failures
    that it documents beside ALWAYS, and ValidationFailed where it has a schema.
    """

    operation: str
    method: str
    path: str
    summary: str
    answer: type[BaseModel] | None = None
    status: int = 200
    path_parameters: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    refusals: tuple[type[ServiceError], ...] = ()

    def documented(self) -> tuple[type[ServiceError], ...]:
        """Every failure that this endpoint may answer with."""
        asks = (self.path_parameters, self.query, self.body) != (None, None, None)
        return (*ALWAYS, *((ValidationFailed,) if asks else ()), *self.refusals)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that its route's schemas have let through. A part without a schema is None."""

    route: Route
    path: Any
    query: Any
    body: Any
    request_id: str
    caller: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a route's function gives: an instance of the route's `answer`, None for an empty one."""

    body: BaseModel | None
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)


def called(routes: Sequence[Route], request: HttpRequest) -> Call:
    """The route of a request, and its validated parts.

    Raises NotFound, MethodNotAllowed, and ValidationFailed with the problems of all parts.
    """
    there = [route for route in routes if _leads_to(route, routes, request)]
    if not there:
        raise NotFound("There is no such resource.")
    chosen = [route for route in there if route.method == request.method]
    if not chosen:
        raise MethodNotAllowed(*{route.method for route in there})
    (route,) = chosen
    problems: list[FieldProblem] = []
    parts: list[BaseModel | None] = []
    for schema, given in (
        (route.path_parameters, request.path_parameters),
        (route.query, request.query),
        (route.body, request.body),
    ):
        try:
            parts.append(_part(schema, given))
        except ValidationFailed as failed:
            problems += failed.problems
    if problems:
        raise ValidationFailed(f"{len(problems)} problem(s) in the request.", problems=tuple(problems))
    path, query, body = parts
    return Call(route, path, query, body, request.request_id, request.caller)


def _part(schema: type[BaseModel] | None, given: Mapping[str, str] | str) -> BaseModel | None:
    if schema is None:
        return None
    return validated_json(schema, given) if isinstance(given, str) else validated(schema, given)


def _leads_to(route: Route, routes: Sequence[Route], request: HttpRequest) -> bool:
    if request.template:
        return route.path == request.template
    if request.path:
        pattern = "/".join("[^/]+" if p.startswith("{") else re.escape(p) for p in route.path.split("/"))
        return re.fullmatch(pattern, request.path) is not None
    return len({each.path for each in routes}) == 1  # an event by hand that says neither
