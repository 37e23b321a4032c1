"""In which order traffic moves, and what is left of it for whoever goes on."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from release.core.models import AllAtOnce, Gradual, Rollout, Source
from release.core.plan import Plan, Step, Wave
from release.core.records import ReleaseRef
from release.core.rollout import rollout_steps, waves_of
from release.core.snapshot import served
from tests.core.test_plan import API, EAST, NEW, WEST, Copy, short, target, world

CANARY = Gradual(
    "canary", (10, 50, 100), timedelta(minutes=5), 100, 0.01, ("{function}-errors",), Source("f", 1, "p")
)
ROLLOUTS: Mapping[str, Rollout] = {EAST.region: CANARY, WEST.region: AllAtOnce()}
PLACES = (EAST, WEST)
HERE = (EAST.account, EAST.region, API)


def steps_of(*copies: Copy, again: bool = False) -> tuple[Step, ...]:
    ours = frozenset(served(copy.observed).where for copy in copies) if again else frozenset()
    steps, _, blockers = rollout_steps(
        [target()], world(*copies), alias="live", rollouts=ROLLOUTS, again=ours, moved=ours
    )
    assert not blockers
    return steps


def waves(steps: tuple[Step, ...]) -> list[tuple[str | None, int, int]]:
    found = waves_of(steps, PLACES, ROLLOUTS)
    return [(wave.region, wave.percent, len(wave.baking)) for wave in found]


def test_a_canary_moves_the_primary_by_its_steps_and_then_the_replica_at_once() -> None:
    steps = steps_of(Copy(), Copy(place=WEST))
    assert short(steps) == [
        *["prepare: prepare"] * 2,
        "shift: shift from 1, 10 %",
        "shift: shift from 1, 50 %",
        *["shift: shift from 1"] * 2,
    ]
    assert waves(steps) == [
        ("us-east-1", 10, 1),
        ("us-east-1", 50, 1),
        ("us-east-1", 100, 0),
        ("us-west-2", 100, 0),
    ]


def test_a_first_deploy_is_never_a_canary() -> None:
    steps = steps_of(Copy(alias=False), Copy(place=WEST, alias=False))
    assert waves(steps) == [("us-east-1", 100, 0), ("us-west-2", 100, 0)]


def test_who_goes_on_takes_the_version_that_has_traffic_and_begins_where_it_is() -> None:
    steps = steps_of(Copy(weights=(("2", 0.5),)), Copy(place=WEST), again=True)
    assert short(steps) == [
        "prepare: prepare 2",
        "prepare: prepare",
        "shift: shift from 1",
        "shift: shift from 1",
    ]
    assert [percent for _, percent, baking in waves(steps) if baking] == [10, 50]


def test_a_region_that_has_moved_whole_does_not_bake_again() -> None:
    steps = steps_of(Copy(code=NEW), Copy(place=WEST), again=True)
    assert waves(steps) == [("us-east-1", 100, 0), ("us-west-2", 100, 0)]


def test_weights_that_somebody_else_has_set_stand_in_the_way() -> None:
    found = rollout_steps([target()], world(Copy(weights=(("2", 0.5),))), alias="live", rollouts=ROLLOUTS)[2]
    assert [blocker.code for blocker in found] == ["foreign-weights"]
    assert "1 with 50% to 2" in found[0].message


def test_without_rollouts_all_regions_move_at_once() -> None:
    assert waves_of(steps_of(Copy(), Copy(place=WEST)), PLACES, {}) == (Wave(None, 100),)


def plan(steps: tuple[Step, ...], rollouts: Mapping[str, Rollout] = ROLLOUTS) -> Plan:
    return Plan(
        verb="promote",
        pipeline="fleet",
        stage="prod",
        release=ReleaseRef("c" * 40, "d" * 64, "v1.0.0"),
        source="v1.0.0-rc.1",
        reason=None,
        mint=False,
        services=None,
        steps=steps,
        changes=(),
        warnings=(),
        blockers=(),
        kept=(),
        before=(),
        places=PLACES,
        alias="live",
        rollouts=rollouts,
        waves=waves_of(steps, PLACES, rollouts),
    )


def test_the_course_is_the_same_on_the_whole_way() -> None:
    first = plan(steps_of(Copy(), Copy(place=WEST)))
    later = plan(steps_of(Copy(weights=(("2", 0.5),)), Copy(place=WEST), again=True))
    assert first.course == later.course
    assert first.digest != later.digest


@pytest.mark.parametrize(
    "change", [{"bake": timedelta(minutes=6)}, {"steps": (20, 100)}, {"max_error_rate": 0.02}, {"alarms": ()}]
)
def test_another_rollout_is_another_course_and_another_plan(change: dict[str, object]) -> None:
    steps = steps_of(Copy(), Copy(place=WEST))
    other = plan(steps, {**ROLLOUTS, EAST.region: replace(CANARY, **change)})  # type: ignore[arg-type]
    assert other.course != plan(steps).course
    assert other.digest != plan(steps).digest


def test_a_wave_has_the_steps_of_its_region_and_percent() -> None:
    one = plan(steps_of(Copy(), Copy(place=WEST)))
    assert [len(one.in_wave(wave)) for wave in one.waves] == [1, 1, 1, 1]
    assert all(step.action.place == WEST for step in one.in_wave(one.waves[-1]))
