"""A canary of three functions in two regions is killed at every call there is: one more run ends it right.

Every call counts, not the writes alone, on both sides of its effect: to AWS, to stacks and to the ledger.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from release.core.models import Gradual
from release.errors import ExitCode
from tests.fakes.faults import Kind, Strike
from tests.fakes.storm_ground import Illness, Shape
from tests.fakes.storms import Storm
from tests.fakes.world import SOURCE

Note = Callable[[str, object], None]
CANARY = Gradual("canary", (10, 50, 100), timedelta(minutes=1), 100, 0.01, ("{function}-errors",), SOURCE)
FLEETS = {
    "a canary": (Shape((2, 1), 2, rollout=CANARY), None, "v1.1.0"),
    "a canary that fails": (Shape((2, 1), 2, rollout=CANARY), Illness("v1.1.0", calls=0.2), "v1.0.0"),
    "all at once": (Shape((2, 1), 2), None, "v1.1.0"),
    "a replica that fails": (
        Shape((2, 1), 2),
        Illness("v1.1.0", region="us-west-2", through_alias=True),
        "v1.0.0",
    ),
    "a first deployment": (Shape((2, 1), 2, first=True), None, "v1.1.0"),
}
SPARSE = 41  # of so many points one, in the ordinary tests


def storm_of(fleet: str) -> Storm:
    shape, illness, _ = FLEETS[fleet]
    return Storm(7, shape, illness=illness)


def points_of(fleet: str) -> int:
    storm = storm_of(fleet)
    storm.promote("v1.1.0")
    assert storm.violations == []
    return storm.faults.points


def killed_at(fleet: str, point: int) -> None:
    """Kill it at this point, run it once more, and look."""
    *_, serves = FLEETS[fleet]
    storm = storm_of(fleet)
    killed = storm.promote("v1.1.0", [Strike(point, Kind.KILLED)])
    assert killed.exit is None, f"point {point} was not reached"
    again = storm.promote("v1.1.0")
    ill = serves != "v1.1.0"
    # What ended before it was killed has been told, and is not undone and told again.
    assert again.exit in ((ExitCode.ROLLED_BACK,) if ill else (ExitCode.DONE,)), f"point {point}"
    assert storm.world.all_serve(serves), f"point {point}: {storm.world.aliases}"
    assert storm.world.head.running is None
    storm.settle()
    assert storm.violations == [], f"point {point}"


@pytest.mark.parametrize("fleet", FLEETS)
def test_killed_at_some_calls_a_rollout_ends_right_after_one_more_run(
    fleet: str, record_property: Note
) -> None:
    tried = range(1, points_of(fleet) + 1, SPARSE)
    for point in tried:
        killed_at(fleet, point)
    record_property("schedules", {"schedules": len(tried), "runs": 3 * len(tried), "killed": len(tried)})


@pytest.mark.prove
@pytest.mark.parametrize("fleet", FLEETS)
def test_killed_at_every_call_a_rollout_ends_right_after_one_more_run(
    fleet: str, record_property: Note
) -> None:
    points = points_of(fleet)
    assert points >= 120
    for point in range(1, points + 1):
        killed_at(fleet, point)
    record_property(
        "proof", f"{fleet}, three functions in two regions: killed at each of {points} points, 0 violations"
    )
