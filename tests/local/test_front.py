"""The HTTP front by itself: which service answers, and what is refused before any sandbox is asked."""

import http.client
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from release.core.local import LocalFleet
from release.errors import Misconfigured
from release.local.front import Front, chosen, shared_routes
from tests.local.test_workplace import fleet, service

FLEET = fleet(
    service("orders", "GET /orders/{id}", "ANY /files/{path+}", "GET /health"),
    service("prices", "GET /price", "GET /health"),
)


@pytest.mark.parametrize(
    ("host", "method", "path", "name"),
    [
        ("127.0.0.1:3000", "GET", "/price", "prices"),
        ("127.0.0.1:3000", "GET", "/orders/1", "orders"),
        ("127.0.0.1:3000", "DELETE", "/files/a/b", "orders"),
        ("127.0.0.1:3000", "POST", "/price", None),
        ("127.0.0.1:3000", "GET", "/health", "orders"),
        ("prices.localhost:3000", "GET", "/health", "prices"),
        ("prices.localhost:3000", "GET", "/nowhere", "prices"),  # its API says that there is no such route
        ("127.0.0.1:3000", "OPTIONS", "/price", "prices"),
    ],
)
def test_the_service_that_answers_is_named_by_the_host_or_has_the_route(
    host: str, method: str, path: str, name: str | None
) -> None:
    found = chosen(FLEET, host, method, path)

    assert (found.name if found else None) == name


def test_routes_of_several_services_are_known() -> None:
    assert shared_routes(FLEET) == {"GET /health": ("orders", "prices")}


@pytest.fixture
def nothing_stands() -> Iterator[Front]:
    front = Front(0, "http://127.0.0.1:9", lambda: None)
    with front:
        thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield front
        front.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 503),
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": "-1"}, 400),
        ({"Content-Length": str(11 * 1024 * 1024)}, 413),
    ],
)
def test_what_cannot_be_forwarded_is_answered_at_once(
    nothing_stands: Front, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection(nothing_stands.url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/price")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()

    assert answer.status == status


@pytest.mark.parametrize("length", ["abc", "\xb2", "9" * 5000], ids=["word", "superscript", "endless"])
def test_what_follows_a_length_that_cannot_be_read_is_no_request(nothing_stands: Front, length: str) -> None:
    sent = f"PUT /price HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nGET /price HTTP/1.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", nothing_stands.server_port), timeout=10) as caller:
        caller.sendall(sent.encode("latin-1"))
        answers = caller.makefile("rb").read()

    assert answers.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
    assert answers.count(b"HTTP/1.1 ") == 1


def test_a_query_that_is_no_ascii_is_forwarded_in_percent_signs() -> None:
    heard: list[str] = []

    class Sandbox(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Sandbox) as sandbox:
        threading.Thread(target=sandbox.handle_request, daemon=True).start()
        with Front(0, f"http://127.0.0.1:{sandbox.server_port}", lambda: FLEET) as front:
            threading.Thread(target=front.handle_request, daemon=True).start()
            with socket.create_connection(("127.0.0.1", front.server_port), timeout=10) as caller:
                caller.sendall("GET /price?id=é&of=%C3%A9 HTTP/1.0\r\n\r\n".encode())
                answer = caller.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 204 ")
    assert [one.partition("$default")[2] for one in heard] == ["/price?id=%C3%A9&of=%C3%A9"]


def test_a_port_that_is_taken_is_refused_with_a_way_out(nothing_stands: Front) -> None:
    def none() -> LocalFleet | None:
        return None

    with pytest.raises(Misconfigured, match="cannot be bound") as refused:
        Front(nothing_stands.server_port, "http://127.0.0.1:9", none)

    assert "--port" in refused.value.fix
