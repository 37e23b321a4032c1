"""Killed before and after every write of a canary, or of its abort, one more command ends it in one piece."""

from collections.abc import Callable

import pytest

from tests.e2e import canaries
from tests.e2e.fleet import Fleet, World
from tests.e2e.kill_points import PUSH, Point, kill_at, points, writes
from tests.e2e.test_kill_points import assert_released
from tests.e2e.texts import PRIMARY, REGIONS

THREE = ("orders", "prices", "stock")
PROMOTE = ("promote", "prod", "--yes")
ABORT = ("abort", "prod", "--reason", "kill points", "--yes")
ADVANCE = ("advance", "prod")
# Plain tests kill canaries on the strict fakes, and all-at-once rollouts in the sandbox.
pytestmark = pytest.mark.prove
_EACH = len(THREE) * len(REGIONS)
# Held to a real canary and a real abort by the first two tests.
CANARY = {
    PUSH: 5,  # the tag with `started`; each of three steps that bake; the outcome
    "UpdateFunctionCode": _EACH,
    "PublishVersion": _EACH,
    "UpdateAlias": len(THREE) * (3 + 2),  # 10, 50, 100 % in one region, 10 and 100 % in the other
}
ABORTED = {
    PUSH: 3,  # the request, `taken-over`, the outcome
    "UpdateAlias": _EACH,  # also where nothing has moved: a read may be old, a write is not
}


class Train:
    """A fleet whose prod runs one release after another, each of them by a canary in both regions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = 1
        self.arrived = True  # False: the next release stands before prod, or a test has left it half-way

    @property
    def tag(self) -> str:
        return f"v1.{self.number - 1}.0"

    def next(self) -> None:
        """The next release has come as far as QA."""
        self.number += 1
        self.arrived = False
        self.world.take_to_qa(str(self.number))

    def arrive(self) -> None:
        assert_released(self.world, self.tag, str(self.number))
        self.arrived = True


@pytest.fixture(scope="module")
def _trains() -> list[Train]:
    return []


@pytest.fixture
def train(fleet: Fleet, _trains: list[Train]) -> Train:
    """Prod serves a release, QA runs the next one. The train goes on from test to test until one fails."""
    if not _trains or not _trains[0].arrived:
        prod = canaries.line(canaries.probed("10, 50, 100"), canaries.probed("10, 100"))
        world = fleet.world(prod, THREE, canaries.quiet)
        for verb in (("deploy", "dev"), ("promote", "qa"), ("promote", "prod")):
            world.release(*verb, "--yes")
        _trains[:] = [Train(world)]
    running = _trains[0]
    running.next()
    return running


def next_command(point: Point) -> tuple[str, ...]:
    """What is run after the kill: one of the two that may, in turn."""
    if str(point) == f"before {PUSH} 1":
        return PROMOTE  # nothing has begun
    return ADVANCE if point.number % 2 else PROMOTE


def ends_all_new(train: Train, point: Point) -> None:
    kill_at(train.world, point, *PROMOTE)
    train.world.release(*next_command(point))
    train.arrive()


def serving(world: World) -> dict[tuple[str, str], tuple[str, dict[str, float]]]:
    """(service, region) -> what the alias in prod has, with its weights."""
    found = {(name, region): world.alias(name, "prod", region) for name in THREE for region in REGIONS}
    return {
        where: (alias["FunctionVersion"], dict(canaries.weights(alias)))
        for where, alias in found.items()
        if alias
    }


def bake(world: World) -> None:
    """The release is at its first step, and nobody is at it."""
    world.release(*PROMOTE, "--wait", "1s", ends=7)
    weights = {region: weights for (_, region), (_, weights) in serving(world).items()}
    assert [region for region, weight in weights.items() if weight] == [PRIMARY]


def assert_aborted(world: World, before: dict[tuple[str, str], tuple[str, dict[str, float]]]) -> None:
    assert serving(world) == before
    events = [event for event in world.remote.assert_no_half_state() if event["stage"] == "prod"]
    assert events[-1]["outcome"] == "aborted"
    assert [event["id"] for event in events if event["kind"] == "outcome"].count(events[-1]["id"]) == 1
    assert "running" not in world.remote.head("prod")


def test_the_kill_points_are_all_the_writes_of_a_canary(
    fleet: Fleet, train: Train, proof: Callable[[str], None]
) -> None:
    world = train.world
    fleet.sandbox.forget_calls()
    world.release(*PROMOTE)
    assert writes(fleet.sandbox.calls(), len(world.pushes())) == CANARY
    train.arrive()
    canary, abort = len(points(CANARY)), len(points(ABORTED))
    assert canary >= 60
    proof(f"kill points: {canary} of a canary of 3 functions in 2 regions, {abort} of its abort")


def test_the_kill_points_are_all_the_writes_of_an_abort(fleet: Fleet, train: Train) -> None:
    world, before = train.world, serving(train.world)
    bake(world)
    world.reset_pushes()
    fleet.sandbox.forget_calls()
    world.release(*ABORT, ends=5)
    assert writes(fleet.sandbox.calls(), len(world.pushes())) == ABORTED
    assert_aborted(world, before)


def goes_back(train: Train, point: Point) -> None:
    world, before = train.world, serving(train.world)
    bake(world)
    kill_at(world, point, *ABORT)
    unheard = str(point) == f"before {PUSH} 1"
    ended = str(point) == f"after {PUSH} {ABORTED[PUSH]}"
    world.release(*(ABORT if unheard else ADVANCE), ends=0 if ended else 5)
    assert_aborted(world, before)


@pytest.mark.parametrize("point", points(CANARY), ids=str)
def test_a_killed_canary_is_finished_by_one_more_command(train: Train, point: Point) -> None:
    ends_all_new(train, point)


@pytest.mark.parametrize("side", ["before", "after"])
def test_every_killed_abort_goes_back(train: Train, side: str) -> None:
    for point in points(ABORTED):
        if point.side == side:
            goes_back(train, point)
