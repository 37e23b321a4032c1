"""The side of Lambda's Runtime API that the service plays: one loopback HTTP server for each worker.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import queue
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event on its way to a handler, which has `timeout_seconds` from when it takes it."""

    request_id: str
    payload: bytes
    function_arn: str
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What the handler answered; `failed` when it raised or its process ended."""

    payload: bytes
    failed: bool


class RuntimeApi:
    """Hands one invocation at a time to the runtime of a worker and takes its reply."""

    def __init__(self) -> None:
        # None says that the runtime took the invocation: it is initialised.
        self._replies: queue.SimpleQueue[Reply | None] = queue.SimpleQueue()
        self.init_error: bytes | None = None
        self._invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._server = _Server(self)
        self._closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True, name="runtime-api")
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def invoke(self, invocation: Invocation, *, init_seconds: float) -> Reply | None:
        """The reply of the runtime; None when there is none in time, be it while it starts or afterwards."""
        self._invocations.put(invocation)
        try:
            started_or_ended = self._replies.get(timeout=init_seconds)
            return started_or_ended or self._replies.get(timeout=invocation.timeout_seconds)
        except queue.Empty:
            return None

    def next(self) -> Invocation | None:
        """For the runtime: blocks until there is an invocation; None when the worker has ended."""
        invocation = self._invocations.get()
        if invocation is not None:
            self._replies.put(None)
        return invocation

    def reply(self, reply: Reply) -> None:
        """For the runtime, or for whoever sees its process end."""
        self._replies.put(reply)

    def close(self) -> None:
        """Frees the port and the threads."""
        self._closing = True
        self._invocations.put(None)
        # serve_forever would look up twice a second in every worker; a connection wakes this loop at once.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self._server.server_port)).close()
        self._thread.join()
        self._server.server_close()

    def _serve(self) -> None:
        while not self._closing:
            self._server.handle_request()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind resolves the host's name, which takes seconds where the resolver is slow.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A worker that is killed while it waits is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for each response

    @property
    def api(self) -> RuntimeApi:
        return cast(_Server, self.server).api

    def do_GET(self) -> None:
        invocation = self.api.next()
        if invocation is None:
            self.close_connection = True
            return
        deadline = time.time() + invocation.timeout_seconds
        self._answer(
            200,
            invocation.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(202, b"{}", {})
        if self.path.endswith("/init/error"):
            # The runtime exits right after this, and the end of the process answers the invocation.
            self.api.init_error = body
        else:
            self.api.reply(Reply(body, failed=self.path.endswith("/error")))

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the handler's own output is the log."""
