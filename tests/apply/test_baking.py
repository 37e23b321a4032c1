"""What bakes is judged, and ends all-new or all-old, in one process or in several."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from release.apply import Applied, Paused
from release.core.alarms import AlarmFacts
from release.core.models import Gradual, Rollout
from release.decide import ask_to_abort
from release.errors import Conflict, ForeignChange, GateClosed, RolloutFailed
from tests.fakes.traffic import Traffic
from tests.fakes.world import ADA, ALIAS, EAST, SOURCE, WEST, Crash, World, fleet

MINUTES = timedelta(minutes=1)
CANARY = Gradual("canary", (10, 50, 100), 5 * MINUTES, 100, 0.01, ("{function}-errors",), SOURCE)


def canary(
    rollout: Gradual = CANARY, *, per_second: float = 20, west: Gradual | None = None, **bad: float
) -> tuple[World, Traffic]:
    """A fleet whose primary bakes, and its replica as `west` says, with callers. `bad`: `v1_1_0=0.2`."""
    rollouts: Mapping[str, Rollout] = {EAST: rollout} if west is None else {EAST: rollout, WEST: west}
    world = fleet(rollouts=rollouts).live("v1.0.0")
    traffic = Traffic(world, per_second, **bad)
    for place in world.places:
        for name in world.names:
            traffic.put_alarm(place, AlarmFacts(f"{name}-errors", "OK", (name,), (f"{name}:{ALIAS}",)))
    return world, traffic


def waves(world: World) -> list[tuple[str, int]]:
    return [(e.wave.region, e.wave.percent) for e in world.ledger.log if e.kind == "shifted" and e.wave]


def ended(result: Applied | Paused | None) -> Applied:
    assert isinstance(result, Applied), result
    return result


def test_a_healthy_release_goes_up_step_by_step_and_then_to_the_replica() -> None:
    world, _ = canary()
    began = world.clock.now()
    applied = world.promote("v1.1.0")
    assert applied.failure is None and applied.paused is None
    assert world.all_serve("v1.1.0")
    assert waves(world) == [(EAST, 10), (EAST, 50)]
    assert timedelta(minutes=10) <= world.clock.now() - began < timedelta(minutes=11)
    moves = [call for call in world.functions.calls if call.operation == "update_alias"]
    assert [call.place.region for call in moves] == [EAST] * 6 + [WEST] * 2


def test_what_was_seen_is_on_record() -> None:
    world, _ = canary()
    world.promote("v1.1.0")
    shifted = [event for event in world.ledger.log if event.kind == "shifted"]
    (outcome,) = [event for event in world.ledger.log if event.outcome == "succeeded" and event.judged]
    assert shifted[0].judged == ()
    assert {(one.percent, one.verdict) for one in shifted[1].judged} == {(10, "pass")}
    assert {(one.percent, one.verdict, one.canary) for one in outcome.judged} == {(50, "pass", "2")}
    assert all(one.canary_calls >= 100 and one.stable_calls > one.canary_calls for one in shifted[1].judged)


def test_a_release_that_fails_a_fifth_of_its_calls_is_taken_back_at_the_first_step() -> None:
    world, _ = canary(v1_1_0=0.2)
    began = world.clock.now()
    applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, RolloutFailed)
    assert "10 % of the traffic in us-east-1 failed" in applied.failure.cause
    assert world.all_serve("v1.0.0")
    assert waves(world) == [(EAST, 10)]
    assert world.clock.now() - began < 2 * MINUTES
    assert world.head.quarantine_of(world.releases["v1.1.0"].commit) is not None
    assert {one.verdict for one in applied.event.judged} == {"fail"}


def test_an_alarm_that_begins_to_fire_fails_it() -> None:
    world, traffic = canary()

    def fire(call: Any) -> None:
        if call.operation == "update_alias":
            traffic.change_alarm(world.places[0], "prices-api-errors", state="ALARM")

    with world.hooked(after=fire):
        applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, RolloutFailed)
    assert "prices-api-errors" in applied.failure.cause
    assert world.all_serve("v1.0.0")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": "ALARM"}, "alarm-firing"),
        ({"functions": ("another",)}, "alarm-of-another-function"),
        (None, "alarm-missing"),
    ],
)
def test_what_could_not_watch_over_it_stops_it_before_it_begins(
    change: dict[str, Any] | None, code: str
) -> None:
    world, traffic = canary()
    if change is None:
        traffic.remove_alarm(world.places[0], "prices-api-errors")
    else:
        traffic.change_alarm(world.places[0], "prices-api-errors", **change)
    world.build("v1.1.0")
    assert [blocker.code for blocker in world.draft("v1.1.0").plan.blockers] == [code]


def test_without_traffic_there_is_no_verdict_and_it_is_held() -> None:
    world, traffic = canary(per_second=0)
    applied = world.promote("v1.1.0")
    assert applied.failure is None
    assert applied.paused is not None and applied.paused.next_at is None
    assert "no verdict on 10 % in us-east-1" in applied.paused.why
    assert world.head.running is not None and world.head.running.paused == applied.paused.why
    assert isinstance(world.advance(), Paused)
    assert len([event for event in world.ledger.log if event.kind == "paused"]) == 1

    traffic.per_second = 20
    world.clock.sleep(300)
    assert ended(world.advance()).failure is None
    assert world.all_serve("v1.1.0")


def test_probes_stand_in_for_callers_where_they_are_allowed() -> None:
    world, _ = canary(replace(CANARY, probe=True), per_second=0)
    applied = world.promote("v1.1.0")
    assert applied.failure is None and applied.paused is None
    assert world.all_serve("v1.1.0")
    assert any("100 probes of both versions of 2 functions" in note for note in applied.event.notes)


def test_probes_that_fail_take_it_back() -> None:
    world, _ = canary(replace(CANARY, probe=True), per_second=0)
    world.build("v1.1.0")
    with world.hooked(after=lambda call: _sick_after_its_smoke_test(world, call)):
        applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, RolloutFailed)
    assert world.all_serve("v1.0.0")


def _sick_after_its_smoke_test(world: World, call: Any) -> None:
    if call.operation == "update_alias":
        world.fails_smoke("v1.1.0")


def test_a_long_bake_ends_the_process_and_another_goes_on() -> None:
    world, _ = canary(replace(CANARY, bake=timedelta(hours=2)))
    first = world.promote("v1.1.0")
    assert first.paused is not None and first.paused.next_at is not None
    assert world.aliases[EAST, "prices-api"] == "v1.0.0 and {'2': 0.1}"

    assert isinstance(world.advance(), Paused)
    world.clock.sleep(7200)
    second = ended(world.advance())
    assert second.paused is not None
    assert world.aliases[EAST, "prices-api"] == "v1.0.0 and {'2': 0.5}"
    world.clock.sleep(7200)
    assert ended(world.advance()).failure is None
    assert world.all_serve("v1.1.0")
    assert world.advance() is None
    assert waves(world) == [(EAST, 10), (EAST, 50)]
    assert world.functions.versions_of(world.places[0], "prices-api") == ["1", "2"]


def _paused_in_the_second_region() -> World:
    world, _ = canary(west=replace(CANARY, bake=timedelta(hours=2)))
    first = world.promote("v1.1.0")
    assert first.paused is not None
    assert waves(world) == [(EAST, 10), (EAST, 50), (WEST, 10)]
    return world


def test_another_process_goes_on_where_one_region_is_through_and_the_next_bakes() -> None:
    world = _paused_in_the_second_region()
    for _ in range(2):
        world.clock.sleep(7200)
        last = ended(world.advance())
    assert last.failure is None and last.paused is None
    assert world.all_serve("v1.1.0")


def test_a_hand_in_a_region_that_was_through_before_this_process_stops_it() -> None:
    world = _paused_in_the_second_region()
    world.clock.sleep(7200)
    ended(world.advance())
    world.clock.sleep(7200)

    def by_hand(call: Any) -> None:
        if call.operation == "update_alias" and call.place.region == WEST:
            world.functions.change_alias(world.places[0], "prices-api", ALIAS, lambda_version="1")

    with world.hooked(after=by_hand):
        last = ended(world.advance())
    assert isinstance(last.failure, ForeignChange)
    assert "prices-api in us-east-1: it is at version 1" in last.failure.cause


def test_what_bakes_with_nobody_at_it_is_watched_by_whoever_looks() -> None:
    world, traffic = canary(replace(CANARY, bake=timedelta(hours=2)))
    world.promote("v1.1.0")
    traffic.bad["v1.1.0"] = 0.2
    world.clock.sleep(600)
    assert isinstance(ended(world.advance()).failure, RolloutFailed)
    assert world.all_serve("v1.0.0")


def test_the_same_promotion_again_goes_on_with_what_bakes() -> None:
    world, _ = canary(replace(CANARY, bake=timedelta(hours=2)))
    world.promote("v1.1.0")
    world.clock.sleep(7200)
    again = world.finish("v1.1.0")
    assert again is not None and again.paused is not None
    assert waves(world)[-1] == (EAST, 50)


def test_an_abort_takes_back_what_bakes() -> None:
    world, _ = canary(replace(CANARY, bake=timedelta(hours=2)))
    world.promote("v1.1.0")
    world.abort("wrong numbers")
    applied = ended(world.advance())
    assert applied.event.outcome == "aborted"
    assert world.all_serve("v1.0.0")


def test_an_abort_is_asked_for_although_the_ledger_has_moved_meanwhile() -> None:
    world, _ = canary(replace(CANARY, bake=timedelta(hours=2)))
    world.promote("v1.1.0")
    before, running = world.setup(), world.head.running
    assert running is not None
    world.hold("the auditors are in the building")
    ask_to_abort(world.ledger, before, "prod", running, "wrong numbers", who=ADA, clock=world.clock)
    assert world.head.abort == "wrong numbers"
    assert ended(world.advance()).event.outcome == "aborted"
    world.clock.sleep(60)
    with pytest.raises(Conflict, match=r"promote of v1\.1\.0 in prod has ended meanwhile"):
        ask_to_abort(world.ledger, before, "prod", running, "wrong numbers", who=ADA, clock=world.clock)


def test_a_rollback_ends_what_bakes_at_once() -> None:
    world, _ = canary(replace(CANARY, bake=timedelta(hours=2)))
    world.promote("v1.1.0")
    applied = world.roll_back()
    assert applied.failure is None
    assert world.all_serve("v1.0.0")
    assert world.head.running is None


def test_another_rollout_than_the_approved_one_does_not_go_on() -> None:
    world, _ = canary(replace(CANARY, bake=timedelta(hours=2)))
    world.promote("v1.1.0")
    world.stage = replace(
        world.stage, rollouts={**world.stage.rollouts, EAST: replace(CANARY, max_error_rate=1.0)}
    )
    with pytest.raises(GateClosed, match="what was approved for prod is not what would go on"):
        world.advance()


def test_credentials_that_end_before_the_next_step_and_its_undo_leave_it_to_others() -> None:
    world, _ = canary()
    world.functions.expires = world.clock.now() + 8 * MINUTES
    applied = world.promote("v1.1.0")
    assert applied.paused is not None and "credentials end before that" in applied.paused.why
    world.functions.expires = None
    assert ended(world.advance()).failure is None
    assert world.all_serve("v1.1.0")


def test_credentials_that_end_before_an_undo_could_move_no_traffic() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.functions.expires = world.clock.now() + 3 * MINUTES
    applied = world.promote("v1.1.0")
    assert applied.paused is not None and "credentials end before an undo could" in applied.paused.why
    assert world.all_serve("v1.0.0")
    world.functions.expires = None
    assert ended(world.advance()).failure is None
    assert world.all_serve("v1.1.0")
    world.functions.expires = world.clock.now() + 3 * MINUTES
    assert world.roll_back().failure is None  # whoever goes back goes as far as it gets


def test_whoever_dies_while_it_bakes_leaves_a_bake_that_is_not_begun_again() -> None:
    world, _ = canary()
    world.build("v1.1.0")
    begun = world.clock.now()

    class Dying(Traffic):
        def _ask(self, place: object) -> None:
            super()._ask(place)
            if self._world.clock.now() - begun > 7 * MINUTES:
                raise Crash

    healthy = world.tools
    dying = Dying(world, 20)
    for name in world.names:
        dying.put_alarm(world.places[0], AlarmFacts(f"{name}-errors", "OK", (name,), (f"{name}:{ALIAS}",)))
    with pytest.raises(Crash):
        world.promote("v1.1.0")
    world.tools = healthy
    world.holders.next_process()
    assert ended(world.advance()).failure is None
    assert world.clock.now() - begun < 12 * MINUTES
    assert world.all_serve("v1.1.0")


def test_the_ledger_out_of_reach_for_a_look_or_two_takes_nothing_back() -> None:
    world, traffic = canary()
    traffic.out_of_reach.add(world.places[0])
    world.build("v1.1.0")
    with pytest.raises(Exception, match="CloudWatch"):
        world.draft("v1.1.0")  # before it begins, what cannot be seen stops it
    traffic.out_of_reach.clear()
    draft = world.draft("v1.1.0")
    traffic.out_of_reach.add(world.places[0])
    applied = world.carry_out(draft)
    assert applied.paused is not None and "cannot be read" in applied.paused.why
    traffic.out_of_reach.clear()
    assert ended(world.advance()).failure is None


def test_a_failure_holds_the_stage_where_that_was_asked_for() -> None:
    world = fleet(on_failure="hold").live("v1.0.0")
    world.fails_smoke("v1.1.0")
    assert world.promote("v1.1.0").failure is not None
    assert world.head.held is not None and "v1.1.0 failed" in world.head.held.why
