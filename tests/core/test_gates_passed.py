"""What a gate saw when it let a release in is on record, gate by gate."""

from dataclasses import replace
from datetime import timedelta

from release.core.eyes import Asker, Starters
from release.core.gates import Acceptance, GateFacts, closed_gates
from release.core.gates_passed import gates_json, let_in_before, passed_alarms, passed_gates
from tests.core.test_gates import FACTS, TUESDAY, WEEKEND, stage

ALL = ("soak", "freeze", "four_eyes", "order", "no_lost_commits", "signed_off")
OPEN: GateFacts = replace(
    FACTS,
    asker=Asker(frozenset({"grace"}), frozenset({"cyn", "bob"})),
    starters=Starters(frozenset({"ada"})),
    acceptance=Acceptance("bob", "7.1", "2026-11-23T09:00:00Z", "2026/11/accept.json"),
    commit="c" * 40,
    runs="v0.9.0",
    runs_commit="b" * 40,
    record="2026/11/outcome.json",
    passed=(("dev", "2026/11/dev.json"), ("uat", "2026/11/uat.json")),
)


def seen(*gates: str, facts: GateFacts = OPEN) -> dict[str, list[tuple[str, str]]]:
    assert closed_gates(stage(*gates), facts) == ()
    found = passed_gates(stage(*gates), facts)
    return {one.gate: [(fact.what, fact.value) for fact in one.seen] for one in found}


def test_each_gate_says_what_it_went_by() -> None:
    assert seen(*ALL) == {
        "soak": [
            ("stage", "uat"),
            ("since", "2026-11-22T12:00:00Z"),
            ("record", "2026/11/outcome.json"),
        ],
        "freeze": [("no_window_open_at", "2026-11-24T12:00:00Z")],
        "four_eyes": [
            ("asked_by", "grace"),
            ("started_before_by", "ada"),
            ("approved_by", "bob"),
            ("approved_by", "cyn"),
        ],
        "order": [
            ("passed dev", "2026/11/dev.json"),
            ("passed uat", "2026/11/uat.json"),
            ("not_older_than", "v0.9.0"),
        ],
        "no_lost_commits": [("from", "b" * 40), ("to", "c" * 40)],
        "signed_off": [
            ("by", "bob"),
            ("at", "2026-11-23T09:00:00Z"),
            ("run", "7.1"),
            ("record", "2026/11/accept.json"),
        ],
    }


def test_every_gate_that_can_be_configured_has_its_facts() -> None:
    """None may act and leave no trace: `alarms_clear` leaves its own."""
    assert list(seen(*ALL)) == list(ALL)
    assert [one.gate for one in passed_alarms(stage("alarms_clear"), ())] == ["alarms_clear"]


def test_settings_are_told_as_the_pipeline_has_them() -> None:
    found = passed_gates(stage("soak", "freeze"), OPEN)
    assert [(one.gate, one.setting) for one in found] == [("soak", "24h"), ("freeze", WEEKEND)]


def test_a_stage_that_runs_nothing_yet_loses_nothing() -> None:
    told = seen("no_lost_commits", "order", facts=replace(OPEN, runs=None, runs_commit=None))
    assert told["no_lost_commits"] == [("from", "nothing"), ("to", "c" * 40)]
    assert ("not_older_than", "nothing") in told["order"]


def test_an_acceptance_from_a_laptop_names_no_run() -> None:
    facts = replace(OPEN, acceptance=replace(OPEN.acceptance, run=None))  # type: ignore[type-var]
    assert "run" not in dict(seen("signed_off", facts=facts)["signed_off"])


def test_every_alarm_is_told_with_its_state_or_why_nobody_looked() -> None:
    gated = stage("alarms_clear")
    states = [("b-errors in us-east-1", "INSUFFICIENT_DATA"), ("a-errors in us-west-2", "OK")]
    (looked,) = passed_alarms(gated, states)
    assert [(one.what, one.value) for one in looked.seen] == [
        ("a-errors in us-west-2", "OK"),
        ("b-errors in us-east-1", "INSUFFICIENT_DATA"),
    ]
    (not_looked,) = passed_alarms(gated, states, despite="the alarm is broken")
    assert [(one.what, one.value) for one in not_looked.seen] == [("despite", "the alarm is broken")]
    assert passed_alarms(stage("soak"), states) == ()


def test_a_release_that_was_let_in_before_points_at_the_record_that_has_the_facts() -> None:
    found = let_in_before(stage("soak", "four_eyes"), "2026/11/started.json")
    assert {one.gate: one.seen[0].value for one in found} == dict.fromkeys(
        ("soak", "four_eyes"), "2026/11/started.json"
    )


def test_nothing_recorded_is_not_the_same_as_no_gate() -> None:
    assert (gates_json(None), gates_json(())) == (None, [])
    later = passed_gates(stage("freeze"), replace(OPEN, now=TUESDAY + timedelta(hours=1)))
    assert gates_json(later) == [
        {
            "gate": "freeze",
            "setting": WEEKEND,
            "seen": [{"what": "no_window_open_at", "value": "2026-11-24T13:00:00Z"}],
        }
    ]
