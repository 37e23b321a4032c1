"""What an HTTP API of API Gateway hands to a function, payload format 2.0, and what it makes of the answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

# Of these the body is handed over as text, of all others in base64.
_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")
_PARAMETER = re.compile(r"\{([^}]+)\}")


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One request as it came in. Names of headers are in lower case, repeated ones joined with commas."""

    method: str
    path: str  # decoded
    query: str = ""  # as it was sent
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    source_ip: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class HttpApi:
    """Where a request arrived: the API with its account and name, and the route that was taken."""

    api_id: str
    account: str
    domain: str
    route: str  # "GET /price", or $default
    stage: str = "$default"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: Mapping[str, str]
    cookies: Sequence[str]
    body: bytes


def http_event(
    call: HttpCall,
    api: HttpApi,
    *,
    request_id: str,
    now: datetime,
    path_parameters: Mapping[str, str] | None = None,
    authorizer: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The event. What a request does not have is left out, never null. `now` is in UTC."""
    headers = dict(call.headers)
    cookies = [one for one in re.split(r"[;,] *", headers.pop("cookie", "")) if one]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": api.route,
        "rawPath": call.path,
        "rawQueryString": call.query,
    }
    if cookies:
        event["cookies"] = cookies
    event["headers"] = headers
    if query := _joined(call.query):
        event["queryStringParameters"] = query
    context: dict[str, Any] = {
        "accountId": api.account,
        "apiId": api.api_id,
        "domainName": api.domain,
        "domainPrefix": api.domain.partition(".")[0],
        "http": {
            "method": call.method,
            "path": call.path,
            "protocol": "HTTP/1.1",
            "sourceIp": call.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": api.route,
        "stage": api.stage,
        "time": f"{now:%d/%b/%Y:%H:%M:%S +0000}",
        "timeEpoch": int(now.timestamp() * 1000),
    }
    if authorizer is not None:
        context["authorizer"] = dict(authorizer)
    event["requestContext"] = context
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    if call.body:
        text = _text(call.body, headers.get("content-type", ""))
        event["body"] = base64.b64encode(call.body).decode() if text is None else text
        event["isBase64Encoded"] = text is None
    else:
        event["isBase64Encoded"] = False
    return event


def http_answer(result: Any) -> HttpAnswer:
    """What a caller gets for what a function returned; a 500 for what API Gateway cannot read.

    Without `statusCode` all of it is the body of a 200.
    """
    if not isinstance(result, dict) or "statusCode" not in result:
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
        return HttpAnswer(200, {"content-type": "application/json"}, (), text.encode())
    try:
        headers = {str(name).lower(): _header(value) for name, value in (result.get("headers") or {}).items()}
        body = result.get("body")
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        encoded = result.get("isBase64Encoded") is True
        data = base64.b64decode(text, validate=True) if encoded else text.encode()
        cookies = tuple(str(one) for one in result.get("cookies") or ())
        status = int(result["statusCode"])
    except (AttributeError, TypeError, ValueError, binascii.Error):
        return failed_answer()
    if not 100 <= status <= 599:
        return failed_answer()
    return HttpAnswer(status, {"content-type": "text/plain; charset=utf-8", **headers}, cookies, data)


def failed_answer() -> HttpAnswer:
    """For a function that failed, or that could not be called: no word of why."""
    return HttpAnswer(500, {"content-type": "application/json"}, (), b'{"message":"Internal Server Error"}')


def matched(route: str, method: str, path: str) -> Mapping[str, str] | None:
    """The path parameters of a request that a route takes. None: it does not take it."""
    wanted, _, pattern = route.partition(" ")
    if wanted == "$default":
        return {}
    if wanted not in ("ANY", method):
        return None
    names, expression = [], ""
    for number, piece in enumerate(_PARAMETER.split(pattern)):
        if number % 2 == 0:
            expression += re.escape(piece)
            continue
        names.append(piece.removesuffix("+"))
        expression += "(.+)" if piece.endswith("+") else "([^/]+)"
    found = re.fullmatch(expression, "/" + path.lstrip("/"))
    return None if found is None else dict(zip(names, found.groups(), strict=True))


def _joined(query: str) -> dict[str, str]:
    """Repeated names have their values joined with commas."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in found.items()}


def _text(body: bytes, content_type: str) -> str | None:
    """None: it is handed over in base64."""
    kind = content_type.partition(";")[0].strip().lower()
    if not (kind.startswith("text/") or kind in _TEXT_TYPES):
        return None
    return body.decode("utf-8", errors="replace")


def _header(value: Any) -> str:
    """API Gateway takes numbers and booleans, too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise TypeError(f"a header is {type(value).__name__}")
    return str(value)
