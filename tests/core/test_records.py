"""The ledger's events, and the head of a stage that they move."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.core.records import (
    HISTORY,
    Decision,
    Event,
    Good,
    Holder,
    IllegalEvent,
    Judged,
    Kind,
    Passed,
    Quarantined,
    ReleaseRef,
    Running,
    Seen,
    Served,
    StageHead,
    Verb,
    Wave,
    advance,
    mark,
    moment,
    next_by,
    overdue,
    promotion_id,
    rollback_target,
    stamp,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LAPTOP = Holder(host="laptop/boot", pid=7, started="100")
PEER = Holder(host="other/boot", pid=8, started="200")
EMPTY = StageHead("fleet", "prod")
ONE, TWO, THREE = (ReleaseRef(str(n) * 40, str(n) * 64, f"v{n}.0.0", str(n) * 40) for n in (1, 2, 3))
ALL_EVENTS = ("started", "taken-over", "abort", "outcome")


def event(kind: Kind, release: ReleaseRef = ONE, **fields: Any) -> Event:
    """An event of the promotion of a release, at fence 1 unless said otherwise."""
    holding = (
        {"holder": LAPTOP, "next_by": "2026-11-21T12:30:00Z"} if kind in ("started", "taken-over") else {}
    )
    known: dict[str, Any] = {
        "id": f"20261121T120000Z-fleet-prod-{release.tag}",
        "at": "2026-11-21T12:00:00Z",
        "pipeline": "fleet",
        "stage": "prod",
        "verb": "promote",
        "actor": "ada",
        "tool": "lambda-release 0.1.0",
        "fence": 1,
    }
    return Event(kind=kind, release=release, **(known | holding | fields))


def run(
    head: StageHead, release: ReleaseRef, outcome: str = "succeeded", verb: Verb = "promote"
) -> StageHead:
    """A promotion from start to end."""
    fence = head.fence + 1
    begun = advance(head, event("started", release, fence=fence, verb=verb))
    return advance(begun, event("outcome", release, fence=fence, verb=verb, outcome=outcome, failure="no"))


def served_tags(head: StageHead) -> list[str | None]:
    return [good.release.tag for good in head.history]


# -- transitions --------------------------------------------------------------------------------------------


def test_a_start_takes_hold_of_the_stage_with_the_next_fence() -> None:
    started = event("started")
    head = advance(EMPTY, started)
    assert head.fence == 1
    assert head.running == Running(
        started.id, "promote", ONE, "ada", started.at, started.path, LAPTOP, "2026-11-21T12:30:00Z"
    )
    assert head.last == started.path


def test_a_start_clears_the_abort_that_was_meant_for_the_one_before() -> None:
    asked = advance(advance(EMPTY, event("started")), event("abort", reason="wrong week"))
    assert asked.abort == "wrong week"
    ended = advance(asked, event("outcome", outcome="aborted"))
    assert ended.abort is None
    taken = advance(asked, event("started", TWO, fence=2, supersedes=(event("started").id,)))
    assert taken.abort is None


@pytest.mark.parametrize("fence", [0, 1, 3])
def test_a_start_needs_exactly_the_next_fence(fence: int) -> None:
    head = replace(EMPTY, fence=1)
    with pytest.raises(IllegalEvent, match=f"with fence {fence} after 1"):
        advance(head, event("started", fence=fence))


@pytest.mark.parametrize("field", ["holder", "next_by"])
@pytest.mark.parametrize("kind", ["started", "taken-over"])
def test_whoever_takes_hold_says_who_he_is_and_until_when(kind: Kind, field: str) -> None:
    head = EMPTY if kind == "started" else advance(EMPTY, event("started"))
    with pytest.raises(IllegalEvent):
        advance(head, event(kind, fence=head.fence + 1, **{field: None}))


def test_nobody_starts_beside_a_promotion_that_runs() -> None:
    head = advance(EMPTY, event("started"))
    with pytest.raises(IllegalEvent, match="is at work on"):
        advance(head, event("started", TWO, fence=2))


def test_a_start_supersedes_the_running_promotion_and_no_other() -> None:
    head = advance(EMPTY, event("started"))
    dead = event("started").id
    taken = advance(head, event("started", TWO, fence=2, supersedes=(dead, "an-older-one")))
    assert taken.running is not None
    assert taken.running.release == TWO
    with pytest.raises(IllegalEvent, match="is at work on"):
        advance(head, event("started", TWO, fence=2, supersedes=("an-older-one", dead)))
    with pytest.raises(IllegalEvent, match="is not at work on"):
        advance(EMPTY, event("started", supersedes=(dead,)))


def test_a_take_over_moves_the_hold_and_keeps_the_promotion() -> None:
    head = advance(EMPTY, event("started"))
    over = event("taken-over", fence=2, holder=PEER, next_by="2026-11-21T14:00:00Z")
    taken = advance(head, over)
    assert taken.fence == 2
    assert taken.running is not None and head.running is not None
    assert taken.running == replace(
        head.running, holder=PEER, next_by="2026-11-21T14:00:00Z", record=over.path
    )


@pytest.mark.parametrize("fence", [1, 3])
def test_a_take_over_needs_exactly_the_next_fence(fence: int) -> None:
    head = advance(EMPTY, event("started"))
    with pytest.raises(IllegalEvent, match="the hold of prod was lost"):
        advance(head, event("taken-over", fence=fence))


def test_an_abort_is_asked_for_once_with_a_reason() -> None:
    head = advance(EMPTY, event("started"))
    with pytest.raises(IllegalEvent, match="without a reason"):
        advance(head, event("abort"))
    asked = advance(head, event("abort", reason="wrong week"))
    assert asked.abort == "wrong week"
    assert asked.running == head.running
    # the file of the first request would be overwritten
    with pytest.raises(IllegalEvent, match="already"):
        advance(asked, event("abort", reason="again"))


@pytest.mark.parametrize("kind", ["taken-over", "abort", "outcome"])
def test_only_a_promotion_that_runs_moves_on(kind: Kind) -> None:
    with pytest.raises(IllegalEvent, match="is not at work on"):
        advance(EMPTY, event(kind, outcome="succeeded", reason="why"))
    other = advance(EMPTY, event("started", TWO))
    with pytest.raises(IllegalEvent, match="is not at work on"):
        advance(other, event(kind, outcome="succeeded", reason="why"))


@pytest.mark.parametrize("first", ["succeeded", "failed", "errored", "aborted", "stranded"])
@pytest.mark.parametrize("late", ALL_EVENTS[1:])
def test_an_outcome_is_written_once(first: str, late: Kind) -> None:
    ended = run(EMPTY, ONE, first)
    with pytest.raises(IllegalEvent):
        advance(ended, event(late, outcome="succeeded", reason="why", fence=1))


@pytest.mark.parametrize("kind", ["abort", "outcome"])
def test_who_lost_the_fence_writes_nothing(kind: Kind) -> None:
    taken = advance(advance(EMPTY, event("started")), event("taken-over", fence=2, holder=PEER))
    with pytest.raises(IllegalEvent, match="the hold of prod was lost: fence 1, now 2"):
        advance(taken, event(kind, fence=1, outcome="succeeded", reason="why"))


def test_an_outcome_event_has_an_outcome() -> None:
    with pytest.raises(IllegalEvent, match="without an outcome"):
        advance(advance(EMPTY, event("started")), event("outcome"))


def test_success_makes_the_release_what_the_stage_serves() -> None:
    head = run(EMPTY, ONE)
    assert head.running is None
    assert head.serves == Good(ONE, "2026-11-21T12:00:00Z", "ada", head.last or "", "promote")
    assert head.history == (head.serves,)


@pytest.mark.parametrize("outcome", ["failed", "errored", "aborted", "stranded"])
def test_only_success_changes_what_the_stage_serves(outcome: str) -> None:
    good = run(EMPTY, ONE)
    bad = run(good, TWO, outcome)
    assert (bad.serves, bad.history, bad.running) == (good.serves, good.history, None)


@pytest.mark.parametrize(
    ("outcome", "quarantined"),
    [("failed", True), ("stranded", True), ("errored", False), ("aborted", False)],
)
def test_a_no_quarantines_the_release_and_not_finding_out_does_not(outcome: str, quarantined: bool) -> None:
    found = run(EMPTY, TWO, outcome).quarantine_of(TWO.commit)
    assert found == (Quarantined(TWO.commit, "2026-11-21T12:00:00Z", "no", TWO.tag) if quarantined else None)


def test_a_quarantine_says_why_even_when_nobody_did() -> None:
    head = advance(advance(EMPTY, event("started")), event("outcome", outcome="failed"))
    assert head.quarantined[0].why == "failed"


def test_success_of_the_same_commit_clears_its_quarantine_and_no_other() -> None:
    head = run(run(EMPTY, ONE, "failed"), TWO, "failed")
    head = run(head, ONE)
    assert [item.commit for item in head.quarantined] == [TWO.commit]


def test_a_second_failure_is_one_quarantine() -> None:
    head = run(run(EMPTY, ONE, "failed"), ONE, "stranded")
    assert [item.commit for item in head.quarantined] == [ONE.commit]


def test_a_rollback_that_fails_says_nothing_against_the_release_it_went_back_to() -> None:
    head = run(run(run(EMPTY, ONE), TWO), ONE, "failed", verb="rollback")
    assert head.quarantined == ()


def test_a_stage_left_half_way_says_so_until_the_next_success() -> None:
    left = run(run(EMPTY, ONE), TWO, "stranded")
    assert left.stranded == left.last
    assert run(left, TWO, "failed").stranded == left.stranded
    assert run(left, THREE, "errored").stranded == left.stranded
    assert run(left, THREE).stranded is None


def test_a_deploy_of_some_services_leaves_the_release_and_gives_it_a_newer_record() -> None:
    head = run(run(EMPTY, ONE), THREE, "stranded")
    begun = advance(head, event("started", TWO, fence=3, verb="deploy", services=("price-fetcher",)))
    ended = advance(
        begun,
        event("outcome", TWO, fence=3, verb="deploy", services=("price-fetcher",), outcome="succeeded"),
    )
    assert head.serves is not None
    assert ended.serves == replace(head.serves, record=ended.last)
    assert (ended.history, ended.running, ended.stranded) == (head.history, None, head.stranded)


def test_a_deploy_of_some_services_to_an_empty_stage_serves_no_release() -> None:
    begun = advance(EMPTY, event("started", verb="deploy", services=("price-fetcher",)))
    done = event("outcome", verb="deploy", services=("price-fetcher",), outcome="succeeded")
    assert advance(begun, done).serves is None


def test_what_a_function_serves_is_found_by_account_region_and_name() -> None:
    assert Served("api", "api-prod", "444444444444", "us-east-1").where == (
        "444444444444",
        "us-east-1",
        "api-prod",
    )


# -- history and rollback -----------------------------------------------------------------------------------


def test_a_rollback_drops_what_was_left_from_the_history() -> None:
    head = run(run(run(EMPTY, ONE), TWO), THREE)
    back = run(head, TWO, verb="rollback")
    assert served_tags(back) == ["v1.0.0", "v2.0.0"]
    assert back.serves is not None
    assert back.serves.verb == "rollback"


def test_a_release_that_runs_again_is_in_the_history_once_and_last() -> None:
    head = run(run(run(EMPTY, ONE), TWO), ONE)
    assert served_tags(head) == ["v2.0.0", "v1.0.0"]


def test_the_first_good_release_may_come_by_rollback() -> None:
    assert served_tags(run(EMPTY, ONE, verb="rollback")) == ["v1.0.0"]


def test_a_head_remembers_the_last_good_releases_only() -> None:
    head = EMPTY
    for number in range(HISTORY + 3):
        head = run(head, ReleaseRef(f"{number:040d}", "0" * 64, f"v{number}.0.0"))
    assert len(head.history) == HISTORY
    assert served_tags(head)[0] == "v3.0.0"
    assert not head.ran(f"{0:040d}")
    assert head.ran(f"{3:040d}")


def test_a_rollback_goes_to_the_newest_good_release_before_the_one_that_serves() -> None:
    assert rollback_target(EMPTY) is None
    assert rollback_target(run(EMPTY, ONE)) is None
    head = run(run(run(EMPTY, ONE), TWO), THREE)
    found = rollback_target(head)
    assert found is not None
    assert found.release == TWO
    again = rollback_target(run(head, TWO, verb="rollback"))
    assert again is not None
    assert again.release == ONE


def test_from_a_release_left_half_way_the_way_back_leads_to_the_one_that_serves() -> None:
    head = run(run(EMPTY, ONE), TWO)
    assert rollback_target(head, unfinished=True) == head.serves
    assert rollback_target(EMPTY, unfinished=True) is None
    before = rollback_target(head)
    assert before is not None
    assert before.release == ONE


def test_a_rollback_skips_a_release_that_is_quarantined() -> None:
    head = run(run(run(EMPTY, ONE), TWO), THREE)
    head = replace(head, quarantined=(Quarantined(TWO.commit, "", "leaks", TWO.tag),))
    found = rollback_target(head)
    assert found is not None
    assert found.release == ONE


# -- waves, pauses and what people decide ------------------------------------------------------------------

TEN = Wave("us-east-1", 10, "2026-11-21T12:01:00Z")
LATER = "2026-11-21T13:00:00Z"


def decide(
    head: StageHead, kind: Kind, release: ReleaseRef | None = ONE, why: str | None = "because"
) -> StageHead:
    return advance(head, replace(event(kind, reason=why, verb=kind), release=release))


def test_a_wave_is_remembered_and_moves_the_time_by_which_to_hear_of_it() -> None:
    head = advance(advance(EMPTY, event("started")), event("shifted", wave=TEN, next_by=LATER))
    assert head.running is not None
    assert (head.running.wave, head.running.next_by) == (TEN, LATER)
    assert head.running.record == event("started").path


def test_waves_of_one_promotion_have_files_of_their_own_in_order() -> None:
    waves = [replace(TEN, percent=percent) for percent in (5, 10, 50)]
    events = [event("started"), *(event("shifted", wave=one) for one in waves), event("paused")]
    paths = [one.path for one in events]
    assert sorted(set(paths)) == paths


def test_a_pause_lets_anybody_go_on_and_says_what_it_waits_for() -> None:
    shifted = advance(advance(EMPTY, event("started")), event("shifted", wave=TEN, next_by=LATER))
    paused = advance(shifted, event("paused", failure="it bakes", next_at=LATER))
    assert paused.running is not None
    assert (paused.running.paused, paused.running.next_at, paused.running.wave) == ("it bakes", LATER, TEN)
    assert overdue(paused.running, NOON + timedelta(seconds=1))
    taken = advance(paused, event("taken-over", fence=2))
    assert taken.running is not None
    assert (taken.running.paused, taken.running.next_at, taken.running.wave) == (None, None, TEN)


@pytest.mark.parametrize("verb", ["deploy", "promote"])
def test_a_held_stage_starts_nothing_but_a_rollback(verb: Verb) -> None:
    held = decide(run(EMPTY, ONE), "hold", None)
    assert held.held is not None and held.held.why == "because"
    with pytest.raises(IllegalEvent, match="held: because"):
        advance(held, event("started", TWO, fence=2, verb=verb))
    advance(held, event("started", TWO, fence=2, verb="rollback"))
    opened = decide(held, "unhold", None)
    assert opened.held is None
    advance(opened, event("started", TWO, fence=2, verb=verb))


def test_a_hold_needs_nobody_to_be_away_and_takes_nothing_from_who_is_at_work() -> None:
    head = decide(advance(EMPTY, event("started")), "hold", None)
    ended = advance(head, event("outcome", outcome="succeeded"))
    assert ended.held is not None
    assert ended.serves is not None


@pytest.mark.parametrize("kind", ["started", "outcome"])
def test_a_rollback_or_a_failure_may_hold_the_stage(kind: str) -> None:
    first = event("started", verb="rollback", hold="rolled back" if kind == "started" else None)
    head = advance(EMPTY, first)
    ended = advance(
        head,
        event("outcome", verb="rollback", outcome="failed", hold="failed" if kind == "outcome" else None),
    )
    assert ended.held is not None
    assert ended.held.why == ("rolled back" if kind == "started" else "failed")


def test_who_serves_can_be_accepted_and_rejected() -> None:
    accepted = decide(run(EMPTY, ONE), "accept")
    assert [one.commit for one in accepted.accepted] == [ONE.commit]
    rejected = decide(accepted, "reject")
    assert rejected.accepted == ()
    assert rejected.quarantine_of(ONE.commit) is not None
    assert rejected.serves is not None
    with pytest.raises(IllegalEvent, match="does not serve v2"):
        decide(accepted, "accept", TWO)


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_what_a_person_has_quarantined_no_outcome_changes(outcome: str) -> None:
    """It was under way already, or somebody went back to it by name."""
    bad = decide(EMPTY, "quarantine")
    assert run(bad, ONE, outcome).quarantined == bad.quarantined


def test_a_record_keeps_by_which_run_a_release_came_and_was_accepted() -> None:
    begun = advance(EMPTY, event("started"))
    served = advance(begun, event("outcome", outcome="succeeded", run="77.1"))
    assert served.serves is not None and served.serves.run == "77.1"
    signed = event("accept", verb="accept", reason="tested", run="78.1")
    assert advance(served, signed).accepted[0].run == "78.1"


def test_a_quarantine_by_hand_ends_by_hand() -> None:
    bad = decide(EMPTY, "quarantine")
    assert bad.quarantined == (Quarantined(ONE.commit, event("started").at, "because", ONE.tag, "ada"),)
    assert decide(bad, "clear").quarantined == ()
    with pytest.raises(IllegalEvent, match="not quarantined"):
        decide(EMPTY, "clear")


@pytest.mark.parametrize("kind", get_args(Decision))
def test_what_people_decide_has_a_reason(kind: Kind) -> None:
    with pytest.raises(IllegalEvent, match="without a reason"):
        decide(run(EMPTY, ONE), kind, why=None)


def test_a_release_in_some_regions_is_not_what_the_stage_serves() -> None:
    head = run(EMPTY, ONE)
    begun = advance(head, event("started", TWO, fence=2, regions=("us-west-2",)))
    partial = advance(
        begun, event("outcome", TWO, fence=2, outcome="succeeded", regions=("us-west-2",), reason="outage")
    )
    assert partial.serves == head.serves
    assert partial.partial is not None
    assert (partial.partial.release, partial.partial.regions) == (TWO, ("us-west-2",))
    assert run(partial, TWO).partial is None


@pytest.mark.parametrize("kind", ["shifted", "paused", *get_args(Decision)])
def test_the_newer_events_come_back_as_they_were_written(kind: Kind) -> None:
    seen = Judged("f", "us-east-1", 10, "pass", "0 of 120", "1", 1000, 2, "2", 120, 0)
    one = event(
        kind,
        reason="r",
        wave=TEN,
        judged=(seen,),
        next_at=LATER,
        notes=("n",),
        course="c",
        despite="d",
        approved="a",
    )
    assert Event.from_json(json.loads(one.to_bytes())) == one


# -- names and times ----------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["next", "take-over", "abort"]), max_size=12), st.integers(0, 3))
def test_files_of_a_stage_sort_as_its_events_happened(what: list[str], seconds: int) -> None:
    head, paths, now, count = EMPTY, [], NOON, 0

    def tell(one: Event) -> None:
        nonlocal head
        head = advance(head, one)
        paths.append(one.path)

    for word in [*what, "next"]:
        now += timedelta(seconds=1 + seconds)
        if word == "next":
            if head.running is not None:
                tell(event("outcome", id=head.running.id, fence=head.fence, outcome="errored"))
            count += 1
            tell(
                event(
                    "started",
                    id=promotion_id(now, "fleet", "prod", f"{99 - count:08x}"),
                    fence=head.fence + 1,
                )
            )
        elif head.running is not None and word == "take-over":
            tell(event("taken-over", id=head.running.id, fence=head.fence + 1))
        elif head.running is not None and head.abort is None:
            tell(event("abort", id=head.running.id, fence=head.fence, reason="why"))
    assert paths == sorted(paths)
    assert len(set(paths)) == len(paths)


def test_an_event_lies_in_the_folder_of_its_month() -> None:
    assert event("started", id="20261121T095000Z-fleet-prod-ab12", fence=17).path == (
        "2026/11/20261121T095000Z-fleet-prod-ab12.000017a-started.json"
    )
    assert StageHead("fleet", "prod").path == "heads/fleet/prod.json"


def test_the_mark_at_the_end_of_a_description_names_one_promotion() -> None:
    assert f"v1.0.0 {ONE.commit[:10]}{mark('a-b', '7')}".endswith(mark("a-b", "7"))
    assert not f"v1.0.0{mark('x-a-b', '7')}".endswith(mark("a-b", "7"))
    assert not mark("a-b", "17").endswith(mark("a-b", "7"))


def test_a_holder_that_lets_go_is_overdue_from_then_on() -> None:
    begun = advance(EMPTY, event("started"))
    let_go = advance(begun, event("let-go", at="2026-11-21T12:00:00Z"))
    assert let_go.running is not None
    assert let_go.running.next_by == "2026-11-21T12:00:00Z"
    assert (let_go.fence, let_go.abort) == (begun.fence, None)


def test_a_rollback_forgets_what_is_newer_than_where_it_went() -> None:
    head = run(run(run(EMPTY, ONE), TWO), THREE)
    back = run(head, ONE, verb="rollback")
    assert [good.release.commit for good in back.history] == [ONE.commit]
    assert rollback_target(back) is None


def test_a_release_is_known_by_its_tag_or_its_commit() -> None:
    assert ONE.label == "v1.0.0"
    assert ReleaseRef("a" * 40, "b" * 64).label == "a" * 10


def test_a_holder_is_a_process_on_a_machine_or_a_workflow_run() -> None:
    assert LAPTOP.label == "process 7 on laptop"
    assert replace(LAPTOP, run="42.1").label == "run 42.1"


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2200, 1, 1)))
def test_a_stamp_is_read_back_to_the_second(at: datetime) -> None:
    at = at.replace(tzinfo=UTC, microsecond=0)
    assert moment(stamp(at)) == at


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-21 12:00:00", "2026-11-21T12:00:00"])
def test_a_stamp_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not match"):
        moment(text)


def test_a_holder_counts_as_dead_only_after_the_moment_it_named() -> None:
    running = advance(EMPTY, event("started")).running
    assert running is not None
    assert not overdue(running, NOON + timedelta(minutes=30))
    assert overdue(running, NOON + timedelta(minutes=30, seconds=1))


def test_a_holder_has_twice_the_expected_time_and_half_an_hour_at_least() -> None:
    assert next_by(NOON, timedelta(seconds=1)) == "2026-11-21T12:30:00Z"
    assert next_by(NOON, timedelta(hours=1)) == "2026-11-21T14:00:00Z"


# -- bytes --------------------------------------------------------------------------------------------------

words = st.text(max_size=12)
optional = st.none() | words
releases = st.builds(ReleaseRef, commit=words, manifest=words, tag=optional, tag_object=optional)
holders = st.builds(Holder, host=words, pid=st.integers(1, 2**22), started=words, run=optional)
served = st.builds(
    Served,
    service=words,
    function=words,
    account=words,
    region=words,
    lambda_version=optional,
    code=optional,
)
verbs = st.sampled_from(["deploy", "promote", "rollback"])
goods = st.builds(Good, release=releases, at=words, actor=words, record=words, verb=verbs)
events = st.builds(
    Event,
    kind=st.sampled_from(ALL_EVENTS),
    id=words,
    at=words,
    pipeline=words,
    stage=words,
    verb=verbs,
    release=releases,
    actor=words,
    tool=words,
    fence=st.integers(0, 10**6),
    run=optional,
    reason=optional,
    source=optional,
    services=st.none() | st.lists(words, max_size=3).map(tuple),
    holder=st.none() | holders,
    next_by=optional,
    supersedes=st.lists(words, max_size=2).map(tuple),
    before=st.lists(served, max_size=2).map(tuple),
    after=st.lists(served, max_size=2).map(tuple),
    outcome=st.none() | st.sampled_from(["succeeded", "failed", "errored", "aborted", "stranded"]),
    failure=optional,
    report=st.lists(words, max_size=2).map(tuple),
)
heads = st.builds(
    StageHead,
    pipeline=words,
    stage=words,
    fence=st.integers(0, 10**6),
    running=st.none()
    | st.builds(
        Running,
        id=words,
        verb=verbs,
        release=releases,
        actor=words,
        at=words,
        record=words,
        holder=holders,
        next_by=words,
    ),
    abort=optional,
    serves=st.none() | goods,
    history=st.lists(goods, max_size=2).map(tuple),
    quarantined=st.lists(st.builds(Quarantined, commit=words, tag=optional, at=words, why=words)).map(tuple),
    last=optional,
    stranded=optional,
)


@given(events)
def test_an_event_is_what_its_bytes_say(one: Event) -> None:
    data = one.to_bytes()
    read = Event.from_json(json.loads(data))
    assert read == one
    assert read.to_bytes() == data


@given(heads)
def test_a_head_is_what_its_bytes_say(head: StageHead) -> None:
    data = head.to_bytes()
    read = StageHead.from_json(json.loads(data))
    assert read == head
    assert read.to_bytes() == data


def test_what_is_empty_is_not_written_so_that_a_new_field_changes_no_old_record() -> None:
    assert json.loads(EMPTY.to_bytes()) == {"pipeline": "fleet", "stage": "prod", "fence": 0}
    assert "reason" not in json.loads(event("started").to_bytes())


GOOD_EVENT = json.loads(event("started", before=(Served("a", "a-prod", "1", "r", None, None),)).to_bytes())
GOOD_HEAD = json.loads(run(EMPTY, ONE, "failed").to_bytes())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"secret": "x"}, "Event: unknown fields secret"),
        ({"release": GOOD_EVENT["release"] | {"e_mail": "x"}}, "ReleaseRef: unknown fields e_mail"),
        ({"release": "v1.0.0"}, "ReleaseRef: an object is expected, not str"),
        ({"release": []}, "ReleaseRef: an object is expected, not list"),
        ({"fence": "1"}, "Event: fence"),
        ({"fence": True}, "Event: fence"),
        ({"actor": None}, "Event: actor"),
        ({"kind": "begun"}, "Event: kind"),
        ({"outcome": "maybe"}, "Event: outcome"),
        ({"services": "price-fetcher"}, "Event: services"),
        ({"services": [1]}, "Event: services"),
        ({"before": {}}, "Event: before"),
        ({"before": ["x"]}, "Served: an object is expected, not str"),
        ({"holder": {"host": "laptop"}}, "Holder: .*'pid' and 'started'"),
    ],
)
def test_an_event_that_does_not_fit_is_refused_by_name(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Event.from_json(GOOD_EVENT | change)


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_an_event_that_is_no_object_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="Event: an object is expected"):
        Event.from_json(data)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_a_file_that_was_edited_is_read_as_written_or_refused(data: st.DataObject) -> None:
    kind, good = data.draw(st.sampled_from([(Event, GOOD_EVENT), (StageHead, GOOD_HEAD)]))
    edited = good | {data.draw(st.sampled_from(sorted(good))): data.draw(anything)}
    try:
        read = kind.from_json(edited)
    except ValueError:
        return
    assert kind.from_json(json.loads(read.to_bytes())) == read


# -- break-glass of a rollback, and what comes with a request to go back


def partly(verb: Verb, release: ReleaseRef, head: StageHead = EMPTY) -> StageHead:
    """A promotion or a rollback that reached one region, from start to end."""
    common: dict[str, Any] = {"verb": verb, "regions": ("us-west-2",), "reason": "out"}
    common["fence"] = head.fence + 1
    begun = advance(head, event("started", release, **common))
    return advance(begun, event("outcome", release, outcome="succeeded", **common))


def test_a_rollback_of_some_regions_is_remembered_through_whatever_follows_there() -> None:
    went = partly("rollback", ONE)
    assert went.partial is not None and went.partial.back == ONE
    ahead = partly("promote", THREE, went)
    assert ahead.partial is not None
    assert (ahead.partial.release, ahead.partial.back) == (THREE, ONE)
    assert StageHead.from_json(json.loads(ahead.to_bytes())) == ahead


def test_a_promotion_to_some_regions_is_written_as_before() -> None:
    """A ledger that an older version wrote is walked by this one, byte by byte."""
    ahead = partly("promote", TWO)
    assert ahead.partial is not None and ahead.partial.back is None
    assert set(json.loads(ahead.to_bytes())["partial"]) == {
        "release",
        "regions",
        "at",
        "actor",
        "why",
        "record",
    }


def test_a_request_to_go_back_may_hold_the_stage_in_the_same_record() -> None:
    head = advance(EMPTY, event("started"))
    asked = advance(head, event("abort", reason="wrong prices", hold="rolled back: wrong prices"))
    assert (asked.abort, asked.held and asked.held.why) == ("wrong prices", "rolled back: wrong prices")
    assert advance(head, event("abort", reason="wrong prices")).held is None
    held = advance(EMPTY, event("hold", reason="nobody is here"))
    kept = advance(replace(head, held=held.held), event("abort", reason="why", hold="rolled back: why"))
    assert kept.held == held.held


def test_an_event_without_what_gates_saw_is_written_as_before_and_one_without_gates_says_so() -> None:
    assert "gates" not in json.loads(event("started").to_bytes())
    assert json.loads(event("started", gates=()).to_bytes())["gates"] == []
    saw = (Passed("soak", "24h", (Seen("since", "2026-11-20T12:00:00Z"),)),)
    written = event("started", gates=saw, approvers=("bob",))
    assert Event.from_json(json.loads(written.to_bytes())) == written
