"""A function that joins a service that bakes: its alias is there before new versions of others call it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from release.apply import Applied
from release.views.plan import plan_text
from tests.apply.test_baking import CANARY, canary, ended
from tests.fakes.world import ALIAS, EAST, WEST, Crash, Fault, World
from tests.views.screens import shown, words

NEW = "prices-nightly"


def with_a_new_function(bake: timedelta = CANARY.bake) -> World:
    """v1.0.0 serves without it. Its stack has it: an attempt that went back has left that so."""
    world, _ = canary(replace(CANARY, bake=bake))
    world.services["prices"] = ("api", "nightly")
    for place in world.places:
        configuration = world.functions.configuration(place, "prices-api")
        world.functions.add_function(place, NEW, configuration=configuration)
    world.build("v1.1.0")
    return world


def test_its_alias_comes_before_any_traffic_moves_in_its_region() -> None:
    world = with_a_new_function()
    with world.hooked():
        applied = world.promote("v1.1.0")
    assert applied.failure is None
    assert world.all_serve("v1.1.0")
    moves = [call for call in world.writes if call.operation in ("create_alias", "update_alias")]
    first_wave = moves[:3]
    assert sorted((call.operation, call.place.region) for call in first_wave) == [
        ("create_alias", EAST),
        ("update_alias", EAST),
        ("update_alias", EAST),
    ]
    assert [call.place.region for call in moves if call.name == NEW] == [EAST, WEST]


def test_the_plan_says_so() -> None:
    text = words(shown(plan_text(with_a_new_function().draft("v1.1.0").plan)))
    assert "us-east-1: make 1 alias for the first time, then 10 % of 2 aliases to the new version" in text
    assert "us-west-2: move 3 aliases (1 for the first time)" in text


def test_what_bakes_longer_goes_on_with_it_in_another_process() -> None:
    world = with_a_new_function(timedelta(hours=2))
    assert world.promote("v1.1.0").paused is not None
    assert world.functions.alias_of(world.places[0], NEW, ALIAS) is not None
    for _ in range(2):
        world.clock.sleep(7200)
        last = world.advance()
    assert isinstance(last, Applied) and last.failure is None
    assert world.all_serve("v1.1.0")


def test_a_canary_that_fails_takes_it_away_again() -> None:
    world = with_a_new_function(timedelta(hours=2))
    world.promote("v1.1.0")
    world.abort("wrong week")
    assert ended(world.advance()).event.outcome == "aborted"
    assert world.aliases[EAST, NEW] is None
    assert world.aliases[EAST, "prices-api"] == "v1.0.0"


def test_killed_between_its_alias_and_the_first_share_it_is_finished() -> None:
    world = with_a_new_function()
    prepared = 1 + 2 * 6  # writes: the start, code and version of six
    with pytest.raises(Crash), world.failing(Fault(prepared + 1, "before", Crash)):
        world.promote("v1.1.0")
    assert world.finish("v1.1.0") is not None
    assert world.all_serve("v1.1.0")
