"""Each gate says what is missing and when it may open; what this version cannot act on yet is closed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from release.config.values import freeze_window
from release.core.blockers import Blocker
from release.core.eyes import Asker, Starters
from release.core.gates import (
    Acceptance,
    GateFacts,
    alarms_clear,
    closed_by_time,
    closed_gates,
)
from release.core.models import AllAtOnce, Environment, Gate, Source, Stage

EAST, WEST = "us-east-1", "us-west-2"
PROD = Environment("prod", "444444444444", (EAST, WEST), None)
WEEKEND = "Fri 16:00 - Mon 08:00 America/New_York"
SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def at(line: int) -> Source:
    return Source("pipelines/fleet.yaml", line, "stages/3")


def gate(name: str) -> Gate:
    if name == "soak":
        return Gate(name, "24h", at(12), timedelta(hours=24))
    if name == "freeze":
        return Gate(name, WEEKEND, at(13), (freeze_window(WEEKEND),))
    return Gate(name, "true", at(14))


def stage(*gates: str, **more: object) -> Stage:
    known: dict[str, object] = {
        "name": "prod",
        "environment": PROD,
        "trigger": "button",
        "channel": "gold",
        "after": "uat",
        "gates": tuple(map(gate, gates)),
        "rollouts": {EAST: AllAtOnce(), WEST: AllAtOnce()},
        "verify": (),
        "source": at(1),
    }
    return Stage(**(known | more))  # type: ignore[arg-type]


FACTS = GateFacts(now=TUESDAY, release="v1.0.0-rc.1", since=TUESDAY - timedelta(days=2))


def closed(name: str, **facts: object) -> Blocker | None:
    """What one gate says. None: it is open."""
    found = closed_gates(stage(name), replace(FACTS, **facts))  # type: ignore[arg-type]
    assert len(found) <= 1
    return found[0] if found else None


def message(name: str, **facts: object) -> str:
    found = closed(name, **facts)
    assert found is not None and found.fix
    return found.message


def test_a_stage_without_gates_is_open() -> None:
    assert closed_gates(stage(), GateFacts(now=TUESDAY, release="v1.0.0-rc.1")) == ()


def test_all_gates_open_to_a_release_that_has_all_they_ask_for() -> None:
    facts = replace(
        FACTS,
        asker=Asker(frozenset({"grace"})),
        starters=Starters(frozenset({"ada"})),
        acceptance=Acceptance("bob", "7.1"),
    )
    every = stage("soak", "four_eyes", "freeze", "order", "no_lost_commits", "signed_off")
    assert closed_gates(every, facts) == ()


def test_closed_gates_are_named_in_the_order_of_the_configuration() -> None:
    facts = replace(FACTS, now=SATURDAY, since=None)
    found = closed_gates(stage("signed_off", "freeze", "soak", "four_eyes"), facts)
    assert [blocker.code for blocker in found] == ["not-signed-off", "freeze", "soak", "four-eyes"]


# soak


def test_the_soak_says_how_long_it_was_and_when_it_ends() -> None:
    found = closed("soak", since=TUESDAY - timedelta(hours=3, minutes=5))
    assert found == Blocker(
        "soak",
        "v1.0.0-rc.1 has run in uat for 3 h 05 min of 24h; the soak ends on Wed 2026-11-25 08:55 UTC",
        "promote it after that, in 20 h 55 min",
    )


def test_the_soak_opens_at_its_end_and_not_a_second_before() -> None:
    since = TUESDAY - timedelta(hours=24)
    assert closed("soak", since=since) is None
    last = message("soak", since=since + timedelta(seconds=1))
    assert "for 23 h 59 min of 24h" in last
    assert "ends on Tue 2026-11-24 12:01 UTC" in last  # a begun minute is not over


def test_the_soak_counts_nothing_while_the_stage_before_runs_something_else() -> None:
    assert message("soak", since=None) == (
        "prod wants a soak of 24h in uat, which does not run v1.0.0-rc.1 now"
    )


def test_the_soak_counts_nothing_while_the_stage_before_serves_another_one_beside_it() -> None:
    assert message("soak", beside="is at work on v1.1.0-rc.1") == (
        "prod wants a soak of 24h of v1.0.0-rc.1 alone: uat is at work on v1.1.0-rc.1"
    )


def test_a_clock_that_lags_behind_the_ledger_makes_the_soak_no_shorter() -> None:
    assert "for 0 s of 24h" in message("soak", since=TUESDAY + timedelta(minutes=10))


def test_what_is_left_of_a_soak_is_said_to_the_second_in_its_last_minute() -> None:
    found = closed("soak", since=TUESDAY - timedelta(hours=24) + timedelta(seconds=40.2))
    assert found is not None and found.fix == "promote it after that, in 41 s"


# freeze


def test_a_freeze_says_when_it_ends_there_and_in_utc() -> None:
    found = closed("freeze", now=SATURDAY)
    assert found == Blocker(
        "freeze",
        "prod is frozen (Fri 16:00 - Mon 08:00 America/New_York) until Mon 2026-11-23 08:00 America/New_York,"
        " which is Mon 2026-11-23 13:00 UTC",
        "wait until then, 2 d 1 h; a freeze stops no rollback",
    )
    assert closed("freeze", now=TUESDAY) is None


def test_windows_that_never_open_are_said_to_be_the_fault() -> None:
    windows = tuple(map(freeze_window, ("Mon 00:00 - Fri 00:00 UTC", "Fri 00:00 - Mon 00:00 UTC")))
    always = stage(gates=(Gate("freeze", "always", at(13), windows),))
    (found,) = closed_gates(always, FACTS)
    assert "leave no open time: pipelines/fleet.yaml:13" in found.message
    assert "they close the whole week" in found.fix


def test_only_a_freeze_is_asked_again_just_before_the_start() -> None:
    every = stage("soak", "four_eyes", "freeze", "signed_off")
    assert [blocker.code for blocker in closed_by_time(every, SATURDAY)] == ["freeze"]
    assert closed_by_time(every, TUESDAY) == ()


# people


def test_four_eyes_say_whose_are_missing() -> None:
    ada = Asker(frozenset({"ada"}))
    assert message("four_eyes", asker=ada, starters=Starters(frozenset({"ada"}))) == (
        "four eyes are not proven for v1.0.0-rc.1: ada asks and has started it there, and nobody else has"
        " approved (there: uat)"
    )
    assert closed("four_eyes", asker=ada, starters=Starters(frozenset({"grace"}))) is None


def test_on_a_laptop_four_eyes_stay_closed() -> None:
    assert "who asks is not known" in message("four_eyes")


def test_somebody_must_have_accepted_the_release() -> None:
    found = closed("signed_off")
    assert found == Blocker(
        "not-signed-off",
        "nobody has accepted v1.0.0-rc.1 in uat",
        "let somebody who has tested it there say: release accept uat --reason TEXT",
    )
    assert closed("signed_off", acceptance=Acceptance("Ada Dev", None)) is None


@pytest.mark.parametrize(
    ("acceptance", "why"),
    [
        (Acceptance("Ada", "7.1"), "accepted in uat by Ada, who asks"),
        (Acceptance("Ada Dev", None), "accepted in uat by 'Ada Dev', who is no login of the forge"),
        (Acceptance("release[bot]", "7.1"), "accepted in uat by release[bot], which is no person"),
        (Acceptance("grace", "7.1"), None),
    ],
)
def test_with_four_eyes_whoever_asks_cannot_have_accepted(acceptance: Acceptance, why: str | None) -> None:
    facts = replace(
        FACTS,
        asker=Asker(frozenset({"ada"})),
        starters=Starters(frozenset({"bob"})),
        acceptance=acceptance,
    )
    found = closed_gates(stage("four_eyes", "signed_off"), facts)
    assert [blocker.code for blocker in found] == (["not-signed-off"] if why else [])
    assert why is None or why in found[0].message


# order and commits


def test_order_names_the_stages_that_were_left_out() -> None:
    found = closed("order", missing=("qa", "perf"))
    assert found == Blocker(
        "order",
        "v1.0.0-rc.1 has not passed every stage before prod: not qa, perf",
        "bring it through qa first",
    )


def test_order_lets_nothing_older_in_whatever_option_is_given() -> None:
    assert "older than v1.1.0, which prod runs" in message("order", older_than="v1.1.0")


def test_commits_that_would_be_lost_are_named() -> None:
    assert message("no_lost_commits", loses="v1.0.1") == (
        "prod runs v1.0.1, which is not in the history of v1.0.0-rc.1: its changes would be lost"
    )


# alarms


def test_an_alarm_that_is_on_closes_the_stage_that_asks_for_none() -> None:
    firing = [f"orders-errors in {region}" for region in (EAST, WEST)]
    (found,) = alarms_clear(stage("alarms_clear"), firing)
    assert found.message == "prod has an alarm on: orders-errors in us-east-1, orders-errors in us-west-2"
    assert alarms_clear(stage("alarms_clear"), []) == alarms_clear(stage(), firing) == ()


def test_many_alarms_are_counted() -> None:
    (found,) = alarms_clear(stage("alarms_clear"), list("abcde"))
    assert found.message == "prod has an alarm on: a, b, c and 2 more"


def test_alarms_are_asked_by_who_reads_them() -> None:
    assert closed_gates(stage("alarms_clear"), FACTS) == ()


# what is not built


def test_a_gate_that_nobody_knows_is_closed_and_names_its_line() -> None:
    (found,) = closed_gates(stage("horoscope"), FACTS)
    assert found.code == "gate-not-built"
    assert found.message == (
        "the gate horoscope (true) of prod is not built yet, so it is closed: pipelines/fleet.yaml:14"
    )


@pytest.mark.parametrize("name", ["soak", "freeze"])
def test_a_gate_without_its_meaning_is_closed(name: str) -> None:
    assert len(closed_gates(stage(gates=(Gate(name, "", at(12)),)), FACTS)) == 1
