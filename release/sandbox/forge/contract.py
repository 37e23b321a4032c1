"""Holds requests and answers to GitHub's description of its API.

Parsing the description takes a good part of a second, so it is done when the forge is first asked for
anything.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from release.sandbox.forge.overlay import lay_over
from release.sandbox.forge.routes import UPLOAD, Operation, description
from release.sandbox.forge.wire import JSON, Answer, Refused, not_found

_API, _UPLOADS = "https://api.github.com", "https://uploads.github.com"


@dataclass(slots=True)
class _Request:
    """A request as openapi-core reads it."""

    host_url: str
    path: str
    method: str
    content_type: str
    body: bytes | None
    parameters: RequestParameters


@dataclass(frozen=True, slots=True)
class _Response:
    """An answer as openapi-core reads it."""

    data: bytes
    status_code: int
    content_type: str
    headers: Headers


class Contract:
    def __init__(self) -> None:
        # A test holds the description itself to the rules of OpenAPI, which takes seconds.
        stricter = lay_over(copy.deepcopy(description()))
        self._api = OpenAPI.from_dict(stricter, config=Config(spec_validator_cls=None))

    def require_request(
        self, operation: Operation, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> None:
        """Raises Refused, as GitHub does for a request that its description does not allow."""
        if unknown := sorted(set(query) - operation.query):
            raise Refused(422, f'Invalid request.\n\n"{unknown[0]}" is no parameter of {operation.id}.')
        try:
            self._api.validate_request(self._request(operation, query, headers, body))
        except OpenAPIError as error:
            raise _as_refused(error) from error

    def broken(
        self,
        operation: Operation,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        answer: Answer,
    ) -> str | None:
        """What is wrong with an answer of ours; None: nothing."""
        response = _Response(
            answer.body, answer.status, JSON.partition(";")[0], Headers(dict(answer.headers))
        )
        try:
            self._api.validate_response(self._request(operation, query, headers, body), response)
        except OpenAPIError as error:
            return "; ".join(_words(error))
        return None

    def _request(
        self, operation: Operation, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> _Request:
        is_upload = operation.id == UPLOAD
        kind = "application/octet-stream" if is_upload else headers.get("content-type", "application/json")
        return _Request(
            host_url=_UPLOADS if is_upload else _API,
            path=operation.path,
            method=operation.method,
            content_type=kind.partition(";")[0].strip().lower(),
            # What is uploaded may be anything.
            body=None if is_upload else body or None,
            parameters=RequestParameters(
                query=ImmutableMultiDict(dict(query)),
                header=Headers(dict(headers)),
                cookie=ImmutableMultiDict(),
            ),
        )


def _schema_errors(error: BaseException) -> Iterator[Any]:
    seen: BaseException | None = error
    while seen is not None:
        yield from getattr(seen, "schema_errors", ())
        seen = seen.__cause__


def _words(error: OpenAPIError) -> Iterator[str]:
    """What is wrong, in words: where and what."""
    found = False
    for one in _schema_errors(error):
        found = True
        where = "/".join(str(part) for part in one.absolute_path)
        yield f"{where}: {one.message}"[:300]
    if not found:
        cause = error.__cause__
        yield f"{error}: {cause}"[:300] if cause else str(error)[:300]


def _as_refused(error: OpenAPIError) -> Refused:
    too_long = [one for one in _schema_errors(error) if one.validator == "maxLength"]
    if too_long:
        errors = [_too_long(one) for one in too_long]
        return Refused(422, "Validation Failed", errors)
    if "Path parameter" in str(error):
        return not_found()
    if "Deserialize" in type(error.__cause__).__name__ or "Deserialize" in type(error).__name__:
        return Refused(400, "Problems parsing JSON")
    return Refused(422, "Invalid request.\n\n" + "\n".join(_words(error)))


def _too_long(error: Any) -> dict[str, str]:
    field = str(error.absolute_path[-1]) if error.absolute_path else "name"
    message = f"{field} is too long (maximum is {error.validator_value} characters)"
    return {"resource": "Request", "code": "custom", "field": field, "message": message}
