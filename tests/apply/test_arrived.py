"""When traffic arrived where: on record also where nothing bakes."""

import json
import threading
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from release.core.audit import Commits, audit_bytes
from release.core.manifest import Manifest
from release.core.promotions import Written, promotions
from release.core.records import Event, moment
from release.errors import Misconfigured
from tests.apply.test_baking import CANARY, canary
from tests.fakes.aws import Call, Hook
from tests.fakes.hooked import HookedWorld
from tests.fakes.world import EAST, WEST, Crash, Fault, World, fleet

LONG = replace(CANARY, bake=timedelta(hours=2))
STEPS = [(EAST, 10), (EAST, 50), (EAST, 100), (WEST, 10), (WEST, 50), (WEST, 100)]


def document(world: World) -> Any:
    """What audit.json says of the last promotion."""
    *_, last = promotions((Written(event, "c" * 40), None) for event in world.ledger.log)
    empty = Manifest("fleet", last.release.commit, last.start.tool, {})
    return json.loads(audit_bytes(last, about=last.events, tag=None, manifest=empty, commits=Commits((), ())))


def times(world: World) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """(function, region) -> when its first traffic had moved, and all of it."""
    return {
        (one["function"], one["region"]): (one["first_traffic_at"], one["all_traffic_at"])
        for one in document(world)["functions"]
    }


def steps(world: World) -> list[tuple[str, int]]:
    return [(wave["region"], wave["percent"]) for wave in document(world)["waves"]]


def east_is_about_to_be_through() -> World:
    """Both regions bake for hours; the next process brings all traffic of the first one, then goes on."""
    world, _ = canary(LONG, west=LONG)
    world.promote("v1.1.0")
    world.clock.sleep(7200)
    world.advance()
    world.clock.sleep(7200)
    assert world.aliases[EAST, "prices-api"] == "v1.0.0 and {'2': 0.5}"
    return world


def at_record(kind: str, error: type[BaseException]) -> Hook:
    def hook(call: Call) -> None:
        if (call.operation, call.name) == ("append", kind):
            raise error

    return hook


def to_the_end(world: World) -> None:
    while world.head.running is not None:
        world.clock.sleep(7200)
        world.advance()
    assert world.all_serve("v1.1.0")


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


def test_every_function_has_its_times_in_every_region_when_processes_end_between_regions() -> None:
    world, _ = canary(LONG, west=LONG)
    world.promote("v1.1.0")
    to_the_end(world)

    found = times(world)

    assert set(found) == {(name, region) for name in world.names for region in (EAST, WEST)}
    assert steps(world) == STEPS
    since = [wave["since"] for wave in document(world)["waves"]]
    for (_, region), (first, whole) in found.items():
        assert (first, whole) == ((since[0], since[2]) if region == EAST else (since[3], since[5]))
    gaps = [moment(later) - moment(sooner) for sooner, later in pairwise(since)]
    assert [gap // LONG.bake for gap in gaps] == [1, 1, 0, 1, 1]
    assert outcome(world).moved[0].region == WEST and len(outcome(world).moved) == 1


def test_one_process_writes_each_arrival_into_one_record() -> None:
    world, _ = canary(west=CANARY)
    applied = world.promote("v1.1.0")

    told = [
        (event.kind, wave.region)
        for event in world.ledger.log
        if event.id == applied.event.id
        for wave in event.moved
    ]
    assert told == [("shifted", EAST), ("outcome", WEST)]
    assert steps(world) == STEPS


def test_what_a_process_has_written_of_a_region_stays_known_when_it_dies_in_the_next() -> None:
    world = east_is_about_to_be_through()
    with world.hooked(after=at_record("shifted", Crash)), pytest.raises(Crash):
        world.advance()
    through = world.clock.now()
    to_the_end(world)

    assert moment(times(world)["prices-api", EAST][1] or "") <= through
    assert steps(world) == STEPS


def test_of_a_region_whose_process_died_before_it_wrote_nothing_is_made_up() -> None:
    world = east_is_about_to_be_through()
    with world.hooked(before=at_record("shifted", Crash)), pytest.raises(Crash):
        world.advance()
    to_the_end(world)

    assert steps(world) == [step for step in STEPS if step != (EAST, 100)]
    for (_, region), (first, whole) in times(world).items():
        assert first is not None and (whole is None) == (region == EAST)


@pytest.mark.parametrize("written", [False, True], ids=["before it was written", "after"])
def test_whoever_is_interrupted_while_it_writes_has_every_time_on_record_once(written: bool) -> None:
    world = east_is_about_to_be_through()
    interrupt = at_record("shifted", KeyboardInterrupt)
    when = (None, interrupt) if written else (interrupt, None)
    with world.hooked(*when), pytest.raises(KeyboardInterrupt):
        world.advance()
    assert [wave.region for wave in world.ledger.log[-1].moved] == [EAST]
    to_the_end(world)

    assert steps(world) == STEPS
    assert all(None not in both for both in times(world).values())


def test_a_pause_when_all_traffic_has_moved_keeps_when_that_was() -> None:
    world = HookedWorld()
    world.live("v1.0.0")
    world.verified_by("pytest tests/e2e")
    # Long enough for traffic to move, and for an undo, but not for the command as well.
    world.functions.expires = world.clock.now() + timedelta(minutes=6)
    applied = world.promote("v1.1.0")
    assert applied.paused is not None and world.all_serve("v1.1.0")
    paused = world.ledger.log[-1]
    assert {(wave.region, wave.percent) for wave in paused.moved} == {(EAST, 100), (WEST, 100)}
    world.functions.expires = None
    world.clock.sleep(3600)
    world.advance()

    assert outcome(world).outcome == "succeeded" and outcome(world).moved == ()
    assert {whole for _, whole in times(world).values()} == {wave.since for wave in paused.moved}
    assert sorted(steps(world)) == [(EAST, 100), (WEST, 100)]


def test_whoever_finishes_it_after_a_crash_does_not_guess_when_it_had_moved() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    with world.hooked(before=at_record("outcome", Crash)), pytest.raises(Crash):
        world.promote("v1.1.0")
    assert world.all_serve("v1.1.0")
    world.clock.sleep(3600)

    assert world.finish("v1.1.0") is not None

    assert (outcome(world).outcome, outcome(world).moved) == ("succeeded", ())
    assert set(times(world).values()) == {(None, None)}


def test_whoever_finishes_a_rollback_after_a_crash_does_not_guess_either() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    with world.hooked(before=at_record("outcome", Crash)), pytest.raises(Crash):
        world.roll_back()
    assert world.all_serve("v1.0.0")
    world.clock.sleep(3600)

    assert world.roll_back().failure is None

    assert (outcome(world).verb, outcome(world).moved) == ("rollback", ())


def test_a_region_that_was_half_moved_has_its_time_by_whoever_moved_the_rest() -> None:
    world = fleet(regions=(EAST,)).live("v1.0.0")
    world.build("v1.1.0")
    other = threading.Event()

    def die(call: Call) -> None:
        if (call.operation, call.name) == ("update_alias", "prices-api"):
            assert other.wait(10)
            raise Crash

    def note(call: Call) -> None:
        if (call.operation, call.name) == ("update_alias", "configs-api"):
            other.set()

    with world.hooked(die, note), pytest.raises(Crash):
        world.promote("v1.1.0")
    assert world.aliases == {(EAST, "prices-api"): "v1.0.0", (EAST, "configs-api"): "v1.1.0"}
    world.clock.sleep(3600)
    later = world.clock.now()

    assert world.finish("v1.1.0") is not None

    assert [moment(wave.since) >= later for wave in outcome(world).moved] == [True]
