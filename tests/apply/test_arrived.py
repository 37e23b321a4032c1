"""When traffic arrived where: on record also where nothing bakes."""

import json
from dataclasses import replace

import pytest

from release.core.records import Event
from release.errors import Misconfigured
from tests.fakes.world import EAST, WEST, Crash, Fault, World, fleet


def outcome(world: World) -> Event:
    assert world.head.last is not None
    event = world.ledger.event(world.ledger.read(), world.head.last)
    assert event.kind == "outcome"
    return event


def test_an_outcome_says_for_each_region_when_all_its_traffic_had_moved() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")

    assert world.promote("v1.1.0").failure is None

    ended = outcome(world)
    assert {(wave.region, wave.percent) for wave in ended.moved} == {(EAST, 100), (WEST, 100)}
    assert all(wave.since <= ended.at for wave in ended.moved)


def test_what_failed_has_left_no_traffic_anywhere() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    with world.failing(Fault(2, "before", lambda: Misconfigured("no", fix="none"))):
        world.promote("v1.1.0")

    assert outcome(world).moved == ()


def test_a_record_of_a_version_that_did_not_say_it_keeps_its_bytes() -> None:
    ended = outcome(fleet().live("v1.0.0"))

    older = replace(ended, moved=()).to_bytes()

    assert b'"moved"' in ended.to_bytes() and b'"moved"' not in older
    assert Event.from_json(json.loads(older)).to_bytes() == older


def test_whoever_finishes_it_after_a_crash_does_not_guess_when_it_had_moved() -> None:
    last = fleet().live("v1.0.0").count_writes_of(lambda world: world.promote("v1.1.0")) - 1
    world = fleet().live("v1.0.0")
    with pytest.raises(Crash), world.failing(Fault(last, "after", Crash)):
        world.promote("v1.1.0")

    assert world.promote("v1.1.0").failure is None

    assert world.all_serve("v1.1.0")
    assert outcome(world).moved == ()
