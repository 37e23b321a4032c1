"""/config/{userId} from the event to the answer."""

import json
from pathlib import Path
from typing import Any

import pytest

EVENTS = Path(__file__).parents[1] / "events"
DEFAULTS = {
    "theme": "system",
    "locale": "en-US",
    "currency": "USD",
    "timeZone": "UTC",
    "notifications": {"email": False, "sms": False},
}


def test_what_was_put_is_got_with_its_version_and_the_defaults(bench: Any) -> None:
    expected = {
        "userId": "u-1",
        "version": 1,
        "settings": {**DEFAULTS, "theme": "dark", "timeZone": "Europe/Rome"},
    }

    assert bench.put(0, theme="dark", timeZone="Europe/Rome") == (200, expected)
    assert bench.send("GET") == (200, expected)


def test_the_answer_carries_the_version_as_etag(bench: Any) -> None:
    bench.put(0, user_id="550e8400-e29b-41d4-a716-446655440000")

    answer = bench.call(json.loads((EVENTS / "get-config.json").read_text()))

    assert (answer["statusCode"], answer["headers"]["etag"]) == (200, '"1"')


def test_a_user_without_configuration_is_404(bench: Any) -> None:
    assert bench.send("GET")[1]["code"] == "NOT_FOUND"
    assert bench.send("DELETE", version="1")[0] == 404


def test_of_two_who_read_the_same_version_one_gets_a_conflict(bench: Any) -> None:
    bench.put(0)

    assert bench.put(1, theme="dark")[0] == 200
    status, body = bench.put(1, theme="light")

    assert (status, body["code"]) == (409, "VERSION_CONFLICT")
    assert bench.send("GET")[1]["settings"]["theme"] == "dark"


def test_creating_what_exists_is_a_conflict(bench: Any) -> None:
    bench.put(0)
    assert bench.put(0)[0] == 409


def test_delete_wants_the_version_and_answers_204(bench: Any) -> None:
    bench.put(0)

    status, body = bench.send("DELETE")
    assert (status, body["errors"][0]["field"]) == (400, "version")
    assert bench.send("DELETE", version="2")[0] == 409
    assert bench.send("DELETE", version="1") == (204, None)
    assert bench.send("GET")[0] == 404


def test_every_mistake_in_a_body_is_told_without_an_echo(bench: Any) -> None:
    body = {"version": "1", "settings": {"theme": "pink", "currency": "dollars", "ssn": "078-05-1120"}}

    status, answer = bench.send("PUT", body=json.dumps(body))

    assert status == 400
    assert {e["field"] for e in answer["errors"]} == {
        "version",
        "settings",
        "settings.theme",
        "settings.currency",
    }
    said = json.dumps(answer) + bench.log.getvalue()
    assert not any(secret in said for secret in ("ssn", "078-05-1120", "pink", "dollars"))
    assert bench.store.settings == {}


@pytest.mark.parametrize("body", ["", "{nope", "[]", '"text"', "null", "{}"])
def test_a_body_that_is_no_configuration_is_a_validation_error(bench: Any, body: str) -> None:
    status, answer = bench.send("PUT", body=body)

    assert (status, answer["code"]) == (400, "VALIDATION_FAILED")


@pytest.mark.parametrize("user_id", ["jane@hospital.example", "", "a" * 65, "../u"])
def test_a_user_id_that_is_no_opaque_id_is_refused(bench: Any, user_id: str) -> None:
    assert bench.send("GET", user_id)[0] == 400
    assert bench.put(0, user_id=user_id)[0] == 400


def test_what_a_newer_version_has_stored_is_still_read_after_a_rollback(bench: Any) -> None:
    stored = {**DEFAULTS, "font": "large", "notifications": {"email": True, "push": True}}
    bench.store.settings["u-1"], bench.store.versions["u-1"] = json.dumps(stored), 4

    status, body = bench.send("GET")

    assert (status, body["version"]) == (200, 4)
    assert body["settings"] == {**DEFAULTS, "notifications": {"email": True, "sms": False}}


def test_other_methods_are_refused(bench: Any) -> None:
    assert bench.send("PATCH")[1]["code"] == "METHOD_NOT_ALLOWED"


def test_a_store_that_is_away_is_503(bench: Any) -> None:
    bench.store.away = True

    assert [bench.send("GET")[0], bench.put(0)[0], bench.send("DELETE", version="1")[0]] == [503] * 3
    assert bench.call({"health_check": True})["statusCode"] == 503


def test_a_health_check_names_the_table(bench: Any) -> None:
    answer = bench.call({"health_check": True})

    assert answer["statusCode"] == 200
    assert answer["body"]["dependencies"]["config_table"]["status"] == "ok"
    assert answer["body"]["dependencies"]["config_table"]["critical"] is True


def test_no_log_line_tells_whose_configuration_it_was(bench: Any) -> None:
    bench.put(0, user_id="jane-doe-1961")
    bench.send("GET", "jane-doe-1961")
    bench.put(5, user_id="jane-doe-1961")

    lines = [json.loads(line) for line in bench.log.getvalue().splitlines()]
    assert [line["status"] for line in lines if line["message"] == "request"] == [200, 200, 409]
    assert "jane" not in bench.log.getvalue()
