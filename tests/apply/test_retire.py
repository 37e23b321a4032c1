"""A service that the stage does not have any more: triggers off, aliases gone, data kept."""

from dataclasses import replace

import pytest

from release.core.drift import MappingFacts
from release.core.plan import ALIAS_EXISTS
from release.core.records import Event, IllegalEvent, advance
from release.errors import GateClosed, Misconfigured, Stranded
from release.retire import carry_out, plan_retirement
from tests.fakes.surroundings import FakeSurroundings
from tests.fakes.world import ADA, ALIAS, Crash, Fault, World, fleet

GONE = "prices"


def without_it() -> World:
    """v1.0.0 had it, v1.1.0 has not."""
    world = fleet().live("v1.0.0")
    everything = world.services
    world.services = {name: keys for name, keys in everything.items() if name != GONE}
    assert world.services and GONE in everything
    assert world.promote("v1.1.0").failure is None
    world.services = everything
    return world


def retire(world: World, surroundings: FakeSurroundings | None = None) -> Event:
    planned = plan_retirement(world.tools, world.setup(), world.stage, GONE)
    return carry_out(
        world.tools,
        surroundings or FakeSurroundings(),
        world.setup(),
        planned,
        "nobody asks for prices",
        who=ADA,
        progress=lambda what, fields: world.said.append((what, dict(fields))),
    )


def left(world: World) -> tuple[set[str | None], set[str | None]]:
    """What the aliases of the service serve, and whether its stacks have their triggers."""
    aliases = {
        alias.lambda_version if (alias := world.functions.alias_of(place, "prices-api", ALIAS)) else None
        for place in world.places
    }
    stacks = {
        stack.parameters.get(ALIAS_EXISTS) if (stack := world.stacks.stack(place, "prices-prod")) else None
        for place in world.places
    }
    return aliases, stacks


def test_triggers_go_before_aliases_and_the_record_says_what_was_there() -> None:
    world = without_it()
    assert left(world) == ({"1"}, {"true"})
    with world.hooked():
        event = retire(world)
    assert left(world) == ({None}, {"false"})
    others = {tag for (_, name), tag in world.aliases.items() if not name.startswith(GONE)}
    assert others == {"v1.1.0"}  # what is still there serves on
    operations = [call.operation for call in world.writes if call.operation in ("update", "delete_alias")]
    last_stack = max(index for index, one in enumerate(operations) if one == "update")
    assert last_stack < operations.index("delete_alias")
    assert (event.kind, event.services, event.reason) == ("retire", (GONE,), "nobody asks for prices")
    assert {one.lambda_version for one in event.before} == {"1"}
    assert world.ledger.log[-1] == event
    assert world.functions.versions_of(world.places[0], "prices-api") == ["1"]


def test_it_is_done_once() -> None:
    world = without_it()
    retire(world)
    assert plan_retirement(world.tools, world.setup(), world.stage, GONE).is_done


@pytest.mark.parametrize("number", range(5))
def test_killed_anywhere_the_same_command_does_what_is_left(number: int) -> None:
    world = without_it()
    with pytest.raises(Crash), world.failing(Fault(number, "after", Crash)):
        retire(world)
    if not plan_retirement(world.tools, world.setup(), world.stage, GONE).is_done:
        retire(world)
    assert left(world) == ({None}, {"false"})


def test_a_service_that_the_stage_still_serves_is_refused() -> None:
    with pytest.raises(GateClosed, match=r"prices is part of v1\.0\.0, which prod serves"):
        retire(fleet().live("v1.0.0"))


def test_a_service_that_the_stage_never_had_is_refused_with_those_it_had() -> None:
    world = without_it()
    with pytest.raises(Misconfigured, match="knows of no service price in prod") as refused:
        plan_retirement(world.tools, world.setup(), world.stage, "price")
    assert GONE in refused.value.fix


def test_nothing_is_retired_while_a_rollout_is_under_way() -> None:
    world = without_it()
    with pytest.raises(Crash), world.failing(Fault(2, "before", Crash)):
        world.promote("v1.2.0")
    with pytest.raises(GateClosed, match="is under way in prod"):
        retire(world)


def test_an_alias_that_something_by_hand_still_feeds_stays() -> None:
    world = without_it()
    surroundings = FakeSurroundings()
    source = MappingFacts("an-uuid", "prices-api", ALIAS, "arn:aws:sqs:us-east-1:4:orders")
    surroundings.of[world.places[0]] = [source, replace(source, function="other")]
    with pytest.raises(Stranded, match="still feeds live of prices-api") as stopped:
        retire(world, surroundings)
    assert "--uuid an-uuid" in stopped.value.fix
    assert left(world) == ({"1"}, {"false"})
    retire(world)
    assert left(world) == ({None}, {"false"})


def test_a_stack_with_a_template_by_hand_is_left_alone_with_a_way_out() -> None:
    world = without_it()
    world.stacks.change_stack(world.places[0], "prices-prod", template="f" * 64)
    with pytest.raises(Misconfigured, match="a template that no build has stored") as refused:
        retire(world)
    assert "--use-previous-template" in refused.value.fix
    assert left(world) == ({"1"}, {"true"})


def test_a_retirement_without_a_reason_or_a_service_is_no_event() -> None:
    world = without_it()
    event = retire(world)
    for broken in (replace(event, reason=None), replace(event, services=None)):
        with pytest.raises(IllegalEvent):
            advance(world.head, broken)
