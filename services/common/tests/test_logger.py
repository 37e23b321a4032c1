"""The shared core: what a log line can hold, and what becomes of AWS's errors."""

import io
import itertools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ParamValidationError

from common.dynamodb import ConditionNotMet, probe_table, reaching
from common.errors import DependencyUnavailable
from common.logger import create_logger
from common.settings import Settings

_names = itertools.count()

PERSONAL = {
    "e-mail": "jane.doe+test@hospital.example",
    "social security number": "078-05-1120",
    "telephone number": "+1 212-555-0142",
    "card number": "4111 1111 1111 1111",
    "bearer token": "Bearer abc.DEF_123~x",
    "web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "password": "password=hunter2",
    "query": "hunter2",
}


def log_of(write: Any) -> dict[str, Any]:
    stream = io.StringIO()
    write(create_logger(Settings(f"log-{next(_names)}", "qa", "DEBUG", frozenset()), stream))
    (line,) = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


@pytest.mark.parametrize("value", PERSONAL.values(), ids=PERSONAL.keys())
def test_a_field_that_is_not_allowed_is_dropped_whatever_it_holds(value: str) -> None:
    line = log_of(lambda log: log.info("note", patient={"nested": value}, body=json.dumps({"x": value})))

    assert value not in json.dumps(line)
    assert line["dropped_fields"] == 2
    assert line["message"] == "note"


@pytest.mark.parametrize("value", PERSONAL.values(), ids=PERSONAL.keys())
def test_data_formatted_into_a_message_or_an_allowed_field_is_withheld(value: str) -> None:
    line = log_of(lambda log: log.warning(f"cannot reach {value} now", cause=f"for {value}"))

    assert value not in json.dumps(line)
    assert line["message"] == line["cause"] == "[withheld]"
    assert line["location"].startswith("<lambda>:")


def test_a_message_is_what_the_source_says_and_what_fills_it_is_left_out() -> None:
    assert log_of(lambda log: log.info("could not reach %s", "Jane"))["message"] == "could not reach %s"
    assert log_of(lambda log: log.info("could not " + "reach".strip()))["message"] == "[withheld]"


def test_a_part_of_a_text_with_holes_is_no_constant() -> None:
    log_of(lambda log: log.info(f"the patient is {'Jane'}"))
    part = "the patient" + " is "
    assert log_of(lambda log: log.info(part))["message"] == "[withheld]"


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("cause", "ResourceNotFoundException", "Jane"),
        ("cause", "ORA-28001", "ORA-28001: the account of Jane"),
        ("code", "NOT_FOUND", "JANE"),
        ("count", 12, 2125550142),
        ("duration_ms", 12.5, "2125550142"),
        ("method", "GET", "JANE"),
        ("state", "base to 0002", "jane to 0002"),
        ("status", 200, True + 4111111111111110),
        ("request_id", "JKJaXmPLvHcESHA=", "jane@hospital.example"),
        ("dependency", "audit_table", "Jane Smith"),
    ],
)
def test_a_field_has_the_form_that_belongs_to_it(field: str, good: object, bad: object) -> None:
    assert log_of(lambda log: log.info("note", **{field: good}))[field] == good
    assert log_of(lambda log: log.info("note", **{field: bad}))[field] == "[withheld]"


@pytest.mark.parametrize("message", [{"ssn": "078-05-1120"}, json.dumps({"name": "Jane"}), ["Jane"]])
def test_a_message_that_is_a_document_is_withheld_whole(message: object) -> None:
    assert log_of(lambda log: log.info(message))["message"] == "[withheld]"


def test_an_exception_keeps_its_class_and_places_and_loses_its_words() -> None:
    def write(log: Any) -> None:
        try:
            raise ValueError("Jane Doe, born 1961")
        except ValueError as error:
            error.add_note("Jane again")
            log.exception("failed")

    line = log_of(write)

    assert line["exception_name"] == "ValueError"
    assert line["frames"] == [f"test_logger.py:{line['frames'][0].split(':')[1].split()[0]} write"]
    assert "Jane" not in json.dumps(line)


def test_ids_times_and_numbers_pass_unharmed() -> None:
    request = "550e8400-e29b-41d4-a716-446655440000"
    line = log_of(lambda log: log.info("request", request_id=request, status=200, duration_ms=12.5))

    assert (line["request_id"], line["status"], line["duration_ms"]) == (request, 200, 12.5)
    assert line["timestamp"].endswith("+00:00") and "[withheld]" not in json.dumps(line)


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "for Jane"}}, "PutItem")


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InternalServerError"])
def test_an_aws_error_is_an_unavailable_dependency_with_its_code_only(code: str) -> None:
    with pytest.raises(DependencyUnavailable) as unavailable, reaching("audit_table"):
        raise client_error(code)
    assert (unavailable.value.dependency, unavailable.value.cause) == ("audit_table", code)
    assert "Jane" not in str(unavailable.value)


def test_a_lost_connection_is_an_unavailable_dependency() -> None:
    with pytest.raises(DependencyUnavailable) as unavailable, reaching("audit_table"):
        raise ConnectTimeoutError(endpoint_url="https://dynamodb.example")
    assert unavailable.value.cause == "ConnectTimeoutError"


def test_a_condition_that_does_not_hold_is_no_outage() -> None:
    with pytest.raises(ConditionNotMet), reaching("config_table"):
        raise client_error("ConditionalCheckFailedException")


@pytest.mark.parametrize("bug", [client_error("ValidationException"), ParamValidationError(report="x")])
def test_an_invalid_request_is_our_bug_and_no_outage(bug: Exception) -> None:
    with pytest.raises(type(bug)), reaching("config_table"):
        raise bug


def test_a_table_that_is_being_deleted_is_not_healthy() -> None:
    class Deleting:
        def describe_table(self, **request: Any) -> dict[str, Any]:
            return {"Table": {"TableStatus": "DELETING"}}

    with pytest.raises(DependencyUnavailable, match="cannot be reached") as down:
        probe_table(Deleting(), "t", "config_table")  # type: ignore[arg-type]  # needs one call only
    assert down.value.cause == "TableStatus=DELETING"
