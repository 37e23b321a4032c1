"""What happens to a rollout while it bakes and no process is at work on it: people, alarms, other hands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from release.apply import Applied
from release.core.decisions import Deciding
from release.core.models import Gradual, Place
from release.core.records import Decision
from release.decide import decide
from release.errors import GateClosed, Misconfigured, RolloutFailed, Unavailable
from tests.apply.test_baking import CANARY, canary, ended
from tests.fakes.aws import Call
from tests.fakes.traffic import Traffic
from tests.fakes.world import ADA, ALIAS, EAST, WEST, Crash, Fault, World, fleet

LONG = replace(CANARY, bake=timedelta(hours=2))


def baking(west: Gradual | None = None) -> tuple[World, Traffic]:
    """v1.1.0 has 10 % of the primary region, and whoever began it is gone."""
    world, traffic = canary(LONG, west=west)
    assert world.promote("v1.1.0").paused is not None
    return world, traffic


def decided(world: World, kind: Decision, tag: str, stage: str = "prod") -> None:
    state = world.ledger.read()
    about = Deciding(kind, state.head("fleet", stage), world.releases[tag])
    decide(world.ledger, state, about, "it leaks", who=replace(ADA, actor="grace"), clock=world.clock)


def configured(world: World, **regions: Gradual) -> None:
    """The pipelines of the remote say something else from now on."""
    world.stage = replace(world.stage, rollouts={**world.stage.rollouts, **regions})


def test_what_a_person_quarantines_while_it_bakes_goes_back() -> None:
    world, _ = baking()
    decided(world, "quarantine", "v1.1.0")
    world.clock.sleep(600)
    applied = ended(world.advance())
    assert applied.event.outcome == "aborted"
    assert applied.failure is not None and "quarantined meanwhile: it leaks" in applied.failure.cause
    assert world.all_serve("v1.0.0")
    kept = world.head.quarantine_of(world.releases["v1.1.0"].commit)
    assert kept is not None and kept.actor == "grace"


@pytest.mark.parametrize("nobody", [True, False])
def test_what_a_person_quarantines_in_a_stage_before_goes_back_too(nobody: bool) -> None:
    world, _ = canary(LONG if nobody else CANARY)
    pipeline = world.pipelines.pipelines["fleet"]
    uat = replace(world.stage, name="uat", channel="rc", after=None)
    stages = replace(pipeline, stages=(uat, world.stage))
    world.pipelines = replace(world.pipelines, pipelines={"fleet": stages})
    if nobody:
        world.promote("v1.1.0")
        decided(world, "quarantine", "v1.1.0", "uat")
        applied = ended(world.advance())
    else:
        quarantine = lambda call: decided(world, "quarantine", "v1.1.0", "uat")  # noqa: E731
        with world.hooked(after=lambda call: quarantine(call) if call.operation == "update_alias" else None):
            applied = world.promote("v1.1.0")
    assert applied.event.outcome == "aborted"
    assert applied.failure is not None and "it leaks (in uat, by grace)" in applied.failure.cause
    assert world.all_serve("v1.0.0")


def test_a_person_may_quarantine_what_somebody_tries_again_after_the_circuit_breaker() -> None:
    world, traffic = canary(v1_1_0=0.2)
    assert world.promote("v1.1.0").failure is not None
    traffic.bad.clear()
    world.clock.sleep(600)

    def meanwhile(call: Any) -> None:
        bad = world.head.quarantine_of(world.releases["v1.1.0"].commit)
        if call.operation == "update_alias" and bad is not None and bad.actor is None:
            decided(world, "quarantine", "v1.1.0")

    with world.hooked(after=meanwhile):
        applied = world.finish("v1.1.0")
    assert applied is not None and applied.event.outcome == "aborted"
    assert world.all_serve("v1.0.0")


def test_an_alarm_that_fires_takes_it_back() -> None:
    world, traffic = baking()
    traffic.change_alarm(world.places[0], "prices-api-errors", state="ALARM")
    world.clock.sleep(600)
    applied = ended(world.advance())
    assert isinstance(applied.failure, RolloutFailed)
    assert "prices-api-errors" in applied.failure.cause
    assert world.all_serve("v1.0.0")


def test_an_alarm_that_is_gone_holds_it() -> None:
    world, traffic = baking()
    traffic.remove_alarm(world.places[0], "prices-api-errors")
    world.clock.sleep(7 * 3600)
    applied = ended(world.advance())
    assert applied.paused is not None and "1 alarm is gone: prices-api-errors" in applied.paused.why
    assert world.aliases[EAST, "prices-api"] == "v1.0.0 and {'2': 0.1}"


def test_what_somebody_took_out_of_the_canary_by_hand_gets_no_traffic_again() -> None:
    world, _ = baking()
    world.functions.change_alias(world.places[0], "prices-api", ALIAS, weights={})
    world.clock.sleep(7200)
    with pytest.raises(GateClosed, match="live of prices-api in us-east-1 is at version 1, set by somebody"):
        world.advance()
    assert world.aliases[EAST, "prices-api"] == "v1.0.0"
    world.abort("it was taken out by hand")
    assert ended(world.advance()).event.outcome == "aborted"
    assert world.all_serve("v1.0.0")


def settings_changed_by_hand(world: World, name: str) -> None:
    world.functions.change_function(world.places[0], name, configuration="by hand")


@pytest.mark.parametrize("again", [World.advance, lambda world: world.finish("v1.1.0")])
def test_settings_that_somebody_changes_where_it_serves_already_are_left_to_drift(
    again: Callable[[World], Applied | None],
) -> None:
    world, _ = canary(west=LONG)
    world.build("v1.1.0")
    assert world.carry_out(world.draft("v1.1.0", reason="west is out", regions=(EAST,))).failure is None
    world.holders.next_process()
    assert world.promote("v1.1.0").paused is not None
    settings_changed_by_hand(world, "prices-api")
    for _ in range(2):
        world.clock.sleep(7200)
        applied = ended(again(world))
    assert (applied.failure, applied.paused) == (None, None)
    assert world.all_serve("v1.1.0")
    assert set(world.functions.versions_of(world.places[0], "prices-api")) == {"1", "2"}


def test_settings_that_somebody_changes_of_a_function_that_stays_are_left_to_drift() -> None:
    world, _ = canary(LONG)
    assert world.promote("v1.1.0", only="prices").paused is not None
    settings_changed_by_hand(world, "configs-api")
    for _ in range(2):
        world.clock.sleep(7200)
        applied = ended(world.advance())
    assert (applied.failure, applied.paused) == (None, None)
    assert world.aliases[EAST, "prices-api"] == world.aliases[WEST, "prices-api"] == "v1.1.0"
    assert set(world.functions.versions_of(world.places[0], "configs-api")) == {"1"}


def test_a_function_whose_settings_alone_are_new_does_not_count_as_one_that_stays() -> None:
    world, _ = canary(LONG)
    assert world.promote("v1.1.0", template="second", only="prices").paused is not None
    assert world.aliases[EAST, "configs-api"] == "v1.0.0 and {'2': 0.1}"
    world.functions.change_alias(world.places[0], "configs-api", ALIAS, weights={})
    world.clock.sleep(7200)
    with pytest.raises(GateClosed, match="live of configs-api in us-east-1 is at version 1, set by somebody"):
        world.advance()


def test_what_somebody_has_moved_elsewhere_is_left_so_and_reported() -> None:
    world, _ = baking()
    place = world.places[0]
    world.functions.change_alias(place, "prices-api", ALIAS, lambda_version="2", weights={}, description="")
    world.abort("wrong numbers")
    applied = ended(world.advance())
    assert applied.event.outcome == "stranded"
    (line,) = applied.event.report
    assert line.startswith("prices-api in us-east-1: live is at version 2, set by somebody else")
    assert world.aliases[EAST, "configs-api"] == "v1.0.0"


def test_what_cannot_go_on_as_approved_is_watched_all_the_same() -> None:
    world, traffic = baking()
    configured(world, **{EAST: replace(LONG, steps=(20, 100))})
    world.clock.sleep(600)
    with pytest.raises(GateClosed, match="what was approved for prod is not what would go on"):
        world.advance()
    traffic.bad["v1.1.0"] = 0.2
    world.clock.sleep(600)
    applied = ended(world.advance())
    assert isinstance(applied.failure, RolloutFailed)
    assert "10 % of the traffic in us-east-1 failed" in applied.failure.cause
    assert (applied.event.outcome, applied.event.report) == ("failed", ())
    assert world.all_serve("v1.0.0")
    assert world.head.quarantine_of(world.releases["v1.1.0"].commit) is not None


def test_killed_while_a_failed_canary_went_back_it_does_not_go_forward_again() -> None:
    world, traffic = canary(v1_1_0=0.2)
    undone = []

    def killed(call: Any) -> None:
        if call.operation == "update_alias" and call.undo:
            undone.append(call)
        if len(undone) > 1:
            raise Crash

    with pytest.raises(Crash), world.hooked(before=killed):
        world.promote("v1.1.0")
    assert {world.aliases[EAST, name] for name in world.names} == {"v1.0.0", "v1.0.0 and {'2': 0.1}"}
    traffic.bad.clear()
    world.clock.sleep(3600)
    applied = ended(world.advance())
    assert applied.event.outcome == "failed"
    assert world.all_serve("v1.0.0")
    assert world.head.quarantine_of(world.releases["v1.1.0"].commit) is not None


def test_killed_on_the_way_back_of_what_does_badly_it_goes_back_at_the_next_look() -> None:
    world, traffic = baking()
    configured(world, **{EAST: replace(LONG, steps=(20, 100))})
    traffic.bad["v1.1.0"] = 0.2
    world.clock.sleep(600)
    with pytest.raises(Crash), world.failing(Fault(3, "before", Crash)):
        world.advance()
    traffic.bad.clear()
    world.clock.sleep(600)
    assert ended(world.advance()).event.outcome == "aborted"
    assert world.all_serve("v1.0.0")


@pytest.mark.parametrize("change", [{"max_p99": timedelta(seconds=1)}, {"probe": True}])
def test_whatever_it_is_judged_by_is_part_of_what_was_approved(change: dict[str, Any]) -> None:
    world, _ = baking()
    configured(world, **{EAST: replace(LONG, **change)})
    with pytest.raises(GateClosed, match="what was approved for prod is not what would go on"):
        world.advance()


def test_what_bakes_is_watched_while_another_region_is_out() -> None:
    world, traffic = baking()

    def out(call: Any) -> None:
        if call.place.region == WEST:
            raise Unavailable("us-west-2 cannot be reached", fix="wait")

    with world.hooked(before=out):
        world.clock.sleep(600)
        with pytest.raises(Unavailable, match="us-west-2"):
            world.advance()
        traffic.bad["v1.1.0"] = 0.2
        world.clock.sleep(600)
        applied = ended(world.advance())
    assert isinstance(applied.failure, RolloutFailed)
    assert "10 % of the traffic in us-east-1 failed" in applied.failure.cause
    assert world.all_serve("v1.0.0")


def test_an_abort_goes_back_where_it_can_while_another_region_is_out() -> None:
    world, _ = baking()
    world.abort("wrong numbers")

    def out(call: Any) -> None:
        if call.place.region == WEST:
            raise Unavailable("us-west-2 cannot be reached", fix="wait")

    with world.hooked(before=out):
        applied = ended(world.advance())
    assert world.all_serve("v1.0.0")
    assert applied.event.outcome == "stranded"  # nobody could look at the other region
    assert {line.split(": ")[0] for line in applied.event.report} == {
        "prices-api in us-west-2",
        "configs-api in us-west-2",
    }


def test_an_abort_goes_back_in_a_region_that_the_stage_has_left_meanwhile() -> None:
    world, _ = canary(LONG, west=LONG)
    world.promote("v1.1.0")
    world.stage = replace(world.stage, environment=replace(world.stage.environment, regions=(WEST,)))
    with pytest.raises(GateClosed, match="what was approved for prod"):
        world.advance()
    world.abort("we leave us-east-1")
    assert ended(world.advance()).event.outcome == "aborted"
    assert world.all_serve("v1.0.0")


def test_an_abort_takes_back_a_first_deploy_that_was_killed() -> None:
    world = fleet()
    with pytest.raises(Crash), world.failing(Fault(14, "before", Crash)):
        world.promote("v1.0.0")
    assert set(world.aliases.values()) == {None, "v1.0.0"}
    world.abort("not today")
    assert ended(world.advance()).event.outcome == "aborted"
    assert world.all_serve(None)


def test_a_rollback_that_was_killed_goes_no_further_back_when_it_is_run_again() -> None:
    world, _ = canary(LONG)
    world.promote("v1.0.1")
    while world.head.running is not None:
        world.clock.sleep(7200)
        world.advance()
    world.promote("v1.1.0")
    with pytest.raises(Crash), world.failing(Fault(1, "before", Crash)):
        world.roll_back()
    assert world.roll_back().event.label == "v1.0.1"
    assert world.all_serve("v1.0.1")


@pytest.mark.parametrize("all_of_it", [True, False])
def test_credentials_that_end_unannounced_hand_over_and_take_nothing_back(all_of_it: bool) -> None:
    world, traffic = canary()
    ended_at = world.clock.now() + timedelta(minutes=2)

    def refused(call: Any) -> None:
        if world.clock.now() > ended_at and call.place.region in (EAST, WEST):
            raise Misconfigured("the security token has expired", fix="log in")

    def measured(place: Place) -> None:
        refused(Call("counts", place, ""))
        asked(place)

    asked, traffic._ask = traffic._ask, measured  # type: ignore[assignment, method-assign]
    with world.hooked(before=refused if all_of_it else None):
        applied = world.promote("v1.1.0")
    if not all_of_it:  # what cannot be measured, but undone, is
        assert isinstance(applied.failure, Misconfigured)
        assert world.all_serve("v1.0.0")
        return
    assert applied.paused is not None and "cannot be watched: the security token" in applied.paused.why
    traffic._ask = asked  # type: ignore[method-assign]
    assert ended(world.advance()).failure is None
    assert world.all_serve("v1.1.0")


def test_alarms_that_do_not_count_by_the_first_command_do_not_by_the_second() -> None:
    world, traffic = canary(LONG)
    world.build("v1.1.0")
    first = world.draft("v1.1.0")
    assert world.carry_out(_despite(first, "the alarm is broken")).paused is not None
    traffic.change_alarm(world.places[0], "prices-api-errors", state="ALARM")
    world.clock.sleep(7200)
    again = world.finish("v1.1.0")
    assert again is not None and again.failure is None


def _despite(draft: Any, reason: str) -> Any:
    return replace(draft, plan=replace(draft.plan, despite=reason))


def test_a_reason_for_which_alarms_do_not_count_is_part_of_what_is_approved() -> None:
    world, _ = canary(LONG)
    world.build("v1.1.0")
    plan = world.draft("v1.1.0").plan
    assert replace(plan, despite="the alarm is broken").digest != plan.digest


def handed_over(world: World, *names: str) -> None:
    """Somebody ends the canary of these functions by hand: all traffic to the new version."""
    for name in names:
        world.functions.change_alias(world.places[0], name, ALIAS, lambda_version="2", weights={})


@pytest.mark.parametrize("names", [("prices-api",), ("prices-api", "configs-api")])
def test_the_replica_does_not_follow_a_canary_that_a_hand_has_ended(names: tuple[str, ...]) -> None:
    world, _ = baking()
    handed_over(world, *names)
    world.clock.sleep(7200)
    with pytest.raises(GateClosed, match="no verdict has let all traffic go there") as closed:
        world.advance()
    assert (
        closed.value.fix
        == "find out who and why; then release rollback prod --reason TEXT takes all of it back"
    )
    assert {world.aliases[WEST, name] for name in world.names} == {"v1.0.0"}


def test_nor_does_the_same_command_again_take_it_for_a_verdict() -> None:
    world, _ = baking()
    handed_over(world, "prices-api", "configs-api")
    world.clock.sleep(7200)
    assert [one.code for one in world.draft("v1.1.0").plan.blockers] == ["moved-by-hand"] * 2


def test_a_rollback_takes_back_a_canary_that_a_hand_has_ended() -> None:
    world, _ = baking()
    handed_over(world, "prices-api")
    assert world.roll_back().failure is None
    assert world.all_serve("v1.0.0")


def test_a_primary_that_passed_and_was_killed_then_is_no_hands_work() -> None:
    world, _ = canary()
    moved = 1 + 8 + 3 * 2 + 2  # writes: the start, code and version of four, three moves of two, two waves
    world.build("v1.1.0")
    with pytest.raises(Crash), world.failing(Fault(moved, "before", Crash)):
        world.promote("v1.1.0")
    assert {world.aliases[EAST, name] for name in world.names} == {"v1.1.0"}
    assert {world.aliases[WEST, name] for name in world.names} == {"v1.0.0"}
    assert ended(world.advance()).failure is None
    assert world.all_serve("v1.1.0")
