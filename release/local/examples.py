"""How a person tries what stands: the default event of an HTTP service as a request."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from release.core.local import LocalFleet, LocalService
from release.errors import Misconfigured
from release.local.invoke import read_event


def curl_lines(fleet: LocalFleet, top: Path, url: str) -> tuple[str, ...]:
    """One for every service with an HTTP API and a default event that is a request."""
    found = []
    for service in fleet.services:
        for function in service.functions if service.api else ():
            try:
                event = read_event(top, service.name, function, None, here=top)
            except Misconfigured:
                continue
            if (line := _curl(event, service, url)) is not None:
                found.append(line)
                break
    return tuple(found)


def _curl(event: Any, service: LocalService, url: str) -> str | None:
    if not isinstance(event, dict):
        return None
    asked = _request(event, service)
    if asked is None:
        return None
    method, path, query = asked
    words = ["curl", "--silent", *([] if method == "GET" else ["--request", method])]
    body = event.get("body")
    if isinstance(body, str) and not event.get("isBase64Encoded"):
        words += ["--header", "content-type: application/json", "--data", body]
    return shlex.join([*words, f"{url}{quote(path)}{'?' if query else ''}{query}"])


def _request(event: Mapping[str, Any], service: LocalService) -> tuple[str, str, str] | None:
    """Method, path, query; of payload format 2.0, or 1.0 as REST APIs have it."""
    context = event.get("requestContext")
    inner = context.get("http") if isinstance(context, dict) else None
    if isinstance(inner, dict) and isinstance(event.get("rawPath"), str):
        return str(inner.get("method", "GET")), event["rawPath"], str(event.get("rawQueryString") or "")
    method = event.get("httpMethod")
    if not isinstance(method, str):
        return None
    paths = [path for verb, _, path in (route.partition(" ") for route in service.routes) if verb == method]
    path = event.get("path") or (paths[0] if len(paths) == 1 and "{" not in paths[0] else None)
    query = event.get("queryStringParameters") or {}
    return None if not isinstance(path, str) else (method, path, urlencode(query))


def readable(answer: bytes) -> Any:
    """An answer as JSON; what is none, as text."""
    try:
        return json.loads(answer or b"null")
    except ValueError:
        return answer.decode("utf-8", errors="replace")
