"""What runs where, and whatever needs attention."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from release.core import canonical
from release.core.records import Good, Holder, Quarantined, ReleaseRef, Running, Served, StageHead
from release.core.standing import FunctionStanding, StageStanding
from release.views.status import status_json, status_text
from release.views.tables import ago, heading, listed, short
from tests.views.screens import shown, words

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RELEASE = ReleaseRef("1" * 40, "2" * 64, "v1.0.0", "3" * 40)
GOOD = Good(RELEASE, "2026-11-18T12:00:00Z", "ada", "2026/11/record.json")
HEAD = StageHead("fleet", "prod", serves=GOOD, history=(GOOD,))
RECORDED = Served("prices", "prices-api-prod", "4" * 12, "us-east-1", "7", "a" * 64)
FINE = FunctionStanding(RECORDED, "7", "a" * 64, None)
DRIFTED = FunctionStanding(
    replace(RECORDED, region="us-west-2"), "8", "b" * 64, "other bytes: version 8, recorded 7"
)


def status(*stages: StageStanding, functions: bool = False) -> str:
    return shown(status_text(stages, NOW, functions=functions))


def test_every_stage_is_one_row() -> None:
    text = status(
        StageStanding(StageHead("fleet", "dev"), "nothing", ()), StageStanding(HEAD, "in step", (FINE,))
    )
    assert [line.split() for line in text.splitlines()] == [
        ["stage", "serves", "commit", "since", "by", "AWS"],
        ["dev", "-", "-", "-", "-", "nothing"],
        ["prod", "v1.0.0", "1111111111", "3", "d", "ago", "ada", "in", "step"],
    ]


def test_a_stage_without_tags_is_known_by_its_commit() -> None:
    head = replace(HEAD, serves=replace(GOOD, release=replace(RELEASE, tag=None)))
    assert status(StageStanding(head, "in step", ())).count("1111111111") == 2


RUNNING = Running(
    "id",
    "promote",
    replace(RELEASE, tag="v1.1.0"),
    "grace",
    "2026-11-21T11:50:00Z",
    "record",
    Holder("laptop/boot", 7, "100"),
    "2026-11-21T12:30:00Z",
)


def test_what_was_interrupted_says_how_to_go_on_and_back() -> None:
    text = words(status(StageStanding(replace(HEAD, running=RUNNING), "moving", (FINE,))))
    assert "(process 7 on laptop)" in text and "next:" not in text

    let_go = replace(RUNNING, next_by="2026-11-21T11:59:00Z")
    text = words(status(StageStanding(replace(HEAD, running=let_go), "moving", (FINE,))))
    assert "under way since 10 min ago by grace (nobody is at it)" in text
    assert "next: the same command finishes it; release abort prod --reason TEXT goes back" in text


def test_whatever_needs_attention_is_said_below() -> None:
    head = replace(
        HEAD,
        running=RUNNING,
        abort="wrong week",
        stranded="2026/11/left.json",
        quarantined=(
            Quarantined("9" * 40, "", "statusCode 503", "v0.9.0"),
            Quarantined("8" * 40, "", "slow"),
        ),
    )
    text = words(status(StageStanding(head, "drift", (FINE, DRIFTED), "access denied")))
    for sentence in (
        "prod: promote of v1.1.0 under way since 10 min ago by grace (process 7 on laptop)",
        "prod: abort asked for: wrong week",
        "prod: half-way: see 2026/11/left.json",
        "prod: quarantined v0.9.0: statusCode 503",
        "prod: quarantined 8888888888: slow",
        "prod: drift prices-api-prod in us-west-2: other bytes: version 8, recorded 7",
        "prod: AWS was not read: access denied",
    ):
        assert sentence in text


def test_nothing_is_said_below_a_stage_that_is_fine() -> None:
    assert len(status(StageStanding(HEAD, "in step", (FINE,))).splitlines()) == 2


def test_one_stage_shows_every_function_and_how_it_drifts() -> None:
    lines = status(StageStanding(HEAD, "drift", (FINE, DRIFTED)), functions=True).splitlines()
    table = lines[lines.index("") + 1 :]
    assert table[0].split()[:3] == ["function", "region", "version"]
    assert table[1].split() == ["prices-api-prod", "us-east-1", "7", "aaaaaaaaaa", "in", "step"]
    assert "us-west-2" in table[2]
    assert "other bytes" in words(" ".join(table[2:]))


def test_a_stage_without_functions_has_no_second_table() -> None:
    assert len(status(StageStanding(HEAD, "nothing", ()), functions=True).splitlines()) == 2


def test_the_longest_names_stay_on_the_screen() -> None:
    long = replace(RECORDED, function="f" * 64, region="ap-southeast-2")
    drifted = FunctionStanding(long, None, None, "no alias: it serves nothing")
    release = replace(RELEASE, tag="payments/v1.10.100-qa.100")
    head = replace(HEAD, stage="production-emea", serves=replace(GOOD, release=release, actor="a" * 39))
    text = status(StageStanding(head, "drift", (drifted,)), functions=True)
    stage, function = text.split("\n\n")
    rows = stage.splitlines()
    assert [heading in rows[0] for heading in ("since", "by", "AWS")] == [True] * 3
    assert rows[1].endswith("drift")
    assert "1111111111" in rows[1] and "3 d ago" in rows[1]
    assert "ap-southeast-2" in function
    assert "no alias: it serves nothing" in words(text)


def test_status_as_json_is_canonical_and_says_the_same() -> None:
    (data,) = status_json([StageStanding(HEAD, "drift", (DRIFTED,), "note")])
    canonical.dumps(data)
    assert (data["stage"], data["aws"], data["note"]) == ("prod", "drift", "note")
    assert data["serves"] == {
        "tag": "v1.0.0",
        "commit": "1" * 40,
        "manifest": "2" * 64,
        "since": "2026-11-18T12:00:00Z",
        "by": "ada",
        "record": "2026/11/record.json",
    }
    assert data["functions"][0]["drift"] == "other bytes: version 8, recorded 7"
    assert data["functions"][0]["recorded"] == {"lambda_version": "7", "code": "a" * 64}


def test_an_empty_stage_as_json_serves_null() -> None:
    (data,) = status_json([StageStanding(StageHead("fleet", "dev"), "nothing", ())])
    assert data["serves"] is data["running"] is None
    assert data["functions"] == data["quarantined"] == []


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=-5), "0 s ago"),
        (timedelta(seconds=119), "119 s ago"),
        (timedelta(minutes=2), "2 min ago"),
        (timedelta(minutes=119), "119 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=2), "2 d ago"),
        (timedelta(days=400), "400 d ago"),
    ],
)
def test_how_long_ago_is_said_in_one_unit(passed: timedelta, said: str) -> None:
    assert ago(NOW, NOW - passed) == said


def test_small_words_of_all_views() -> None:
    assert short(None) == "-"
    assert short("a" * 64) == "a" * 10
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdef")) == "a, b, c, d and 2 more"
    assert heading("stages").plain == "stages"
