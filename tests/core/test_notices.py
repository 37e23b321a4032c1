"""What people are told, in one line and with the command that takes it back; words of others stay words."""

from dataclasses import replace

import pytest

from release.core.notices import Notice, of_decision, of_drift, of_event, verdict
from release.core.records import Event, Judged, Outcome, ReleaseRef, Verb
from tests.adapters.notices import drifted
from tests.fakes.events import event

ENDED = event(
    "outcome",
    pipeline="payments",
    release=ReleaseRef("c" * 40, "m" * 64, "payments/v1.1.0", "f" * 40),
    reason="prices",
    outcome="succeeded",
)
JUDGED = Judged("orders-prod", "us-east-1", 10, "pass", "fine", "7", 1080, 3, "8", 120, 1)


def told(event: Event, *, first: bool = False) -> Notice:
    notice = of_event(event, "2 of 2 functions in us-east-1", first=first)
    assert notice is not None
    return notice


@pytest.mark.parametrize(
    ("verb", "outcome", "occasion", "tone", "title"),
    [
        ("promote", "succeeded", "succeeded", "good", "payments/v1.1.0 serves in prod"),
        ("deploy", "succeeded", "succeeded", "good", "payments/v1.1.0 serves in prod"),
        ("rollback", "succeeded", "rollback", "good", "prod is back on payments/v1.1.0"),
        ("promote", "failed", "failed", "bad", "promote of payments/v1.1.0 to prod failed; what"),
        (
            "promote",
            "errored",
            "failed",
            "bad",
            "promote of payments/v1.1.0 to prod could not be carried out; what",
        ),
        ("promote", "aborted", "failed", "attention", "promote of payments/v1.1.0 to prod was aborted; what"),
        ("rollback", "failed", "failed", "bad", "rollback of payments/v1.1.0 to prod failed; what"),
        (
            "promote",
            "stranded",
            "failed",
            "bad",
            "promote of payments/v1.1.0 to prod ended half-way: a person",
        ),
    ],
)
def test_every_end_has_its_title(verb: Verb, outcome: Outcome, occasion: str, tone: str, title: str) -> None:
    notice = told(replace(ENDED, verb=verb, outcome=outcome))
    assert (notice.occasion, notice.tone) == (occasion, tone)
    assert notice.title.startswith(title)


def test_what_is_under_way_is_told_only_when_it_waits_for_a_person() -> None:
    paused = replace(ENDED, kind="paused", outcome=None, failure="no verdict")
    assert told(paused).occasion == "held"
    assert of_event(replace(paused, next_at="2026-11-21T10:50:01Z"), "") is None
    assert of_event(replace(ENDED, kind="shifted", outcome=None), "") is None


def test_who_where_and_why_are_among_the_facts_and_what_is_not_known_is_not() -> None:
    facts = dict(told(replace(ENDED, approvers=("grace", "linus"))).facts)
    assert facts == {
        "who": "ada, run 77.2",
        "approved by": "grace, linus",
        "where": "2 of 2 functions in us-east-1",
        "reason": "prices",
        "verdict": "every smoke test has passed",
        "record": ENDED.path,
    }


def test_words_of_others_are_one_line_without_secrets_or_what_moves_a_cursor() -> None:
    actor = "Eve\n::error::x\x1b[31m \u202e eve@evil.example"
    facts = dict(told(replace(ENDED, actor=actor, run=None)).facts)
    assert facts["who"] == "Eve ::error::x [an e-mail address]"


@pytest.mark.parametrize(
    ("event", "commands"),
    [
        (ENDED, ["release rollback prod --pipeline payments --reason TEXT"]),
        (replace(ENDED, verb="rollback"), ["release unhold prod --pipeline payments --reason TEXT"]),
        (replace(ENDED, outcome="failed"), ["release status prod --pipeline payments"]),
        (
            replace(ENDED, outcome="stranded"),
            [
                "release status prod --pipeline payments",
                "release rollback prod --pipeline payments --reason TEXT",
            ],
        ),
        (
            replace(ENDED, kind="paused", outcome=None),
            [
                "release advance prod --pipeline payments",
                "release abort prod --pipeline payments --reason TEXT",
            ],
        ),
    ],
)
def test_each_says_the_command_that_takes_it_back(event: Event, commands: list[str]) -> None:
    assert [command for _, command in told(event).commands] == commands


def test_what_has_nothing_before_it_is_not_offered_to_be_taken_back() -> None:
    commands = [command for _, command in told(ENDED, first=True).commands]
    assert commands == ["release status prod --pipeline payments"]


def test_a_verdict_says_how_many_calls_were_seen_or_what_was_worst() -> None:
    assert verdict(()) is None
    many = replace(JUDGED, function="stock-prod", canary_calls=3000)
    assert (
        verdict((JUDGED, many))
        == "pass: 2 of 3,120 calls of the new versions failed, 6 of 2,160 of the stable ones"
    )
    bad = replace(JUDGED, verdict="fail", why="20 % fail")
    unsure = replace(JUDGED, verdict="inconclusive", why="3 calls")
    assert (
        verdict((JUDGED, unsure, bad, bad)) == "fail: orders-prod in us-east-1 at 10 %: 20 % fail, and 1 more"
    )
    assert verdict((JUDGED, unsure)) == "inconclusive: orders-prod in us-east-1 at 10 %: 3 calls"


@pytest.mark.parametrize(
    ("kind", "title", "command"),
    [
        ("hold", "prod is held", "release unhold prod"),
        ("quarantine", "payments/v1.1.0 is quarantined in prod", "release clear payments/v1.1.0"),
        ("reject", "payments/v1.1.0 is rejected in prod", "release clear payments/v1.1.0"),
    ],
)
def test_a_decision_that_keeps_a_release_out_is_told(kind: str, title: str, command: str) -> None:
    notice = of_decision(replace(ENDED, kind=kind, verb=kind, outcome=None))  # type: ignore[arg-type]
    assert notice is not None
    assert (notice.occasion, notice.title) == ("held", title)
    assert notice.commands == (("to take that back", f"{command} --pipeline payments --reason TEXT"),)
    assert dict(notice.facts)["reason"] == "prices"


@pytest.mark.parametrize("kind", ["unhold", "clear", "accept", "outcome"])
def test_a_decision_that_lets_a_release_in_is_not(kind: str) -> None:
    assert of_decision(replace(ENDED, kind=kind)) is None  # type: ignore[arg-type]


def test_drift_is_told_once_for_a_stage_with_the_first_findings_and_both_ways_out() -> None:
    notice = of_drift(drifted("other bytes", "code", "weights", "stack", "regions"), at=ENDED.at)
    assert notice is not None
    assert (notice.occasion, notice.title) == ("drift", "prod has drifted: 4 findings")
    assert dict(notice.facts) == {
        "what": "code of orders-prod in us-east-1; weights of orders-prod in us-east-1;"
        " stack of orders-prod in us-east-1; and 1 more",
        "record": "2026/11/a.json",
    }
    assert [command for _, command in notice.commands] == [
        "release drift prod --pipeline payments",
        "release reconcile prod --pipeline payments --reason TEXT",
    ]


def test_what_is_in_step_or_harmless_is_told_to_nobody() -> None:
    found = drifted()
    quiet = replace(found, findings=tuple(one for one in found.findings if one.harmless))
    assert quiet.findings and of_drift(quiet, at=ENDED.at) is None
