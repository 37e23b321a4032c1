"""GET /price from the event to the answer."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.audit import Outcome
from common.errors import UnexpectedFailure

EVENTS = Path(__file__).parents[1] / "events"
PERSON = "jane.doe@hospital.example"


def test_the_event_of_the_handbook_is_answered_with_the_price(bench: Any) -> None:
    answer = bench.call(json.loads((EVENTS / "price-event.json").read_text()))

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"productId": "PROD-101", "price": 99.99, "currency": "USD"}
    assert answer["headers"]["cache-control"] == "no-store"


def test_an_http_api_event_gets_the_same_answer_as_a_rest_api_event(bench: Any) -> None:
    event = {
        "version": "2.0",
        "rawPath": "/price",
        "queryStringParameters": {"id": "PROD-202", "userId": "u-1"},
        "requestContext": {"requestId": "JKJaXmPLvHcESHA=", "http": {"method": "GET", "path": "/price"}},
    }

    answer = bench.call(event)

    assert json.loads(answer["body"]) == {"productId": "PROD-202", "price": 15800.0, "currency": "JPY"}
    assert bench.audit.accesses[0].request_id == "JKJaXmPLvHcESHA="


def test_a_read_leaves_one_audit_item_that_says_who_what_when_and_in_which_request(bench: Any) -> None:
    assert bench.get(id="PROD-101", userId="u-1")[0] == 200

    (access,) = bench.audit.accesses
    assert (access.who, access.what, access.request_id) == ("u-1", "price/PROD-101", "r-1")
    assert access.when.isoformat() == "2026-03-01T12:00:00.250000+00:00"
    assert access.outcome is Outcome.FOUND


def test_whom_the_gateway_has_let_in_is_on_record_beside_whom_it_reads_for(bench: Any) -> None:
    arn = "arn:aws:sts::111111111111:assumed-role/portal/session-1"
    query = {"id": "PROD-101", "userId": "u-1"}
    for outer in ({"authorizer": {"iam": {"userArn": arn}}}, {"identity": {"userArn": arn}}, {"identity": 7}):
        bench.call({"httpMethod": "GET", "queryStringParameters": query, "requestContext": outer})

    assert [a.caller for a in bench.audit.accesses] == [arn, arn, ""]
    assert "portal" not in bench.log.getvalue()


def test_only_an_answer_that_left_counts_as_fetched(bench: Any) -> None:
    bench.get(id="PROD-101", userId="u-1")
    bench.get(id="PROD-999", userId="u-1")
    bench.get(id="", userId="u-1")

    assert bench.counted() == [("PricesFetched", "")]


@pytest.mark.parametrize("path", ["/prices", "/price/PROD-101", "/"])
def test_another_path_is_404_and_no_read(bench: Any, path: str) -> None:
    answer = bench.call({"httpMethod": "GET", "path": path, "queryStringParameters": {"id": "PROD-101"}})

    assert answer["statusCode"] == 404 and bench.audit.accesses == []


def test_a_wrong_request_is_told_so_while_the_database_is_away(bench: Any) -> None:
    with bench.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE prices")

    assert bench.get(id="prod 101", userId="u-1")[0] == 400


def test_a_read_that_finds_nothing_is_404_and_on_record_too(bench: Any) -> None:
    status, body = bench.get(id="PROD-999", userId="u-1")

    assert (status, body["code"]) == (404, "NOT_FOUND")
    assert [a.outcome for a in bench.audit.accesses] == [Outcome.NOT_FOUND]


@pytest.mark.parametrize("product", ["PROD-101", "PROD-999"])
def test_without_its_audit_item_no_answer_tells_anything(bench: Any, product: str) -> None:
    bench.audit.away = True

    status, body = bench.get(id=product, userId="u-1")

    assert (status, body["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert "price" not in body and "productId" not in body
    assert "99.99" not in json.dumps(body) + bench.log.getvalue()
    assert bench.counted() == [("DependencyUnavailable", "audit_table")]


def test_a_request_with_two_mistakes_is_told_both_without_an_echo(bench: Any) -> None:
    status, body = bench.get(id="prod 101", userId=PERSON)

    assert (status, body["code"]) == (400, "VALIDATION_FAILED")
    assert {e["field"] for e in body["errors"]} == {"id", "userId"}
    assert PERSON not in json.dumps(body)
    assert bench.audit.accesses == []


def test_missing_parameters_are_all_named(bench: Any) -> None:
    answer = bench.call({"httpMethod": "GET", "queryStringParameters": None})

    assert answer["statusCode"] == 400
    found = {(e["field"], e["code"]) for e in json.loads(answer["body"])["errors"]}
    assert found == {("id", "missing"), ("userId", "missing")}


def test_sql_in_a_parameter_is_a_validation_error(bench: Any) -> None:
    assert bench.get(id="PROD-101' OR '1'='1", userId="u-1")[0] == 400


@pytest.mark.parametrize(
    "event",
    [
        "text",
        None,
        [1],
        {},
        {"health_check": "true"},
        {"httpMethod": 7},
        {"httpMethod": "GET", "path": 7},
        {"httpMethod": "GET", "queryStringParameters": ["id"]},
        {"httpMethod": "GET", "queryStringParameters": {"id": 101}},
        {"httpMethod": "GET", "multiValueQueryStringParameters": {"id": ["A", "B"]}},
        {"httpMethod": "GET", "isBase64Encoded": True, "body": "no base64!"},
        {"Records": [{"eventSource": "aws:sqs", "body": PERSON}]},
    ],
)
def test_a_poisoned_event_is_a_malformed_request(bench: Any, event: object) -> None:
    answer = bench.call(event)

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["code"] == "MALFORMED_REQUEST"
    assert PERSON not in json.dumps(answer) + bench.log.getvalue()
    assert bench.counted() == [("MalformedRequests", "")]


def test_other_methods_are_refused_and_told_which_are_allowed(bench: Any) -> None:
    answer = bench.call({"httpMethod": "POST", "queryStringParameters": {"id": "PROD-101", "userId": "u"}})

    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "GET")


def test_a_database_that_refuses_is_503_and_no_audit_item(bench: Any) -> None:
    with bench.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE prices")

    status, body = bench.get(id="PROD-101", userId="u-1")

    assert (status, body["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert bench.audit.accesses == []
    assert "prices" not in json.dumps(body)
    assert bench.counted() == [("DependencyUnavailable", "database")]


def test_an_unforeseen_failure_reaches_lambda_as_an_error_but_without_its_data(bench: Any) -> None:
    def burst(access: object) -> None:
        raise KeyError(PERSON)

    bench.audit.record = burst
    with pytest.raises(UnexpectedFailure, match="KeyError in request r-1") as failure:
        bench.get(id="PROD-101", userId="jane-doe-1961")

    assert PERSON not in str(failure.value) and "jane" not in str(failure.value)
    assert failure.value.__cause__ is None and failure.value.__context__ is None
    line = bench.lines()[-1]
    assert line["exception_name"] == "KeyError" and any("audit.py" in place for place in line["frames"])
    assert PERSON not in bench.log.getvalue() and "jane" not in bench.log.getvalue()


def test_no_log_line_tells_who_asked_for_what(bench: Any) -> None:
    bench.get(id="PROD-101", userId="jane-doe-1961")
    bench.get(id="PROD-404", userId="jane-doe-1961")
    bench.get(id="<x>", userId="jane-doe-1961")
    bench.audit.away = True
    bench.get(id="PROD-101", userId="jane-doe-1961")

    assert [line["status"] for line in bench.lines() if line["message"] == "request"] == [200, 404, 400, 503]
    assert "jane" not in bench.log.getvalue() and "PROD-" not in bench.log.getvalue()


def test_a_health_check_tells_each_dependency_and_reads_nothing(bench: Any) -> None:
    answer = bench.call({"health_check": True})

    assert answer["statusCode"] == 200
    body = answer["body"]
    assert (body["status"], body["stage"], body["lambda_version"]) == ("ok", "qa", "7")
    assert {name: d["status"] for name, d in body["dependencies"].items()} == {
        "audit_table": "ok",
        "database": "ok",
    }
    assert bench.audit.accesses == []


def test_a_broken_dependency_is_told_but_stops_nothing_unless_it_is_critical(
    make_bench: Callable[..., Any],
) -> None:
    answers = {}
    for critical in (frozenset[str](), frozenset({"audit_table"})):
        bench = make_bench(critical)
        bench.audit.away = True
        answers[len(critical)] = bench.call({"health_check": True})

    assert (answers[0]["statusCode"], answers[0]["body"]["status"]) == (200, "degraded")
    assert (answers[1]["statusCode"], answers[1]["body"]["status"]) == (503, "down")
    assert answers[1]["body"]["dependencies"]["audit_table"]["cause"] == "ResourceNotFoundException"
    assert answers[1]["body"]["dependencies"]["database"]["status"] == "ok"


def test_importing_the_handler_loads_no_aws_client() -> None:
    roots = [str(EVENTS.parent), str(EVENTS.parents[1])]
    code = f"import sys; sys.path[:0] = {roots!r}; import price_fetcher.handler; "
    code += "print('botocore.session' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("False", "")
