"""Alarms that can watch over a rollout, and those that cannot."""

from datetime import UTC, datetime

from release.core.alarms import AlarmFacts, AlarmState, judge_alarms, names, preflight
from release.core.analysis import Fail, Inconclusive, Pass

PATTERNS = ("{function}-errors", "api-5xx")
FUNCTIONS = ("prices-prod", "orders-prod")


def alarm(
    name: str, state: AlarmState = "OK", *functions: str, resources: tuple[str, ...] = ()
) -> AlarmFacts:
    return AlarmFacts(name, state, functions, resources, datetime(2026, 11, 20, 9, 30, tzinfo=UTC))


def facts(*alarms: AlarmFacts) -> dict[str, AlarmFacts]:
    healthy = [
        alarm("prices-prod-errors", "OK", "prices-prod"),
        alarm("orders-prod-errors", "OK", "orders-prod"),
        alarm("api-5xx"),
    ]
    return {one.name: one for one in (*healthy, *alarms)}


def blocked(known: dict[str, AlarmFacts], *, overridden: bool = False) -> list[tuple[str, str]]:
    found = preflight(
        PATTERNS, FUNCTIONS, known, alias="live", where="prod in us-east-1", overridden=overridden
    )
    return [(blocker.code, blocker.message) for blocker in found]


def test_a_pattern_names_an_alarm_for_each_function_and_a_plain_name_one() -> None:
    assert names(PATTERNS, FUNCTIONS) == ("prices-prod-errors", "orders-prod-errors", "api-5xx")
    assert names(("{function}-a", "{function}-a"), ("x",)) == ("x-a",)


def test_alarms_that_exist_watch_their_function_and_are_ok_block_nothing() -> None:
    assert blocked(facts()) == []


def test_a_missing_alarm_blocks() -> None:
    known = facts()
    del known["orders-prod-errors"]
    assert blocked(known) == [("alarm-missing", "prod in us-east-1 has no alarm orders-prod-errors")]


def test_an_alarm_on_another_function_blocks() -> None:
    known = facts(alarm("orders-prod-errors", "OK", "prices-prod"))
    assert blocked(known) == [
        (
            "alarm-of-another-function",
            "alarm orders-prod-errors of prod in us-east-1 watches prices-prod, not orders-prod",
        )
    ]


def test_an_alarm_that_names_its_function_and_watches_no_function_at_all_is_believed() -> None:
    assert blocked(facts(alarm("orders-prod-errors"))) == []


def test_an_alarm_on_one_version_or_another_alias_blocks_and_one_on_the_alias_does_not() -> None:
    pinned = alarm("orders-prod-errors", "OK", "orders-prod", resources=("orders-prod:7",))
    assert blocked(facts(pinned)) == [
        (
            "alarm-beside-the-alias",
            "alarm orders-prod-errors of prod in us-east-1 watches orders-prod:7: it does not see the "
            "calls of the alias live",
        )
    ]
    for resources in (("orders-prod:live",), ("orders-prod",), ("orders-prod:7", "orders-prod:live")):
        assert blocked(facts(alarm("orders-prod-errors", "OK", "orders-prod", resources=resources))) == []


def test_an_alarm_that_fires_already_blocks_unless_somebody_gave_a_reason() -> None:
    known = facts(alarm("api-5xx", "ALARM"))
    assert blocked(known) == [
        (
            "alarm-firing",
            "alarm api-5xx of prod in us-east-1 fires already since 2026-11-20 09:30 UTC: it cannot tell "
            "a bad release from a good one",
        )
    ]
    assert blocked(known, overridden=True) == []


def test_a_reason_to_go_on_although_alarms_fire_does_not_excuse_one_that_is_missing() -> None:
    known = facts(alarm("api-5xx", "ALARM"))
    del known["prices-prod-errors"]
    assert [code for code, _ in blocked(known, overridden=True)] == ["alarm-missing"]


def test_one_alarm_that_fires_fails_a_release_whatever_the_others_say() -> None:
    known = facts(alarm("api-5xx", "ALARM"), alarm("prices-prod-errors", "INSUFFICIENT_DATA", "prices-prod"))
    assert judge_alarms(names(PATTERNS, FUNCTIONS), known) == Fail("1 alarm is in ALARM: api-5xx")


def test_alarms_that_are_gone_or_have_no_data_never_pass() -> None:
    silent = facts(
        *(alarm(f"{name}-errors", "INSUFFICIENT_DATA", name) for name in FUNCTIONS),
        alarm("api-5xx", "INSUFFICIENT_DATA"),
    )
    assert judge_alarms(names(PATTERNS, FUNCTIONS), silent) == Inconclusive(
        "3 alarms are without data: prices-prod-errors, orders-prod-errors, api-5xx"
    )
    watched = ("a", "b", "c", "d", "api-5xx")
    assert judge_alarms(watched, facts()) == Inconclusive("4 alarms are gone: a, b, c and 1 more")


def test_alarms_that_are_all_ok_pass() -> None:
    assert judge_alarms(names(PATTERNS, FUNCTIONS), facts()) == Pass("3 alarms are OK")
    assert judge_alarms((), {}) == Pass("no alarms are configured")
