"""/config/{userId} from the event to the answer."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config_service.handler import ACTIONS
from config_service.routes import ROUTES

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
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
    assert bench.send("GET", "/config/u-1") == (200, expected)


def test_the_answer_carries_the_version_as_etag(bench: Any) -> None:
    bench.put(0, user_id="550e8400-e29b-41d4-a716-446655440000")

    answer = bench.call(json.loads((EVENTS / "get-config.json").read_text()))

    assert (answer["statusCode"], answer["headers"]["etag"]) == (200, '"1"')


def test_a_user_without_configuration_is_404(bench: Any) -> None:
    assert bench.send("GET", "/config/u-1")[1]["code"] == "NOT_FOUND"
    assert bench.send("DELETE", "/config/u-1", version="1")[0] == 404


def test_of_two_who_read_the_same_version_one_gets_a_conflict(bench: Any) -> None:
    bench.put(0)

    assert bench.put(1, theme="dark")[0] == 200
    status, body = bench.put(1, theme="light")

    assert (status, body["code"]) == (409, "VERSION_CONFLICT")
    assert bench.send("GET", "/config/u-1")[1]["settings"]["theme"] == "dark"


def test_creating_what_exists_is_a_conflict(bench: Any) -> None:
    bench.put(0)
    assert bench.put(0)[0] == 409


def test_delete_wants_the_version_and_answers_204(bench: Any) -> None:
    bench.put(0)

    status, body = bench.send("DELETE", "/config/u-1")
    assert (status, body["errors"][0]["field"]) == (400, "version")
    assert bench.send("DELETE", "/config/u-1", version="2")[0] == 409
    assert bench.send("DELETE", "/config/u-1", version="1") == (204, None)
    assert bench.send("GET", "/config/u-1")[0] == 404


def test_every_mistake_in_a_body_is_told_without_an_echo(bench: Any) -> None:
    body = {"version": "1", "settings": {"theme": "pink", "currency": "dollars", "ssn": "078-05-1120"}}

    status, answer = bench.send("PUT", "/config/u-1", body)

    assert status == 400
    assert {e["field"] for e in answer["errors"]} == {
        "version",
        "settings",
        "settings.theme",
        "settings.currency",
    }
    said = json.dumps(answer) + bench.log.getvalue()
    assert not any(secret in said for secret in ("ssn", "078-05-1120", "pink", "dollars"))
    assert bench.configs.changes == {}


@pytest.mark.parametrize("body", ["", "{nope", "[]", '"text"', "null", "{}"])
def test_a_body_that_is_no_configuration_is_a_validation_error(bench: Any, body: str) -> None:
    status, answer = bench.send("PUT", "/config/u-1", body)

    assert (status, answer["code"]) == (400, "VALIDATION_FAILED")


@pytest.mark.parametrize("user_id", ["jane@hospital.example", "", "a" * 65, "..u"])
def test_a_user_id_that_is_no_opaque_id_is_refused(bench: Any, user_id: str) -> None:
    assert bench.send("GET", f"/config/{user_id}")[0] == 400
    assert bench.put(0, user_id=user_id)[0] == 400


def test_what_a_newer_version_has_stored_is_still_read_after_a_rollback(bench: Any) -> None:
    stored = {**DEFAULTS, "font": "large", "notifications": {"email": True, "push": True}}
    bench.configs.put("u-1", json.dumps(stored), 0, NOON)

    status, body = bench.send("GET", "/config/u-1")

    assert (status, body["version"]) == (200, 1)
    assert body["settings"] == {**DEFAULTS, "notifications": {"email": True, "sms": False}}


def test_other_methods_are_refused(bench: Any) -> None:
    answer = bench.call({"httpMethod": "POST", "path": "/config/u-1"})

    assert answer["statusCode"] == 405
    assert answer["headers"]["allow"] == "DELETE, GET, PATCH, PUT"


def test_a_store_that_is_away_is_503(bench: Any) -> None:
    bench.configs.away = True

    assert [
        bench.send("GET", "/config/u-1")[0],
        bench.put(0)[0],
        bench.send("DELETE", "/config/u-1", version="1")[0],
    ] == [503] * 3
    assert bench.call({"health_check": True})["statusCode"] == 503


def test_a_health_check_names_the_table(bench: Any) -> None:
    answer = bench.call({"health_check": True})

    assert answer["statusCode"] == 200
    assert answer["body"]["dependencies"]["config_table"]["status"] == "ok"
    assert answer["body"]["dependencies"]["config_table"]["critical"] is True


def test_no_log_line_tells_whose_configuration_it_was(bench: Any) -> None:
    bench.put(0, user_id="jane-doe-1961")
    bench.send("GET", "/config/jane-doe-1961")
    bench.put(5, user_id="jane-doe-1961")

    assert [line["status"] for line in bench.lines() if line["message"] == "request"] == [200, 200, 409]
    assert "jane" not in bench.log.getvalue()


def test_every_route_has_its_action() -> None:
    assert ACTIONS.keys() == {route.operation for route in ROUTES}


def test_a_patch_changes_what_was_sent_and_null_goes_back_to_the_default(bench: Any) -> None:
    bench.put(0, theme="dark", timeZone="Europe/Rome", notifications={"email": True, "sms": True})

    patch = {"version": 1, "settings": {"timeZone": None, "currency": "EUR", "notifications": {"sms": None}}}
    status, body = bench.send("PATCH", "/config/u-1", patch)

    notifications = {"email": True, "sms": False}
    changed = {**DEFAULTS, "theme": "dark", "currency": "EUR", "notifications": notifications}
    assert (status, body["version"], body["settings"]) == (200, 2, changed)
    assert bench.send("GET", "/config/u-1")[1] == body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"version": 1, "settings": {}}, "settings"),
        ({"version": 0, "settings": {"theme": "dark"}}, "version"),
        ({"version": 1, "settings": {"theme": "pink"}}, "settings.theme"),
        ({"version": 1, "settings": {"font": "large"}}, "settings"),
    ],
)
def test_a_patch_that_says_nothing_or_nonsense_is_refused(bench: Any, body: object, field: str) -> None:
    bench.put(0)

    status, answer = bench.send("PATCH", "/config/u-1", body)

    assert status == 400 and [e["field"] for e in answer["errors"]] == [field]


def test_a_patch_wants_what_is_there_in_the_version_that_was_read(bench: Any) -> None:
    patch = {"version": 1, "settings": {"theme": "dark"}}
    assert bench.send("PATCH", "/config/u-1", patch)[0] == 404
    bench.put(0)
    bench.put(1, theme="light")
    assert bench.send("PATCH", "/config/u-1", patch)[0] == 409
    assert bench.send("GET", "/config/u-1")[1]["settings"]["theme"] == "light"


def test_the_history_tells_every_change_page_by_page(bench: Any) -> None:
    bench.put(0)
    bench.send("PATCH", "/config/u-1", {"version": 1, "settings": {"theme": "dark"}})
    bench.send("DELETE", "/config/u-1", version="2")

    status, first = bench.send("GET", "/config/u-1/history", limit="2")
    assert status == 200
    assert [(c["version"], c["change"]) for c in first["changes"]] == [(3, "delete"), (2, "patch")]
    assert first["changes"][0]["settings"] is None and first["changes"][1]["settings"]["theme"] == "dark"
    assert first["changes"][0]["changedAt"] == "2026-03-01T12:00:00Z"
    _, second = bench.send("GET", "/config/u-1/history", limit="2", before=str(first["next"]))
    assert [(c["version"], c["change"]) for c in second["changes"]] == [(1, "put")]
    assert second["next"] is None


def test_who_never_had_a_configuration_has_an_empty_history(bench: Any) -> None:
    status, body = bench.send("GET", "/config/u-9/history")
    assert (status, body) == (200, {"userId": "u-9", "changes": [], "next": None})


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"before": "0"}, {"limit": "ten"}])
def test_a_page_that_cannot_be_is_refused(bench: Any, query: dict[str, str]) -> None:
    assert bench.send("GET", "/config/u-1/history", **query)[0] == 400


@pytest.mark.parametrize("file", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_event_beside_the_service_is_answered(bench: Any, file: Path) -> None:
    bench.put(0, user_id="550e8400-e29b-41d4-a716-446655440000")
    bench.flags.put("new-pricing", '{"enabled":true}', 0, NOON)

    assert bench.call(json.loads(file.read_text()))["statusCode"] in (200, 204)
