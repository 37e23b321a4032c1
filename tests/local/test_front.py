"""The HTTP front by itself: which service answers, and what is refused before any sandbox is asked."""

import http.client
import threading
from collections.abc import Iterator

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


def test_a_port_that_is_taken_is_refused_with_a_way_out(nothing_stands: Front) -> None:
    def none() -> LocalFleet | None:
        return None

    with pytest.raises(Misconfigured, match="cannot be bound") as refused:
        Front(nothing_stands.server_port, "http://127.0.0.1:9", none)

    assert "--port" in refused.value.fix
