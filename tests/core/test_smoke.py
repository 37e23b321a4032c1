"""When a version has proved itself, when it has not, and when nobody can tell."""

import json
from typing import Any

import pytest

from release.core.manifest import StageSettings
from release.core.smoke import Errored, Failed, Passed, judge, payload
from release.core.snapshot import Invocation


def settings(critical: tuple[str, ...] = (), expect: dict[str, Any] | None = None) -> StageSettings:
    return StageSettings(
        service="prices",
        stage="prod",
        stack="prices-prod",
        functions=(),
        values={},
        smoke_payload={"health_check": True},
        smoke_timeout=10,
        smoke_critical=critical,
        smoke_expect=expect or {},
    )


def answer(body: Any = None, *, error: str | None = None, version: str | None = "7") -> Invocation:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Invocation(200, error, version, data)


def test_the_payload_is_what_the_service_configures() -> None:
    assert payload(settings()) == b'{"health_check":true}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        [],
        "fine",
        {},
        {"statusCode": 200},
        {"statusCode": 399},
        {"statusCode": "204"},
        {"statusCode": None},
        {"status": "down"},
    ],
)
def test_an_answer_without_a_no_passes(body: Any) -> None:
    assert judge(answer(body), settings(), lambda_version="7") == Passed()


def test_an_answer_that_does_not_say_its_version_is_no_verdict() -> None:
    verdict = judge(answer({}, version=None), settings(), lambda_version="7")
    assert isinstance(verdict, Errored)


def test_a_function_that_timed_out_is_no_verdict() -> None:
    body = json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"})
    verdict = judge(Invocation(200, "Unhandled", "7", body.encode()), settings(), lambda_version="7")
    assert isinstance(verdict, Errored)


def test_an_answer_of_another_version_is_no_verdict_whatever_it_says() -> None:
    verdict = judge(answer({}, error="Unhandled", version="6"), settings(), lambda_version="7")
    assert verdict == Errored("version 6 answered instead of 7")


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        (
            {"errorType": "KeyError", "errorMessage": "'ORACLE'"},
            "Unhandled KeyError",
            "KeyError: 'ORACLE'",
        ),
        ({"errorType": "Runtime.ExitError"}, "Unhandled Runtime.ExitError", "Runtime.ExitError"),
        ({"errorMessage": "patient 4711"}, "Unhandled", "patient 4711"),
        ({"errorType": "patient 4711", "errorMessage": 3}, "Unhandled", "patient 4711: 3"),
        ({"errorType": 3}, "Unhandled", "3"),
        ("timed out", "Unhandled", "timed out"),
        ([1, 2], "Unhandled", "[1, 2]"),
        (b"no \n JSON \xff", "Unhandled", "no JSON �"),
        ({"errorMessage": "x" * 300}, "Unhandled", "x" * 199 + "…"),
    ],
)
def test_a_function_error_is_a_no_that_records_only_the_name_of_the_error(
    body: Any, reason: str, detail: str
) -> None:
    assert judge(answer(body, error="Unhandled"), settings(), lambda_version="7") == Failed(reason, detail)


@pytest.mark.parametrize("body", [b"<html>", b"\xff\xfe", b"{"])
def test_an_answer_that_is_not_json_is_a_no(body: bytes) -> None:
    assert judge(answer(body), settings(), lambda_version="7") == Failed("the answer is not JSON")


@pytest.mark.parametrize("status", [400, 503, 500.0, "500", "teapot", [], {"code": 200}])
def test_a_status_that_is_no_success_is_a_no(status: Any) -> None:
    verdict = judge(answer({"statusCode": status}), settings(), lambda_version="7")
    assert isinstance(verdict, Failed)
    assert verdict.reason.startswith("statusCode ")


def test_a_bad_status_names_the_critical_dependencies_that_are_down() -> None:
    body = {"statusCode": 503, "body": json.dumps({"dependencies": {"audit_table": "down", "cache": "down"}})}
    verdict = judge(answer(body), settings(("audit_table",)), lambda_version="7")
    assert verdict == Failed("statusCode 503, down: audit_table")


@pytest.mark.parametrize(
    "state", [True, "up", "ok", "healthy", {"status": "ok"}, {"state": "up"}, {"status": True}]
)
@pytest.mark.parametrize("wrap", ["plain", "object", "text"])
def test_critical_dependencies_that_are_up_pass_wherever_the_report_is(state: Any, wrap: str) -> None:
    report: Any = {"dependencies": {"audit_table": state, "cache": "down"}}
    if wrap == "object":
        report = {"statusCode": 200, "body": report}
    if wrap == "text":
        report = {"statusCode": 200, "body": json.dumps(report)}
    assert judge(answer(report), settings(("audit_table",)), lambda_version="7") == Passed()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"dependencies": {"audit_table": "down"}},
        {"dependencies": {"audit_table": {"status": "down", "state": "up"}}},
        {"dependencies": {"audit_table": {}}},
        {"dependencies": {"audit_table": None}},
        {"dependencies": ["audit_table"]},
        {"dependencies": {"cache": "up"}},
        {"body": "not JSON"},
        {"body": "[]"},
        {"body": 3},
    ],
)
def test_a_critical_dependency_that_is_not_said_to_be_up_is_a_no(body: Any) -> None:
    verdict = judge(answer(body), settings(("audit_table",)), lambda_version="7")
    assert verdict == Failed("critical dependencies are not up: audit_table")


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"service": "prices", "more": 1}, Passed()),
        ({"service": "configs"}, Failed("the answer's 'service' is not prices", "it is configs")),
        ({}, Failed("the answer's 'service' is not prices", "it is null")),
        ("prices", Failed("the answer's 'service' is not prices", "it is null")),
    ],
)
def test_everything_that_is_expected_must_be_in_the_answer(body: Any, verdict: Any) -> None:
    assert judge(answer(body), settings(expect={"service": "prices"}), lambda_version="7") == verdict
