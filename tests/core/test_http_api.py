"""Events and answers of HTTP APIs: what the developer guide of API Gateway says of payload format 2.0."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from release.core.http_api import HttpAnswer, HttpApi, HttpCall, http_answer, http_event, matched

API = HttpApi("a1b2c3", "111111111111", "a1b2c3.execute-api.us-east-1.amazonaws.com", "GET /price")
NOW = datetime(2026, 3, 12, 19, 3, 58, 390_000, tzinfo=UTC)
FAILED = HttpAnswer(500, {"content-type": "application/json"}, (), b'{"message":"Internal Server Error"}')


def event(call: HttpCall, **more: Any) -> dict[str, Any]:
    return http_event(call, API, request_id="JKJaXmPLvHcESHA=", now=NOW, **more)


def test_a_request_without_anything_has_no_key_for_what_it_lacks() -> None:
    made = event(HttpCall("GET", "/price"))

    assert set(made) == {
        *("version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext", "isBase64Encoded")
    }
    assert made["requestContext"]["time"] == "12/Mar/2026:19:03:58 +0000"
    assert made["requestContext"]["timeEpoch"] == 1_773_342_238_390
    assert made["requestContext"]["domainPrefix"] == "a1b2c3"


def test_repeated_parameters_are_joined_and_the_query_is_kept_as_it_was_sent() -> None:
    made = event(HttpCall("GET", "/price", "id=a%20b&id=c&empty="))

    assert made["queryStringParameters"] == {"id": "a b,c", "empty": ""}
    assert made["rawQueryString"] == "id=a%20b&id=c&empty="


def test_cookies_stand_by_themselves() -> None:
    made = event(HttpCall("GET", "/price", headers={"cookie": "a=1; b=2", "x-one": "1"}))

    assert made["cookies"] == ["a=1", "b=2"]
    assert made["headers"] == {"x-one": "1"}


@pytest.mark.parametrize(
    ("kind", "body", "handed_over", "encoded"),
    [
        ("application/json; charset=utf-8", b'{"a": 1}', '{"a": 1}', False),
        ("text/csv", "ä".encode(), "ä", False),
        ("application/octet-stream", b"\x00\xff", base64.b64encode(b"\x00\xff").decode(), True),
        ("application/x-www-form-urlencoded", b"a=1", base64.b64encode(b"a=1").decode(), True),
        ("", b"a", base64.b64encode(b"a").decode(), True),
    ],
)
def test_only_bodies_of_text_are_handed_over_as_text(
    kind: str, body: bytes, handed_over: str, encoded: bool
) -> None:
    made = event(HttpCall("POST", "/price", headers={"content-type": kind}, body=body))

    assert (made["body"], made["isBase64Encoded"]) == (handed_over, encoded)


def test_an_answer_has_its_status_headers_cookies_and_decoded_body() -> None:
    answer = http_answer(
        {
            "statusCode": "201",
            "headers": {"X-Count": 3, "X-Flag": True},
            "cookies": ["a=1"],
            "body": base64.b64encode(b"\x00").decode(),
            "isBase64Encoded": True,
        }
    )

    assert answer.status == 201
    assert answer.headers == {"content-type": "text/plain; charset=utf-8", "x-count": "3", "x-flag": "true"}
    assert (answer.cookies, answer.body) == (("a=1",), b"\x00")


@pytest.mark.parametrize(
    ("result", "body"), [({"a": 1}, b'{"a": 1}'), ("hello", b"hello"), ([1], b"[1]"), (None, b"null")]
)
def test_what_has_no_status_is_the_body_of_a_200(result: Any, body: bytes) -> None:
    assert http_answer(result) == HttpAnswer(200, {"content-type": "application/json"}, (), body)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "soon"},
        {"statusCode": 42},
        {"statusCode": None},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": {"b": 1}}},
        {"statusCode": 200, "body": "not base64!", "isBase64Encoded": True},
    ],
)
def test_what_is_no_answer_is_a_500_without_a_reason(result: Any) -> None:
    assert http_answer(result) == FAILED


@pytest.mark.parametrize(
    ("route", "method", "path", "parameters"),
    [
        ("GET /price", "GET", "/price", {}),
        ("GET /price", "POST", "/price", None),
        ("ANY /price", "POST", "/price", {}),
        ("GET /price", "GET", "/price/1", None),
        ("GET /a.b", "GET", "/aXb", None),
        ("GET /config/{userId}", "GET", "/config/ana", {"userId": "ana"}),
        ("GET /config/{userId}", "GET", "/config/ana/history", None),
        ("GET /{a}/x/{b}", "GET", "/1/x/2", {"a": "1", "b": "2"}),
        ("GET /files/{path+}", "GET", "/files/a/b", {"path": "a/b"}),
        ("$default", "DELETE", "/anything", {}),
    ],
)
def test_a_route_takes_what_fits_and_names_its_parameters(
    route: str, method: str, path: str, parameters: dict[str, str] | None
) -> None:
    assert matched(route, method, path) == parameters
