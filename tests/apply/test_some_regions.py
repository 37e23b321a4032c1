"""Break-glass: a release goes to some regions, another is out; it is taken back or completed later."""

import pytest

from release.apply import Applied
from release.promotion import Draft
from tests.fakes.world import EAST, WEST, Crash, Fault, World, fleet


def draft_of_some(world: World, tag: str, *regions: str) -> Draft:
    return world.draft(tag, reason="the other region is out", regions=regions)


def promote_to_some(world: World, tag: str, *regions: str) -> Applied:
    if tag not in world.releases:
        world.build(tag)
    world.holders.next_process()
    return world.carry_out(draft_of_some(world, tag, *regions))


def recorded(world: World, path: str) -> dict[tuple[str, str], str | None]:
    after = world.ledger.event(world.ledger.read(), path).after
    return {(one.region, one.function): one.lambda_version for one in after}


def test_the_rest_of_the_stage_stays_and_is_on_record() -> None:
    world = fleet().live("v1.0.0")
    assert promote_to_some(world, "v1.1.0", EAST).failure is None
    assert world.aliases[EAST, "prices-api"] == "v1.1.0"
    assert world.aliases[WEST, "prices-api"] == "v1.0.0"
    assert world.head.partial is not None and world.head.partial.regions == (EAST,)
    assert world.head.serves is not None and world.head.serves.release.tag == "v1.0.0"


@pytest.mark.parametrize("second", ["v1.1.0", "v1.2.0"])
def test_a_rollback_takes_back_every_region_that_went_ahead_one_after_the_other(second: str) -> None:
    world = fleet().live("v1.0.0")
    promote_to_some(world, "v1.1.0", EAST)
    promote_to_some(world, second, WEST)
    assert world.head.partial is not None
    now = recorded(world, world.head.partial.record)
    assert now[EAST, "prices-api"] == "2"
    assert world.roll_back().failure is None
    assert world.all_serve("v1.0.0")
    assert world.head.partial is None


def test_the_whole_stage_gets_it_when_the_region_is_back() -> None:
    world = fleet().live("v1.0.0")
    promote_to_some(world, "v1.1.0", WEST)
    assert world.promote("v1.1.0").failure is None
    assert world.all_serve("v1.1.0")
    assert world.head.partial is None


def test_its_rollback_that_was_killed_goes_on_in_the_same_regions() -> None:
    world = fleet().live("v1.0.0")
    promote_to_some(world, "v1.1.0", WEST)
    with pytest.raises(Crash), world.failing(Fault(2, "before", Crash)):
        world.roll_back()
    advanced = world.advance()
    assert isinstance(advanced, Applied) and advanced.failure is None
    assert world.all_serve("v1.0.0")


def test_killed_when_all_was_done_but_its_record_it_ends_with_one() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    writes = writes_of_one(EAST)
    with pytest.raises(Crash), world.failing(Fault(writes - 1, "before", Crash)):
        promote_to_some(world, "v1.1.0", EAST)
    assert world.head.running is not None
    advanced = world.advance()
    assert isinstance(advanced, Applied) and advanced.failure is None
    assert world.head.running is None and world.head.partial is not None


def writes_of_one(region: str) -> int:
    twin = fleet().live("v1.0.0")
    twin.build("v1.1.0")
    return twin.count_writes_of(lambda one: promote_to_some(one, "v1.1.0", region))
