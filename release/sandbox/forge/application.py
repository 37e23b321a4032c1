"""The forge as a part of the sandbox's server: below /_forge/, where no bucket of S3 can be.

The API is at /_forge/api/v3 and takes uploads at /_forge/api/uploads, as a GitHub Enterprise Server does.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from release.sandbox.calls import Call, Speech
from release.sandbox.forge import routes
from release.sandbox.forge.forge import Forge, Request
from release.sandbox.forge.wire import JSON, PREFIX, Answer, not_found, refusal

SERVICE = "github"  # by which fault rules and the log of calls name it
ID_TOKEN = "oidc/id-token"  # noqa: S105 - an operation beside those of the description
STORAGE = "storage/download"
_API, _UPLOADS = f"{PREFIX}/api/v3", f"{PREFIX}/api/uploads"
_ID_TOKEN_PATH, _STORAGE_PATH = f"{PREFIX}/_services/token", f"{PREFIX}/storage/"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def operations() -> frozenset[str]:
    """All that a fault rule may name."""
    return routes.operations() | {ID_TOKEN, STORAGE}


def is_for_forge(scope: Mapping[str, Any]) -> bool:
    return scope["type"] == "http" and str(scope["path"]).startswith(f"{PREFIX}/")


def read(scope: Mapping[str, Any], body: bytes) -> tuple[Call, Speech]:
    """The call that a request to the forge makes.

    `resources` are the values of its path beyond the repository, the repository itself, and of the query and
    the body what names something: a tag, a ref, an environment, a file.
    """
    path, query = _raw_path(scope), dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
    names: list[str] = []
    operation = ""
    if path.startswith(_ID_TOKEN_PATH):
        operation = ID_TOKEN
    elif path.startswith(_STORAGE_PATH):
        operation = STORAGE
    elif found := routes.operation(scope["method"], _below_api(path)):
        operation = found.id
        parameters = dict(found.parameters)
        repository = "/".join(parameters.pop(part) for part in ("owner", "repo") if part in parameters)
        names = [*parameters.values(), *filter(None, [repository])]
    document = _document(body)
    named = [document.get(key) for key in ("tag_name", "ref", "environment", "state")]
    names += [one for one in (*named, query.get("name"), query.get("environment")) if isinstance(one, str)]
    shown = f"{scope['path']}?{scope['query_string'].decode('latin-1')}" if query else scope["path"]
    return Call(SERVICE, "", "", scope["method"], shown, operation, tuple(dict.fromkeys(names))), Speech(
        "github"
    )


def beside(forge: Forge, aws: Application) -> Application:
    """An application that is both."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if not is_for_forge(scope):
            await aws(scope, receive, send)
            return
        body = await _body(receive)
        if body is not None:
            # In a thread: it asks git, and checks what is long.
            answer = await asyncio.to_thread(_answer, forge, scope, body)
            await _send(send, answer)

    return application


def _answer(forge: Forge, scope: Scope, body: bytes) -> Answer:
    path, raw_query = _raw_path(scope), scope.get("query_string", b"").decode("latin-1")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if path == _ID_TOKEN_PATH:
        return forge.id_token(headers.get("authorization"), dict(parse_qsl(raw_query)))
    if path.startswith(_STORAGE_PATH):
        return forge.stored(path.removeprefix(_STORAGE_PATH))
    # Uploads have a host of their own with GitHub, and only they.
    below, is_upload = _below_api(path), path.startswith(_UPLOADS)
    operation = routes.operation(scope["method"], below)
    if not path.startswith((_API, _UPLOADS)) or is_upload != bool(
        operation and operation.id == routes.UPLOAD
    ):
        return refusal(not_found())
    return forge.answer(Request(scope["method"], below, raw_query, headers, body))


def _raw_path(scope: Mapping[str, Any]) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1").partition("?")[0]


def _below_api(path: str) -> str:
    return path.removeprefix(_API).removeprefix(_UPLOADS)


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body) if body else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


async def _body(receive: Receive) -> bytes | None:
    """None: the client has gone before it had said all."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _send(send: Send, answer: Answer) -> None:
    body = answer.body
    headers = {"Content-Length": str(len(body)), **answer.headers}
    if body:
        headers.setdefault("Content-Type", JSON)
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
