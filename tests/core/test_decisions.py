"""What people decide, what follows from it, and what cannot be decided."""

from dataclasses import replace

import pytest

from release.core.decisions import (
    Deciding,
    closed_by_people,
    done_already,
    quarantined_names,
    quarantines_of,
    refuse,
)
from release.core.records import (
    Accepted,
    Decision,
    Good,
    Held,
    Holder,
    Quarantined,
    ReleaseRef,
    Running,
    StageHead,
)
from release.errors import GateClosed

ONE = ReleaseRef("1" * 40, "a" * 64, "v1.0.0-rc.1", "2" * 40)
TWO = ReleaseRef("2" * 40, "b" * 64, "v1.0.0-rc.2", "3" * 40)
WHEN = "2026-11-21T12:00:00Z"
GOOD = Good(ONE, WHEN, "ada", "record")
UAT = StageHead("fleet", "uat", serves=GOOD, history=(GOOD,))
BREAKER = Quarantined(ONE.commit, WHEN, "smoke test failed", ONE.tag)
BY_HAND = replace(BREAKER, why="wrong prices", actor="grace")
HELD = replace(UAT, held=Held(WHEN, "grace", "an audit", "record"))
ACCEPTED = Accepted(ONE.commit, ONE.manifest, WHEN, "ada", "tested", "record")


def test_a_held_stage_says_why_who_and_since_when() -> None:
    (found,) = closed_by_people(HELD, ONE.commit)
    assert (found.code, found.message) == (
        "held",
        "uat is held since 2026-11-21T12:00:00Z by grace: an audit",
    )
    assert "release unhold uat" in found.fix


def test_what_the_circuit_breaker_stopped_may_be_tried_again_and_what_a_person_stopped_may_not() -> None:
    assert closed_by_people(replace(UAT, quarantined=(BREAKER,)), ONE.commit) == ()
    (found,) = closed_by_people(replace(UAT, quarantined=(BY_HAND,)), ONE.commit)
    assert found.message == "v1.0.0-rc.1 is quarantined: wrong prices (in uat, by grace)"
    assert "release clear v1.0.0-rc.1" in found.fix
    assert closed_by_people(replace(UAT, quarantined=(BY_HAND,)), TWO.commit) == ()


def test_a_quarantine_is_known_by_commit_and_tag_and_says_where() -> None:
    dev = StageHead("fleet", "dev", quarantined=(Quarantined("5" * 40, WHEN, "slow"),))
    uat = replace(UAT, quarantined=(BY_HAND,))
    assert quarantined_names([dev, uat]) == {
        "5" * 40: "slow (in dev)",
        ONE.commit: "wrong prices (in uat, by grace)",
        "v1.0.0-rc.1": "wrong prices (in uat, by grace)",
    }


@pytest.mark.parametrize(
    ("name", "count"),
    [("v1.0.0-rc.1", 1), ("1" * 40, 1), ("1" * 7, 1), ("1" * 6, 0), ("v1.0.0", 0), ("", 0)],
)
def test_a_quarantine_is_named_by_tag_or_seven_digits_of_its_commit(name: str, count: int) -> None:
    assert len(quarantines_of(replace(UAT, quarantined=(BREAKER,)), name)) == count


def deciding(kind: Decision, head: StageHead = UAT, release: ReleaseRef | None = ONE) -> Deciding:
    return Deciding(kind, head, None if kind in ("hold", "unhold") else release)


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (deciding("hold"), None),
        (deciding("hold", HELD), "uat is held since 2026-11-21T12:00:00Z by grace: an audit"),
        (deciding("unhold", HELD), None),
        (deciding("unhold"), "uat is not held"),
        (deciding("quarantine"), None),
        (deciding("quarantine", replace(UAT, quarantined=(BREAKER,))), None),  # a person's word is stronger
        (
            deciding("reject", replace(UAT, quarantined=(BY_HAND,))),
            "v1.0.0-rc.1 is quarantined: wrong prices (by grace)",
        ),
        (deciding("clear"), "v1.0.0-rc.1 is not quarantined in uat"),
        (deciding("clear", replace(UAT, quarantined=(BREAKER,))), None),
        (deciding("accept"), None),
        (deciding("accept", replace(UAT, accepted=(ACCEPTED,))), "v1.0.0-rc.1 is accepted by ada: tested"),
        (deciding("accept", replace(UAT, accepted=(replace(ACCEPTED, actor="grace"),))), None),
        (deciding("accept", replace(UAT, accepted=(replace(ACCEPTED, manifest="c" * 64),))), None),
        (deciding("accept", replace(UAT, accepted=(replace(ACCEPTED, run="7.1"),))), None),
    ],
)
def test_what_is_so_already_is_not_written_again(what: Deciding, why: str | None) -> None:
    assert done_already(what, "ada", None) == why


RUNNING = Running("id", "promote", TWO, "ada", WHEN, "record", Holder("laptop", 7, "1"), WHEN)


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (deciding("accept", replace(UAT, serves=None)), "uat serves nothing by now"),
        (deciding("accept", release=TWO), "uat serves v1.0.0-rc.1 by now, and this is about v1.0.0-rc.2"),
        (deciding("reject", release=TWO), "uat serves v1.0.0-rc.1 by now"),
        (deciding("accept", replace(UAT, running=RUNNING)), "a rollout is under way in uat"),
        (deciding("accept", replace(UAT, stranded="record")), "the last rollout was left half-way in uat"),
        (deciding("accept", replace(UAT, quarantined=(BREAKER,))), "v1.0.0-rc.1 is quarantined"),
    ],
)
def test_a_release_is_accepted_only_where_it_alone_was_to_be_seen(what: Deciding, why: str) -> None:
    with pytest.raises(GateClosed) as refused:
        refuse(what)
    assert why in refused.value.cause


@pytest.mark.parametrize("kind", ["hold", "unhold", "quarantine", "clear", "accept", "reject"])
def test_everything_else_can_be_decided_at_any_time(kind: Decision) -> None:
    refuse(deciding(kind))
    if kind != "accept":
        refuse(deciding(kind, replace(HELD, running=RUNNING, quarantined=(BY_HAND,))))


@pytest.mark.parametrize(
    ("what", "now", "following"),
    [
        (deciding("hold"), "open", "held: nothing is deployed or promoted to uat; rollbacks go on"),
        (
            deciding("unhold", HELD),
            "held since 2026-11-21T12:00:00Z by grace: an audit",
            "open: uat takes releases again",
        ),
        (deciding("quarantine"), "nothing decided", "quarantined: v1.0.0-rc.1 enters no stage any more"),
        (
            deciding("clear", replace(UAT, quarantined=(BREAKER,))),
            "quarantined: smoke test failed",
            "cleared: v1.0.0-rc.1 may be promoted again",
        ),
        (
            deciding("accept", replace(UAT, accepted=(ACCEPTED,))),
            "accepted by ada: tested",
            "accepted: the gate signed_off of the next stage opens to v1.0.0-rc.1",
        ),
    ],
)
def test_it_is_shown_what_changes(what: Deciding, now: str, following: str) -> None:
    assert (what.now, what.next) == (now, following)
    assert what.about == ("uat" if what.release is None else "v1.0.0-rc.1 in uat")
