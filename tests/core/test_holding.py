"""Who may take hold of a stage, and what goes back where when a holder has died."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from release.core.forge.facts import RunFacts
from release.core.holding import (
    Busy,
    Continue,
    Fresh,
    Supersede,
    asked_back,
    carried,
    decide,
    deserted,
    moved_by,
    run_has_ended,
)
from release.core.records import Event, Holder, Quarantined, ReleaseRef, Running, Served, StageHead, mark
from release.core.snapshot import AliasFacts

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
RELEASE = ReleaseRef("1" * 40, "2" * 64, "v1.0.0", "3" * 40)
RUNNING = Running(
    id="a",
    verb="promote",
    release=RELEASE,
    actor="ada",
    at="2026-11-21T11:50:00Z",
    record="2026/11/a.json",
    holder=Holder("laptop/boot", 7, "100"),
    next_by="2026-11-21T12:30:00Z",
)
HEAD = StageHead("fleet", "prod", fence=3, running=RUNNING)


def test_a_stage_at_rest_is_free() -> None:
    assert decide(replace(HEAD, running=None), "promote", RELEASE, dead=True, now=LATER) == Fresh()


def test_nobody_works_beside_a_living_holder_not_even_on_the_same_release() -> None:
    found = decide(HEAD, "promote", RELEASE, dead=False, now=NOON)
    assert found == Busy(
        "promote of v1.0.0 by ada is under way in prod since 2026-11-21T11:50:00Z (process 7 on laptop)"
    )


@pytest.mark.parametrize(("dead", "now"), [(True, NOON), (None, LATER), (True, LATER)])
def test_the_same_work_of_a_dead_or_silent_holder_goes_on_under_its_id(
    dead: bool | None, now: datetime
) -> None:
    assert decide(HEAD, "promote", RELEASE, dead=dead, now=now) == Continue("a", "2026/11/a.json")


def test_a_holder_that_is_seen_alive_keeps_the_stage_however_late_it_is() -> None:
    assert isinstance(decide(HEAD, "promote", RELEASE, dead=False, now=LATER), Busy)


def test_some_services_of_the_same_release_are_other_work() -> None:
    found = decide(HEAD, "promote", RELEASE, ("prices",), dead=True, now=NOON)
    assert found == Supersede("a", "2026/11/a.json")


def test_the_tag_object_does_not_make_it_other_work() -> None:
    again = replace(RELEASE, tag_object=None)
    assert decide(HEAD, "promote", again, dead=True, now=NOON) == Continue("a", "2026/11/a.json")


@pytest.mark.parametrize(
    ("verb", "release"),
    [
        ("rollback", RELEASE),
        ("promote", replace(RELEASE, commit="9" * 40)),
        ("promote", replace(RELEASE, manifest="9" * 64)),
        ("promote", replace(RELEASE, tag="v1.0.1")),
    ],
)
def test_other_work_ends_what_the_dead_holder_began(verb: Any, release: ReleaseRef) -> None:
    assert decide(HEAD, verb, release, dead=True, now=NOON) == Supersede("a", "2026/11/a.json")


def event(id: str, *before: Served, supersedes: tuple[str, ...] = ()) -> Event:
    return Event(
        kind="started",
        id=id,
        at="2026-11-21T11:50:00Z",
        pipeline="fleet",
        stage="prod",
        verb="promote",
        release=RELEASE,
        actor="ada",
        tool="lambda-release 0.1.0",
        fence=3,
        supersedes=supersedes,
        before=before,
    )


EAST, WEST = ("1", "us-east-1", "api"), ("1", "us-west-2", "api")


def now(where: tuple[str, str, str], version: str | None) -> Served:
    account, region, function = where
    return Served("prices", function, account, region, version, version and f"code of {version}")


def test_without_a_dead_promotion_nothing_was_moved_and_what_serves_is_what_to_go_back_to() -> None:
    assert moved_by(None, {EAST: alias("1", mark("a", "1"))}) == frozenset()
    assert carried([now(EAST, "1")], None, frozenset()) == (now(EAST, "1"),)


def test_aliases_that_a_dead_promotion_or_one_that_it_ended_has_moved_carry_its_mark() -> None:
    aliases = {
        EAST: alias("2", mark("b", "2")),
        WEST: alias("1", mark("a", "1")),
        ("1", "us-east-1", "third"): alias("1", mark("c", "1")),
        ("1", "us-east-1", "fourth"): alias("1", "back to version 1 after b"),
    }
    assert moved_by(event("b", supersedes=("a",)), aliases) == {EAST, WEST}


def test_an_alias_that_somebody_moved_on_by_hand_is_theirs_though_the_description_is_ours() -> None:
    by_hand = {
        EAST: alias("3", mark("b", "2")),
        WEST: replace(alias("2", mark("b", "2")), weights={"3": 0.1}),
    }
    assert moved_by(event("b"), by_hand) == frozenset()


def alias(version: str, description: str) -> AliasFacts:
    return AliasFacts("live", version, {}, "r", f"v1.0.0 {description}")


def test_what_a_dead_promotion_moved_goes_back_to_before_it_and_the_rest_stays() -> None:
    dead = event("a", now(EAST, "1"), now(WEST, "1"))
    found = carried([now(EAST, "2"), now(WEST, "5")], dead, frozenset({EAST}))
    assert found == (now(EAST, "1"), now(WEST, "5"))


def test_an_alias_that_a_dead_first_deploy_created_goes_back_to_nothing() -> None:
    assert carried([now(EAST, "1")], event("a", now(EAST, None)), frozenset({EAST})) == (now(EAST, None),)


def test_a_moved_alias_that_the_dead_record_does_not_know_stays() -> None:
    assert carried([now(EAST, "2")], event("a"), frozenset({EAST})) == (now(EAST, "2"),)


BY_GRACE = Quarantined(RELEASE.commit, "2026-11-21T11:55:00Z", "it leaks", RELEASE.tag, "grace")


def test_nobody_has_asked_it_back() -> None:
    assert asked_back(HEAD) is None
    assert asked_back(replace(HEAD, running=None, abort="too late")) is None


def test_an_abort_and_a_person_who_quarantines_it_ask_it_back() -> None:
    assert asked_back(replace(HEAD, abort="wrong numbers")) == "aborted: wrong numbers"
    bad = replace(HEAD, quarantined=(BY_GRACE,))
    assert asked_back(bad) == "v1.0.0 was quarantined meanwhile: it leaks (in prod, by grace)"
    before = StageHead("fleet", "uat", quarantined=(BY_GRACE,))
    assert asked_back(HEAD, [before]) == "v1.0.0 was quarantined meanwhile: it leaks (in uat, by grace)"


def test_the_circuit_breaker_alone_does_not_nor_does_anybody_stop_a_rollback_by_quarantine() -> None:
    assert asked_back(replace(HEAD, quarantined=(replace(BY_GRACE, actor=None),))) is None
    rollback = replace(RUNNING, verb="rollback")
    assert asked_back(replace(HEAD, running=rollback, quarantined=(BY_GRACE,))) is None


@pytest.mark.parametrize(
    ("paused", "dead", "now", "nobody"),
    [
        ("it bakes", False, NOON, True),
        (None, True, NOON, True),
        (None, None, LATER, True),
        (None, None, NOON, False),
        (None, False, LATER, False),
    ],
)
def test_who_is_dead_silent_or_gone_while_it_bakes_is_not_at_work(
    paused: str | None, dead: bool | None, now: datetime, nobody: bool
) -> None:
    assert deserted(replace(RUNNING, paused=paused), dead=dead, now=now) is nobody


@pytest.mark.parametrize(
    ("attempt", "status", "ended"),
    [
        (2, "completed", True),
        (2, "in_progress", False),
        (2, "queued", False),
        (2, "waiting", False),
        (3, "in_progress", True),  # it was run again, which takes that it had completed
        (1, "completed", False),  # GitHub has not heard of ours yet
    ],
)
def test_an_attempt_is_over_when_it_has_completed_or_was_run_again(
    attempt: int, status: str, ended: bool
) -> None:
    run = RunFacts(
        77, attempt, ".github/workflows/x.yml", "push", status, None, "1" * 40, None, "x", "ada", "", ""
    )
    assert run_has_ended(2, run) is ended
