"""What a handler needs of an API Gateway event, whichever of the two proxy formats it comes in."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.errors import MalformedRequest

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_CALLER = re.compile(r"arn:[\w:/=+,.@-]{1,2000}")
_REQUEST_ID = re.compile(
    r"[A-Za-z0-9_-]{1,64}={0,2}"
)  # HTTP APIs make ids like JKJaXmPLvHcESHA=, REST APIs UUIDs


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. `body` is decoded text, "" when there was none.

    `template` is the route's path as API Gateway knows it (`/config/{userId}`), `path` what was asked for; ""
    where the event does not say. `caller` is the identity that API Gateway has checked, "" where it has not.
    """

    method: str
    template: str
    path: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: str
    request_id: str
    caller: str


def parse_request(event: object, context: "LambdaContext") -> HttpRequest:
    """Read an event of an HTTP API (payload format 2.0) or of a REST API (1.0).

    Raises MalformedRequest when it is neither, when its body does not decode or when a REST query repeats a
    name (an HTTP API joins repeated values with commas, which the schema then refuses).
    """
    if not isinstance(event, dict):
        raise MalformedRequest("The event is not an API Gateway request.")
    method = _method(event)
    query = _text_map(event, "queryStringParameters")
    repeated = event.get("multiValueQueryStringParameters")
    if isinstance(repeated, dict) and any(isinstance(v, list) and len(v) > 1 for v in repeated.values()):
        raise MalformedRequest("A query parameter is repeated.")
    return HttpRequest(
        method,
        _template(event),
        _text(event, "rawPath") or _text(event, "path"),
        _text_map(event, "pathParameters"),
        query,
        _body(event),
        request_id(event, context),
        _caller(event),
    )


def request_id(event: object, context: "LambdaContext") -> str:
    """API Gateway's id of the request; Lambda's own where there is none or where it is not an id."""
    outer = event.get("requestContext") if isinstance(event, dict) else None
    given = outer.get("requestId") if isinstance(outer, dict) else None
    return given if isinstance(given, str) and _REQUEST_ID.fullmatch(given) else context.aws_request_id


def _caller(event: Mapping[str, Any]) -> str:
    """Who has signed the request (AWS_IAM), in either format."""
    for path in (("authorizer", "iam", "userArn"), ("identity", "userArn")):
        found: object = event.get("requestContext")
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, str) and _CALLER.fullmatch(found):
            return found
    return ""


def _template(event: Mapping[str, Any]) -> str:
    """Of `routeKey` ("GET /price") or `resource` ("/price"). A catch-all says nothing about the route."""
    _, _, path = _text(event, "routeKey").partition(" ")
    path = path or _text(event, "resource")
    return "" if "+}" in path else path


def _text(event: Mapping[str, Any], name: str) -> str:
    found = event.get(name, "")
    if not isinstance(found, str | None):
        raise MalformedRequest(f"{name} of the event is not a text.")
    return found or ""


def _method(event: Mapping[str, Any]) -> str:
    method: object = event.get("httpMethod")
    if method is None:
        outer = event.get("requestContext")
        inner = outer.get("http") if isinstance(outer, dict) else None
        method = inner.get("method") if isinstance(inner, dict) else None
    if not isinstance(method, str) or not method.isascii() or not method.isalpha():
        raise MalformedRequest("The event is not an API Gateway request.")
    return method.upper()


def _text_map(event: Mapping[str, Any], name: str) -> dict[str, str]:
    found = event.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise MalformedRequest(f"{name} of the event is not a map of texts.")
    return dict(found)


def _body(event: Mapping[str, Any]) -> str:
    body = event.get("body")
    if body is None:
        return ""
    if not isinstance(body, str):
        raise MalformedRequest("The body of the event is not a text.")
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except ValueError:
        raise MalformedRequest("The body is not UTF-8 text.") from None
