"""Break-glass of a rollback: it goes back where AWS answers, and the region that was out follows later."""

import time

import pytest

from release.apply import Applied
from release.core.holding import Supersede
from release.errors import GateClosed, Misconfigured, Unavailable
from tests.apply.test_some_regions import promote_to_some
from tests.fakes.aws import Call
from tests.fakes.world import EAST, WEST, Crash, Fault, World, fleet


def after_three() -> World:
    """v1.2.0 serves; v1.1.0 and v1.0.0 did before."""
    world = fleet().live("v1.0.0")
    for tag in ("v1.1.0", "v1.2.0"):
        assert world.promote(tag).failure is None
    return world


def partly_back() -> World:
    """v1.2.0 serves in the primary region, which is out; the other one went back to v1.1.0."""
    world = after_three()
    with world.out(EAST):
        assert world.roll_back(regions=(WEST,)).failure is None
    return world


def in_region(world: World, region: str) -> set[str | None]:
    return {serves for (where, _), serves in world.aliases.items() if where == region}


def test_the_regions_in_reach_go_back_while_another_is_out() -> None:
    world = partly_back()
    assert in_region(world, WEST) == {"v1.1.0"}
    assert in_region(world, EAST) == {"v1.2.0"}


def test_without_the_regions_named_nothing_moves_while_one_is_out() -> None:
    world = after_three()
    with world.out(EAST), pytest.raises(Unavailable, match="us-east-1"):
        world.roll_back()
    assert world.all_serve("v1.2.0")
    assert world.head.held is None


def test_the_ledger_says_partial_and_what_each_region_serves() -> None:
    world = partly_back()
    partial = world.head.partial
    assert partial is not None and partial.back is not None
    assert (partial.regions, partial.back.tag, partial.why) == ((WEST,), "v1.1.0", "prices are wrong")
    assert world.head.serves is not None and world.head.serves.release.tag == "v1.2.0"
    assert world.head.held is not None
    after = world.ledger.event(world.ledger.read(), partial.record).after
    assert {(one.region, one.lambda_version) for one in after} == {(EAST, "3"), (WEST, "2")}


def test_when_the_region_is_back_the_same_rollback_without_regions_brings_the_rest() -> None:
    world = partly_back()
    assert world.roll_back().failure is None
    assert world.all_serve("v1.1.0")
    assert world.head.partial is None
    assert world.head.serves is not None and world.head.serves.release.tag == "v1.1.0"
    assert [good.release.tag for good in world.head.history] == ["v1.0.0", "v1.1.0"]


def test_the_rest_may_come_region_by_region() -> None:
    world = partly_back()
    assert world.roll_back(regions=(EAST,)).failure is None
    assert world.all_serve("v1.1.0")
    assert world.head.partial is not None and world.head.partial.regions == (WEST, EAST)
    assert world.roll_back().failure is None
    assert world.head.partial is None
    assert world.head.serves is not None and world.head.serves.release.tag == "v1.1.0"


def test_after_all_the_next_one_forward_closes_it_too() -> None:
    world = partly_back()
    assert world.roll_back("v1.2.0").failure is None
    assert world.all_serve("v1.2.0")
    assert world.head.partial is None


def killed_when_the_primary_was_back() -> World:
    """v1.2.0 served; a rollback of all regions was killed when the primary served v1.1.0 again."""
    world = after_three()

    def killed_when_the_primary_has_moved(call: Call) -> None:
        if call.operation == "update_alias" and call.place.region == WEST:
            while in_region(world, EAST) != {"v1.1.0"}:
                time.sleep(0.001)
            raise Crash

    with pytest.raises(Crash), world.hooked(before=killed_when_the_primary_has_moved):
        world.roll_back()
    assert in_region(world, EAST) == {"v1.1.0"}
    return world


@pytest.mark.parametrize("killed_too", [False, True])
def test_what_another_rollback_has_left_half_way_elsewhere_goes_forward_with_it(killed_too: bool) -> None:
    world = killed_when_the_primary_was_back()
    if killed_too:
        with pytest.raises(Crash), world.failing(Fault(1, "before", Crash)):
            world.roll_back(regions=(WEST,))
    else:
        with world.out(EAST):
            assert world.roll_back(regions=(WEST,)).failure is None
    assert world.roll_back("v1.2.0").failure is None
    assert world.all_serve("v1.2.0")


def test_a_release_that_went_on_top_of_it_goes_back_to_the_same_place() -> None:
    """What the primary serves is the release that was taken back: that is no place to go back to."""
    world = partly_back()
    world.unhold()
    assert promote_to_some(world, "v1.3.0", WEST).failure is None
    assert world.roll_back().failure is None
    assert world.all_serve("v1.1.0")


def test_killed_at_any_write_it_goes_on_in_the_same_regions() -> None:
    def rolled_back(world: World) -> Applied:
        with world.out(EAST):
            return world.roll_back(regions=(WEST,))

    writes = after_three().count_writes_of(rolled_back)
    assert writes == 4  # the start, two aliases, the end
    for number in range(1, writes):
        for when in ("before", "after"):
            world = after_three()
            with pytest.raises(Crash), world.failing(Fault(number, when, Crash)):
                world.roll_back(regions=(WEST,))
            with world.out(EAST):
                advanced = world.advance()
            if advanced is not None:  # else only the answer to its end was lost
                assert isinstance(advanced, Applied) and advanced.failure is None
            assert (in_region(world, WEST), in_region(world, EAST)) == ({"v1.1.0"}, {"v1.2.0"})
            assert world.head.partial is not None and world.head.partial.regions == (WEST,)
            world.roll_back()
            assert world.all_serve("v1.1.0") and world.head.partial is None


def test_a_failure_takes_back_the_regions_in_reach_alone() -> None:
    world = after_three()
    denied = Fault(2, "before", lambda: Misconfigured("not allowed", fix="allow it"))
    with world.failing(denied):
        applied = world.roll_back(regions=(WEST,))
    assert (applied.event.outcome, applied.event.report) == ("errored", ())
    assert len([call for call in world.writes if call.undo]) == 1
    assert world.all_serve("v1.2.0")
    assert world.head.partial is None


def test_what_went_to_some_regions_alone_is_whole_again_once_it_has_gone_back_there() -> None:
    world = fleet().live("v1.0.0")
    promote_to_some(world, "v1.1.0", WEST)
    with world.out(EAST):
        assert world.roll_back(regions=(WEST,)).failure is None
    assert world.all_serve("v1.0.0")
    assert world.head.partial is None
    assert world.head.serves is not None and world.head.serves.release.tag == "v1.0.0"


def test_it_does_not_end_a_promotion_whose_other_half_is_out_of_reach() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    primary_moved = 1 + 4 * 2 + 2  # writes: the start, code and version of each function, two aliases
    with pytest.raises(Crash), world.failing(Fault(primary_moved, "before", Crash)):
        world.promote("v1.1.0")
    assert in_region(world, EAST) == {"v1.1.0"}
    with world.out(EAST), pytest.raises(GateClosed, match=r"may have moved .* in us-east-1") as closed:
        world.roll_back(regions=(WEST,))
    assert closed.value.fix.startswith("release abort prod")
    assert world.head.running is not None


def test_it_ends_a_promotion_that_went_to_no_other_region() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    with pytest.raises(Crash), world.failing(Fault(1 + 2 * 2 + 1, "before", Crash)):
        world.carry_out(world.draft("v1.1.0", regions=(WEST,)))
    assert "v1.1.0" in in_region(world, WEST)
    with world.out(EAST):
        world.holders.next_process()
        draft = world.rollback_draft(regions=(WEST,))
        assert isinstance(draft.hold, Supersede)
        assert world.carry_out(draft).failure is None
    assert world.all_serve("v1.0.0")
