"""What schedules of faults have found, each as short as it gets."""

from datetime import timedelta

import pytest

from release.core.models import Gradual
from release.errors import ExitCode
from tests.fakes.faults import Kind, Strike
from tests.fakes.storm_ground import Shape
from tests.fakes.storms import Storm
from tests.fakes.world import EAST, SOURCE, fleet


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("seconds", [1, 3, 8])
def test_a_read_that_comes_before_our_own_move_is_not_taken_for_another_hand(
    first: bool, seconds: int
) -> None:
    """Reads lag, the smoke tests through the alias pass: nobody else has written, so it succeeds."""
    storm = Storm(0, Shape((1,), 1, first))
    tag = "v1.0.0" if first else "v1.1.0"
    ended = storm.promote(tag, [Strike(1, Kind.STALE, pick=seconds - 1)])
    assert ended.exit in (ExitCode.DONE, ExitCode.ROLLED_BACK)  # no verdict in time is no success
    assert storm.violations == []
    assert ended.applied is not None
    assert ended.applied.failure is None or "somebody else" not in ended.applied.failure.cause
    storm.settle()
    assert storm.violations == []


def test_a_canary_of_a_dead_promotion_that_could_not_be_taken_back_is_not_called_somebody_elses() -> None:
    """The promotion that had ended it is stranded; what it found is still known as ours."""
    rollout = Gradual("canary", (10, 50, 100), timedelta(minutes=5), 100, 0.01, (), SOURCE)
    storm = Storm(0, Shape((1,), 1, rollout=rollout))
    assert storm.promote("v1.2.0", [Strike(60, Kind.KILLED)]).exit is None
    assert storm.world.aliases == {(EAST, "prices-api"): "v1.0.0 and {'2': 0.1}"}
    for_ever = Strike(28, Kind.EXPIRED, pick=1)
    assert storm.promote("v1.1.0", [for_ever]).exit == ExitCode.STRANDED
    assert storm.world.aliases == {(EAST, "prices-api"): "v1.0.0 and {'2': 0.1}"}
    storm.heal()
    assert storm.promote("v1.1.0").exit == ExitCode.DONE
    assert storm.world.all_serve("v1.1.0")


def test_what_somebody_moved_to_a_version_that_failed_is_not_called_a_success() -> None:
    world = fleet(regions=(EAST,), prices=("api",)).live("v1.0.0")
    world.fails_smoke("v1.1.0")
    assert world.promote("v1.1.0").failure is not None
    world.functions.change_alias(world.places[0], "prices-api", "live", lambda_version="2")
    assert world.promote("v1.1.0").failure is not None
