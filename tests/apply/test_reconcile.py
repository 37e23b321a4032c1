"""Back to what the ledger says: what a hand has moved, what is gone, what is in some regions only."""

import pytest

from release.apply import Applied
from release.build.target import LAMBDA
from release.cli.carry_out import refuse_blocked
from release.core.decisions import Deciding
from release.core.records import Partial
from release.decide import decide
from release.errors import GateClosed, RolloutFailed
from release.promotion import Draft, Request, draft_reconciled
from release.promotion.requested import draft as draft_of
from tests.fakes.aws import LATEST
from tests.fakes.world import ADA, ALIAS, EAST, WEST, Crash, Fault, World, fleet

REASON = "the hot fix is merged"


def drafted(world: World) -> Draft:
    world.holders.next_process()
    request = Request("reconcile", "prod", reason=REASON)
    return draft_reconciled(world.tools, world.setup(), request, target=LAMBDA)


def reconcile(world: World) -> Applied:
    draft = drafted(world)
    refuse_blocked(draft)
    return world.carry_out(draft)


def hot_fix(world: World, region: str, name: str = "prices-api") -> str:
    """Somebody publishes other code and moves the alias."""
    place = next(place for place in world.places if place.region == region)
    world.functions.change_function(place, name, zip=b"hot fix")
    client = world.functions.model.client(place)
    version = str(client.publish_version(FunctionName=name)["Version"])
    world.functions.change_alias(place, name, ALIAS, lambda_version=version)
    return version


def serving(world: World) -> dict[tuple[str, str], str | None]:
    return {
        (place.region, name): alias.serving if alias else None
        for place in world.places
        for name in world.names
        for alias in [world.functions.alias_of(place, name, ALIAS)]
    }


def test_only_what_differs_moves_and_the_record_says_why() -> None:
    world = fleet().live("v1.0.0")
    before = serving(world)
    hot_fix(world, WEST)
    with world.hooked():
        assert reconcile(world).failure is None
    assert serving(world) == before
    moved = [(call.place.region, call.name) for call in world.writes if call.operation == "update_alias"]
    assert moved == [(WEST, "prices-api")]
    event = world.ledger.log[-1]
    assert (event.verb, event.outcome, event.reason) == ("reconcile", "succeeded", REASON)
    assert world.head.held is None
    assert world.head.serves is not None and world.head.serves.record == event.path


def test_a_stage_that_is_in_step_has_nothing_to_reconcile() -> None:
    assert drafted(fleet().live("v1.0.0")).nothing == "nothing to do: prod serves v1.0.0"


def test_weights_that_a_hand_has_left_are_cleared() -> None:
    world = fleet().live("v1.0.0")
    before = serving(world)
    version = hot_fix(world, EAST)
    world.functions.change_alias(
        world.places[0], "prices-api", ALIAS, lambda_version="1", weights={version: 0.1}
    )
    assert reconcile(world).failure is None
    assert serving(world) == before


def test_an_alias_that_was_deleted_comes_back() -> None:
    world = fleet().live("v1.0.0")
    before = serving(world)
    world.functions.remove_alias(world.places[1], "prices-api", ALIAS)
    assert reconcile(world).failure is None
    assert serving(world) == before


def test_a_version_that_is_gone_is_published_again_from_the_stored_artifact() -> None:
    world = fleet().live("v1.0.0")
    hot_fix(world, EAST)
    del world.functions.model.functions[world.places[0], "prices-api"].versions["1"]
    assert reconcile(world).failure is None
    assert world.all_serve("v1.0.0")
    alias = world.functions.alias_of(world.places[0], "prices-api", ALIAS)
    assert alias is not None and alias.lambda_version not in ("1", LATEST)


def test_it_goes_back_to_what_a_hand_had_done_when_it_fails_and_quarantines_nothing() -> None:
    world = fleet().live("v1.0.0")
    hot_fix(world, EAST)
    hot_fix(world, WEST)
    theirs = serving(world)
    failed = RolloutFailed("no", fix="none")
    with world.failing(Fault(2, "before", lambda: failed)):
        assert reconcile(world).failure is not None
    assert serving(world) == theirs
    assert world.head.quarantined == ()
    assert reconcile(world).failure is None
    assert world.all_serve("v1.0.0")


def test_killed_it_is_finished_by_advance() -> None:
    world = fleet().live("v1.0.0")
    before = serving(world)
    hot_fix(world, EAST)
    hot_fix(world, WEST)
    with pytest.raises(Crash), world.failing(Fault(2, "before", Crash)):
        reconcile(world)
    assert world.head.running is not None and world.head.running.verb == "reconcile"
    advanced = world.advance()
    assert isinstance(advanced, Applied) and advanced.failure is None
    assert serving(world) == before


def to_some(world: World, tag: str, *regions: str) -> Partial:
    world.build(tag)
    world.holders.next_process()
    assert world.carry_out(world.draft(tag, reason="the other is out", regions=regions)).failure is None
    assert world.head.partial is not None
    return world.head.partial


def test_a_release_that_is_in_some_regions_follows_to_the_others() -> None:
    world = fleet().live("v1.0.0")
    to_some(world, "v1.1.0", EAST)
    assert reconcile(world).failure is None
    assert world.all_serve("v1.1.0")
    assert world.head.partial is None
    assert world.head.serves is not None and world.head.serves.release.tag == "v1.1.0"


def test_a_rollback_of_some_regions_follows_to_the_others() -> None:
    world = fleet().live("v1.0.0")
    assert world.promote("v1.1.0").failure is None
    assert world.roll_back(regions=(EAST,)).failure is None
    assert world.head.partial is not None
    assert reconcile(world).failure is None
    assert world.all_serve("v1.0.0")
    assert world.head.partial is None


def hold(world: World) -> None:
    about = Deciding("hold", world.head, None)
    decide(world.ledger, world.ledger.read(), about, "stop", who=ADA, clock=world.clock)


def test_a_hold_keeps_a_release_from_further_regions_and_no_alias_from_its_record() -> None:
    world = fleet().live("v1.0.0")
    to_some(world, "v1.1.0", EAST)
    hold(world)
    with pytest.raises(GateClosed, match="held"):
        reconcile(world)
    other = fleet().live("v1.0.0")
    hot_fix(other, EAST)
    hold(other)
    assert reconcile(other).failure is None
    assert other.head.held is not None


def test_nothing_is_reconciled_beside_what_is_under_way_or_before_anything_ran() -> None:
    with pytest.raises(GateClosed, match="has run nothing with success"):
        reconcile(fleet())
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    with pytest.raises(Crash), world.failing(Fault(3, "before", Crash)):
        world.promote("v1.1.0")
    with pytest.raises(GateClosed, match="is under way in prod"):
        reconcile(world)


def test_its_plan_is_planned_as_any_other() -> None:
    world = fleet().live("v1.0.0")
    hot_fix(world, EAST)
    request = Request("reconcile", "prod", reason=REASON)
    planned = draft_of(world.tools, world.setup(), request, target=LAMBDA)
    assert planned.plan.digest == drafted(world).plan.digest
