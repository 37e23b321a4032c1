"""Feature flags: rules by user, tenant and percentage, and the same answer every time."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config_service.flags import BUCKETS, bucket, decide
from config_service.schema import FlagRules

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}", fullmatch=True)


def rules(*wanted: dict[str, Any], **more: Any) -> FlagRules:
    return FlagRules.model_validate({"enabled": True, "rules": list(wanted), **more})


def test_the_first_rule_that_is_about_somebody_decides() -> None:
    flag = rules(
        {"users": ["u-out"], "on": False},
        {"tenants": ["acme"]},
        {"percentageOfUsers": 0},
    )

    assert decide("f", flag, "u-out", "acme").reason == "rule 0"
    assert decide("f", flag, "u-out", "acme").on is False
    assert (decide("f", flag, "u-1", "acme").on, decide("f", flag, "u-1", "acme").reason) == (True, "rule 1")
    assert (decide("f", flag, "u-1", "other").on, decide("f", flag, "u-1", None).reason) == (False, "default")


def test_the_switch_turns_it_off_for_everybody() -> None:
    off = rules({"users": ["u-1"]}, enabled=False, default=True)

    assert (decide("f", off, "u-1", None).on, decide("f", off, "u-1", None).reason) == (False, "disabled")


def test_the_default_is_for_all_others() -> None:
    assert decide("f", rules({"users": ["u-1"], "on": False}, default=True), "u-2", None).on is True


def test_a_bucket_is_a_published_number() -> None:
    """Another program, or a later version of this one, has to find the same people: this may never change."""
    assert [bucket("new-pricing", "user", f"u-{n}") for n in range(3)] == [4997, 7064, 9300]
    assert bucket("new-pricing", "tenant", "u-0") != 4997


@settings(max_examples=200, deadline=None)
@given(user=IDS, small=st.floats(0, 100), more=st.floats(0, 100))
def test_who_has_it_keeps_it_when_the_percentage_grows(user: str, small: float, more: float) -> None:
    low, high = sorted((small, more))
    on = [decide("f", rules({"percentageOfUsers": p}), user, None).on for p in (low, high)]

    assert on != [True, False]
    assert decide("f", rules({"percentageOfUsers": 100}), user, None).on
    assert not decide("f", rules({"percentageOfUsers": 0}), user, None).on


def test_a_percentage_is_that_share_and_another_share_for_each_flag() -> None:
    users = [f"user-{n}" for n in range(20_000)]
    tenth = {u for u in users if decide("first", rules({"percentageOfUsers": 10}), u, None).on}
    other = {u for u in users if decide("second", rules({"percentageOfUsers": 10}), u, None).on}
    hundredth = [u for u in users if decide("first", rules({"percentageOfUsers": 0.5}), u, None).on]

    assert 1_850 < len(tenth) < 2_150 and 1_850 < len(other) < 2_150
    assert 140 < len(tenth & other) < 260  # a tenth of a tenth
    assert 70 < len(hundredth) < 130


def test_a_tenant_has_it_as_a_whole() -> None:
    flag = rules({"percentageOfTenants": 50})
    for tenant in ("acme", "globex", "initech", "umbrella"):
        assert len({decide("f", flag, f"u-{n}", tenant).on for n in range(20)}) == 1
    assert decide("f", flag, "u-1", None).reason == "default"


def test_a_flag_is_put_read_evaluated_and_deleted(bench: Any) -> None:
    asked = {"enabled": True, "rules": [{"users": ["u-1"]}, {"percentageOfTenants": 100}]}

    status, stored = bench.send("PUT", "/flags/new-pricing", {"version": 0, "rules": asked})
    assert (status, stored["version"], stored["flag"]) == (200, 1, "new-pricing")
    assert bench.send("GET", "/flags/new-pricing") == (200, stored)
    assert bench.send("PUT", "/flags/new-pricing", {"version": 0, "rules": asked})[0] == 409

    def evaluated(**query: str) -> tuple[bool, str]:
        status, body = bench.send("GET", "/flags/new-pricing/evaluation", **query)
        assert (status, body["flag"], body["version"]) == (200, "new-pricing", 1)
        return body["on"], body["reason"]

    assert evaluated(userId="u-1") == (True, "rule 0")
    assert evaluated(userId="u-2", tenantId="acme") == (True, "rule 1")
    assert evaluated(userId="u-2") == (False, "default")
    assert bench.send("DELETE", "/flags/new-pricing", version="1") == (204, None)
    assert bench.send("GET", "/flags/new-pricing/evaluation", userId="u-1")[0] == 404


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"users": []},
        {"users": ["jane@hospital.example"]},
        {"users": ["u-1"], "tenants": ["acme"]},
        {"percentageOfUsers": 101},
        {"percentageOfUsers": -1},
        {"percentage": 10},
    ],
)
def test_a_rule_that_is_none_is_refused_without_an_echo(bench: Any, rule: dict[str, Any]) -> None:
    asked = {"version": 0, "rules": {"enabled": True, "rules": [rule]}}

    status, body = bench.send("PUT", "/flags/new-pricing", asked)

    assert status == 400 and "jane" not in str(body) + bench.log.getvalue()


def test_more_ids_than_an_item_has_room_for_are_refused(bench: Any) -> None:
    def put(*sizes: int) -> int:
        ids = iter([f"{number:064}" for number in range(sum(sizes))])
        rules = [{"users": [next(ids) for _ in range(size)]} for size in sizes]
        status: int = bench.send(
            "PUT", "/flags/new-pricing", {"version": 0, "rules": {"enabled": True, "rules": rules}}
        )[0]
        return status

    assert put(*[500] * 10, 1) == 400
    assert put(*[500] * 10) == 200


def test_buckets_stay_in_their_range() -> None:
    assert {0 <= bucket("f", "user", str(n)) < BUCKETS for n in range(1000)} == {True}
