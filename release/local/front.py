"""The HTTP APIs of the fleet at one address on loopback, as their templates route them.

Requests go to the API Gateway of the sandbox, which makes the events. The front only says which API, signs
for whoever cannot, and serves a route that several services have under names of their own.
"""

import http.client
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote, unquote

from release.core.http_api import matched
from release.core.local import LocalFleet, LocalService
from release.errors import Misconfigured

_HOST: Final = "127.0.0.1"
_NOT_FOUND: Final = b'{"message":"Not Found"}'
_LARGEST_BODY: Final = 10 * 1024 * 1024  # of an HTTP API: api-gateway-limits of its developer guide
_LONGEST_LENGTH: Final = 19  # digits; of more, `int` makes an error
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
_ANSWER_SECONDS: Final = 60.0  # an HTTP API waits 30
# Of one connection alone: RFC 9110, section 7.6.1; `http.client` and `http.server` write the last three anew.
_HOP: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length", "date", "server"}
)

Heard = Callable[[str, str, int, float], None]  # method, path with query, status, seconds


class FleetFile:
    """What stands, as the last `up` has written it; read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[int, LocalFleet] | None = None
        self._lock = threading.Lock()

    def __call__(self) -> LocalFleet | None:
        """None: nothing stands yet."""
        try:
            changed = self._path.stat().st_mtime_ns
            with self._lock:
                if self._known is None or self._known[0] != changed:
                    document = json.loads(self._path.read_text(encoding="utf-8"))
                    self._known = (changed, LocalFleet.from_json(document))
                return self._known[1]
        except (OSError, ValueError, KeyError, TypeError):
            return None


class Front(ThreadingHTTPServer):
    """Answers until `shutdown`. Raises Misconfigured where the port is taken; 0 is any free one."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(
        self, port: int, endpoint: str, fleet: Callable[[], LocalFleet | None], heard: Heard | None = None
    ) -> None:
        self.sandbox = endpoint.removeprefix("http://")
        self.fleet = fleet
        self.heard = heard
        try:
            super().__init__((_HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise Misconfigured(
                f"port {port} cannot be bound: {getattr(error, 'strerror', None) or error}",
                fix="give another --port; 0 takes any free one",
            ) from error

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.server_port}"

    def server_bind(self) -> None:
        # HTTPServer.server_bind resolves the host's name, which takes seconds where the resolver is slow.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = _HOST, self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that goes away is no error; anything else is ours, and said."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(cast("tuple[bytes, object]", request), client_address)  # type: ignore[arg-type]


def takes(service: LocalService, method: str, path: str) -> bool:
    """Whether a route of the service takes a request. A browser's question before it asks is for all."""
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD") if method == "OPTIONS" else (method,)
    return any(matched(route, one, path) is not None for route in service.routes for one in methods)


def chosen(fleet: LocalFleet, host: str, method: str, path: str) -> LocalService | None:
    """The service that answers: the one in the name of the host (`price-fetcher.localhost`), else the first
    one with a route that takes the request.
    """
    label = host.partition(":")[0].partition(".")[0]
    named = fleet.service(label)
    if named is not None:
        return named if named.api else None
    return next((one for one in fleet.services if one.api and takes(one, method, path)), None)


def shared_routes(fleet: LocalFleet) -> Mapping[str, tuple[str, ...]]:
    """Routes that several services have: route -> their names, the one that answers first."""
    found: dict[str, tuple[str, ...]] = {}
    for service in fleet.services:
        for route in service.routes:
            found[route] = (*found.get(route, ()), service.name)
    return {route: names for route, names in found.items() if len(names) > 1}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 75.0

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._forward
        raise AttributeError(name)

    def _forward(self) -> None:
        began = time.monotonic()
        front = cast(Front, self.server)
        status = self._answered(front)
        if front.heard is not None:
            front.heard(self.command, self.path, status, time.monotonic() - began)

    def _answered(self, front: Front) -> int:
        if self.headers.get("Transfer-Encoding"):
            return self._send(411, {}, b'{"message":"Length Required"}')
        length = self.headers.get("Content-Length") or "0"
        if re.fullmatch("[0-9]+", length) is None:
            return self._send(400, {}, b'{"message":"Bad Request"}')
        if len(length) > _LONGEST_LENGTH or int(length) > _LARGEST_BODY:
            return self._send(413, {}, b'{"message":"Request Entity Too Large"}')
        body = self.rfile.read(int(length))
        fleet = front.fleet()
        if fleet is None:
            return self._send(503, {}, b'{"message":"Service Unavailable"}')
        path = unquote(self.path.partition("?")[0])
        service = chosen(fleet, self.headers.get("Host", ""), self.command, path)
        if service is None or service.api is None:
            return self._send(404, {}, _NOT_FOUND)
        headers = {name: value for name, value in self._headers().items() if name not in _HOP}
        headers.setdefault("authorization", _signature(fleet))
        connection = http.client.HTTPConnection(front.sandbox, timeout=_ANSWER_SECONDS)
        # The bytes that came: `http.server` has read them as Latin-1, and `http.client` sends ASCII alone.
        asked = quote(self.path.encode("latin-1"), safe=_ASCII)
        target = f"/_aws/execute-api/{service.api}/$default{asked}"
        try:
            connection.request(self.command, target, body or None, headers)
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            return self._send(503, {}, b'{"message":"Service Unavailable"}')
        finally:
            connection.close()
        return self._send(answer.status, answer.getheaders(), data)

    def _headers(self) -> dict[str, str]:
        """Repeated ones joined, as API Gateway hands them on."""
        joined: dict[str, str] = {}
        for name, value in self.headers.items():
            known = joined.get(name.lower())
            joined[name.lower()] = value if known is None else f"{known},{value}"
        return joined

    def _send(self, status: int, headers: "list[tuple[str, str]] | Mapping[str, str]", body: bytes) -> int:
        self.send_response(status)
        own = [("Content-Type", "application/json")] if not headers else []
        for name, value in [*(headers.items() if isinstance(headers, Mapping) else headers), *own]:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if status in (400, 411, 413):
            self.close_connection = True  # what was not read would be taken for the next request
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
        return status

    def version_string(self) -> str:
        return "release-local"

    def log_message(self, format: str, *args: object) -> None:
        """Silent: `heard` says it."""


def _signature(fleet: LocalFleet) -> str:
    """As signed by the account; the sandbox reads who it is and checks no signature."""
    scope = f"{fleet.account}/20260101/{fleet.region}/execute-api/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"
