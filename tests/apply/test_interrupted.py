"""Holders that are interrupted, cannot hear, or leave half of a release to somebody with a smaller plan."""

import pytest

from release.errors import Misconfigured
from tests.fakes.aws import Call
from tests.fakes.world import EAST, Crash, Fault, fleet


def test_a_ledger_that_refuses_us_half_way_does_not_keep_us_from_going_back() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    shifted: list[Call] = []

    def hook(call: Call) -> None:
        if call.operation == "update_alias":
            shifted.append(call)
        if call.operation == "read" and shifted:
            raise Misconfigured("Permission denied (publickey)", fix="mend the key")

    with world.hooked(before=hook):
        applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, Misconfigured)
    assert any("could not be written" in line for line in applied.failure.details)
    assert world.all_serve("v1.0.0")


def test_an_interrupted_holder_lets_go_so_that_another_machine_goes_on_at_once() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")

    def interrupt(call: Call) -> None:
        if call.operation == "update_alias":
            raise KeyboardInterrupt

    with world.hooked(before=interrupt), pytest.raises(KeyboardInterrupt):
        world.promote("v1.1.0")
    running = world.head.running
    assert running is not None
    assert world.ledger.log[-1].kind == "let-go"
    assert running.next_by == world.ledger.log[-1].at


def test_who_is_interrupted_on_the_way_back_lets_go_as_well() -> None:
    world = fleet().live("v1.0.0")
    world.fails_smoke("v1.1.0", through="alias")

    def interrupt(call: Call) -> None:
        if call.operation == "update_alias" and call.undo:
            raise KeyboardInterrupt

    with world.hooked(before=interrupt), pytest.raises(KeyboardInterrupt):
        world.promote("v1.1.0")
    assert world.ledger.log[-1].kind == "let-go"
    assert not world.all_serve("v1.0.0")
    again = world.finish("v1.1.0")
    assert again is not None and again.failure is not None
    assert world.all_serve("v1.0.0")


def test_a_smaller_plan_does_not_end_a_dead_promotion_that_it_does_not_cover() -> None:
    world = fleet(prices=("api",), configs=("api",)).live("v1.0.0")
    world.build("v1.1.0")
    for number in range(1, 30):  # up to the first write after which an alias serves the new release
        with world.failing(Fault(number, "after", Crash)), pytest.raises(Crash):
            world.promote("v1.1.0")
        if not world.all_serve("v1.0.0"):
            break
    world.holders.next_process()
    moved = {name for (region, name), tag in world.aliases.items() if tag == "v1.1.0" and region == EAST}
    other = "configs" if any(name.startswith("prices") for name in moved) else "prices"
    plan = world.draft("v1.1.0", services=(other,)).plan
    assert "half-way" in [blocker.code for blocker in plan.blockers]


def test_an_alias_that_was_moved_on_by_hand_after_a_crash_is_left_alone() -> None:
    world = fleet(regions=(EAST,), prices=("api",)).live("v1.0.0")
    world.build("v1.1.0")
    place = world.places[0]

    def crash(call: Call) -> None:
        if call.operation == "update_alias":
            raise Crash

    with world.hooked(after=crash), pytest.raises(Crash):
        world.promote("v1.1.0")
    assert world.all_serve("v1.1.0")
    world.functions.change_function(place, "prices-api", zip=b"a hot fix")
    latest = world.functions.settled(place, "prices-api")
    hot_fix = world.functions.publish(
        place, "prices-api", code=latest.code, revision=latest.revision, description="hot fix"
    )
    world.functions.change_alias(place, "prices-api", "live", lambda_version=hot_fix)
    world.fails_smoke("v1.1.0")
    applied = world.promote("v1.1.0")
    assert applied.failure is not None
    alias = world.functions.alias(place, "prices-api", "live")
    assert alias is not None
    assert alias.lambda_version == hot_fix
