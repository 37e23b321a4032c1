"""Whom nobody tells what came of a rollout finds it by chance."""

from datetime import timedelta

import pytest

from release.core.notices import Notice
from release.errors import Unavailable
from tests.apply.test_baking import canary
from tests.fakes.world import World, fleet


def only(world: World, *, before: int = 1) -> Notice:
    """The one notice beside those of the releases that came `before`."""
    assert len(world.notices) == before + 1
    return world.notices[-1]


def test_a_promotion_that_succeeds_says_what_serves_where_and_how_to_take_it_back() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    notice = only(world)
    assert (notice.occasion, notice.title) == ("succeeded", "v1.1.0 serves in prod")
    assert dict(notice.facts)["where"] == "4 of 4 functions in us-east-1, us-west-2"
    assert ("to take it back", "release rollback prod --pipeline fleet --reason TEXT") in notice.commands


def test_the_first_release_of_a_stage_offers_no_way_back() -> None:
    world = fleet()
    world.promote("v1.0.0")
    assert [command for _, command in only(world, before=0).commands] == [
        "release status prod --pipeline fleet"
    ]


def test_a_failure_says_what_why_and_where_to_look() -> None:
    world = fleet().live("v1.0.0")
    world.fails_smoke("v1.1.0")
    applied = world.promote("v1.1.0")
    notice = only(world)
    assert notice.occasion == "failed"
    assert notice.title == "promote of v1.1.0 to prod failed; what served before serves now"
    assert dict(notice.facts)["why"] == applied.event.failure
    assert dict(notice.facts)["record"] == applied.event.path


def test_what_is_stranded_says_what_is_left() -> None:
    world = fleet().live("v1.0.0")
    world.fails_smoke("v1.1.0", through="alias")
    with world.hooked(before=_refusing_undo):
        applied = world.promote("v1.1.0")
    assert applied.event.outcome == "stranded"
    notice = only(world)
    assert notice.occasion == "failed" and notice.title.endswith("half-way: a person must look")
    assert notice.left == applied.event.report
    assert any(command.startswith("release rollback prod") for _, command in notice.commands)


def test_what_is_left_of_a_large_fleet_still_fits_into_a_message() -> None:
    world = fleet(prices=tuple(f"f{number}" for number in range(30))).live("v1.0.0")
    world.fails_smoke("v1.1.0", through="alias")
    with world.hooked(before=_refusing_undo):
        applied = world.promote("v1.1.0")
    left = only(world).left
    assert len(applied.event.report) > 20 and len(left) == 11
    assert left[-1] == f"{len(applied.event.report) - 10} more, all of them in the record"


def _refusing_undo(call: object) -> None:
    if getattr(call, "undo", False) and getattr(call, "operation", "") == "update_alias":
        raise Unavailable("the region is out", fix="wait")


def test_a_rollout_that_is_held_for_want_of_a_verdict_asks_for_a_person() -> None:
    world, _ = canary(per_second=0)
    world.promote("v1.1.0")
    notice = only(world)
    assert notice.occasion == "held" and "no verdict on 10 %" in dict(notice.facts)["why"]
    assert dict(notice.facts)["verdict"].startswith("inconclusive: ")
    assert ("to take it back", "release abort prod --pipeline fleet --reason TEXT") in notice.commands


def test_a_bake_that_goes_on_later_tells_nobody_and_its_end_does() -> None:
    world, _ = canary()
    world.build("v1.1.0")
    paused = world.carry_out(world.draft("v1.1.0"), wait=timedelta(0))
    assert paused.event.kind == "paused" and len(world.notices) == 1
    world.clock.sleep(3600)
    world.advance()
    assert only(world).occasion == "succeeded"
    assert dict(only(world).facts)["verdict"].startswith("pass: 0 of ")


def test_a_rollback_says_what_serves_again_and_how_promotions_go_on() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.roll_back()
    notice = only(world, before=2)
    assert (notice.occasion, notice.title) == ("rollback", "prod is back on v1.0.0")
    assert [command for _, command in notice.commands] == [
        "release unhold prod --pipeline fleet --reason TEXT"
    ]


def test_that_nobody_can_be_told_changes_nothing_and_is_said() -> None:
    world = fleet().live("v1.0.0")
    world.untold = ("slack (RELEASE_SLACK_WEBHOOK): it answered HTTP 404",)
    applied = world.promote("v1.1.0")
    assert applied.event.outcome == "succeeded"
    assert ("untold", {"cause": "slack (RELEASE_SLACK_WEBHOOK): it answered HTTP 404"}) in world.said


def test_a_bug_in_telling_takes_back_nothing_that_serves() -> None:
    world = fleet().live("v1.0.0")
    world.tell = _broken  # type: ignore[method-assign]
    applied = world.promote("v1.1.0")
    assert applied.event.outcome == "succeeded" and world.all_serve("v1.1.0")
    assert world.outcomes("v1.1.0") == ["succeeded"]
    assert ("untold", {"cause": "a bug in release (KeyError); report it"}) in world.said


def _broken(notice: Notice, place: object) -> tuple[str, ...]:
    raise KeyError(notice.title)


def test_ctrl_c_while_people_are_told_leaves_what_is_on_record() -> None:
    world = fleet().live("v1.0.0")
    world.tell = _interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.promote("v1.1.0")
    assert world.all_serve("v1.1.0") and world.outcomes("v1.1.0") == ["succeeded"]


def _interrupted(notice: Notice, place: object) -> tuple[str, ...]:
    raise KeyboardInterrupt
