"""Killed before and after every write of a promotion to two regions, the same command again finishes it."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from tests.e2e.fleet import Fleet, World
from tests.e2e.kill_points import PUSH, Point, kill_at, points, writes
from tests.e2e.texts import REGIONS, SERVICES

PROMOTE = ("promote", "prod", "--yes", "--reason", "kill points")
_EACH = len(SERVICES) * len(REGIONS)
# Held to a real promotion by two of the proofs.
FIRST_DEPLOY = {
    PUSH: 2,  # the tag with `started`; the outcome
    "CreateStack": _EACH,
    "UpdateFunctionCode": _EACH,
    "PublishVersion": _EACH,
    "CreateAlias": _EACH,
    "UpdateStack": _EACH,  # triggers that name the alias
}
UPDATE = {
    PUSH: 2,
    "CreateChangeSet": _EACH,  # the memory changes: first it is said what that would do to the stack
    "ExecuteChangeSet": _EACH,
    "UpdateFunctionCode": _EACH,
    "PublishVersion": _EACH,
    "UpdateAlias": _EACH,
}


class Train:
    """A fleet whose prod runs one release after another, each of them changing code and configuration."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = 1
        self.arrived = True  # False: a test has left the release half-way

    @property
    def tag(self) -> str:
        return f"v1.{self.number - 1}.0"

    @property
    def release(self) -> str:
        return str(self.number)

    def next(self) -> None:
        """The next release has come as far as QA."""
        self.number += 1
        self.arrived = False
        files = {}
        for name in SERVICES:
            path = f"services/{name}/service.yaml"
            text = (self.world.clone / path).read_text(encoding="utf-8").partition("  prod:")[0]
            files[path] = f"{text}  prod: {{memory: {128 + self.number}}}\n"
        self.world.merge("chore: more memory in prod", files)
        self.world.take_to_qa(self.release)

    def arrive(self) -> None:
        assert_released(self.world, self.tag, self.release)
        self.arrived = True


@pytest.fixture(scope="module")
def _trains() -> list[Train]:
    return []


@pytest.fixture
def train(_trains: list[Train], _proven_in_qa: World) -> Train:
    """Prod serves a release, QA runs the next one. The train goes on from test to test until one fails."""
    if not _trains or not _trains[0].arrived:
        world = _proven_in_qa.copy("dev", "qa", "prod")
        world.release(*PROMOTE)
        _trains[:] = [Train(world)]
    running = _trains[0]
    running.next()
    return running


def assert_released(world: World, tag: str, release: str) -> None:
    """Prod serves exactly this release, by every account of it."""
    events = world.remote.assert_no_half_state()
    _object, kind, commit = world.remote.tags()[tag]
    assert kind == "tag"
    mine = [event for event in events if event["stage"] == "prod" and event["release"].get("tag") == tag]
    assert [event["kind"] for event in mine].count("started") == 1, mine
    outcomes = [event["outcome"] for event in mine if event["kind"] == "outcome"]
    assert outcomes == ["succeeded"]
    assert len({event["id"] for event in mine}) == 1, "a second promotion was opened"

    head = world.remote.head("prod")
    assert "running" not in head
    assert (head["serves"]["release"]["tag"], head["serves"]["release"]["commit"]) == (tag, commit)
    manifest = world.manifest(head["serves"]["release"]["manifest"])
    (outcome,) = [event for event in mine if event["kind"] == "outcome"]
    recorded = {(item["service"], item["region"]): item for item in outcome["after"]}
    for service in world.services:
        for region in REGIONS:
            alias = world.alias(service, "prod", region)
            assert alias is not None
            assert not alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")
            assert world.code(service, "prod", region) == manifest["services"][service]["artifact"]
            assert recorded[service, region]["lambda_version"] == alias["FunctionVersion"]
            assert world.says(service, "prod", region) == release
            assert_no_version_twice(world, service, region)


def assert_no_version_twice(world: World, service: str, region: str) -> None:
    """No orphan: no two published versions have the same code and configuration."""
    made = [_essence(version) for version in world.versions(service, "prod", region)]
    assert len(made) == len(set(made)), f"{service} in {region} was published twice: {made}"


def _essence(version: Mapping[str, Any]) -> str:
    what = ("CodeSha256", "Handler", "Runtime", "MemorySize", "Timeout", "Environment")
    return json.dumps({name: version.get(name) for name in what}, sort_keys=True)


def count_writes(fleet: Fleet, world: World) -> Mapping[str, int]:
    world.reset_pushes()
    fleet.sandbox.forget_calls()
    world.release(*PROMOTE)
    return writes(fleet.sandbox.calls(), len(world.pushes()))


@pytest.mark.prove
def test_the_kill_points_are_all_the_writes_of_a_first_deployment(
    fleet: Fleet, proven_in_qa: World, proof: Callable[[str], None]
) -> None:
    assert count_writes(fleet, proven_in_qa) == FIRST_DEPLOY
    assert_released(proven_in_qa, "v1.0.0", "1")
    first, update = len(points(FIRST_DEPLOY)), len(points(UPDATE))
    proof(
        f"kill points: {first} of a first deployment, {update} of an update;"
        f" {len(FIRST.sample) + len(UPDATES.sample)} in the plain tests, the others with -m prove"
    )
    assert first + update >= 60
    for all_of, parts in ((FIRST_DEPLOY, FIRST), (UPDATE, UPDATES)):
        assert sorted(map(str, parts.sample + parts.others)) == sorted(map(str, points(all_of)))


@pytest.mark.prove
def test_the_kill_points_are_all_the_writes_of_an_update(fleet: Fleet, train: Train) -> None:
    assert count_writes(fleet, train.world) == UPDATE
    train.arrive()


def finishes_a_first_deployment(world: World, point: Point) -> None:
    kill_at(world, point, *PROMOTE)
    world.release(*PROMOTE)
    assert_released(world, "v1.0.0", "1")


def finishes_an_update(train: Train, point: Point) -> None:
    kill_at(train.world, point, *PROMOTE)
    train.world.release(*PROMOTE)
    train.arrive()


class Parts(NamedTuple):
    """The points that the plain tests try, and those left to the proof."""

    sample: list[Point]
    others: list[Point]


def split(counts: Mapping[str, int], sample: Callable[[Point], bool]) -> Parts:
    every = points(counts)
    return Parts([point for point in every if sample(point)], [point for point in every if not sample(point)])


FIRST = split(FIRST_DEPLOY, lambda point: str(point) == f"after {PUSH} 1")
UPDATES = split(UPDATE, lambda point: str(point) == "after UpdateAlias 3")


@pytest.mark.parametrize("point", FIRST.sample, ids=str)
def test_a_killed_first_deployment_is_finished_by_the_same_command(proven_in_qa: World, point: Point) -> None:
    finishes_a_first_deployment(proven_in_qa, point)


@pytest.mark.parametrize("point", UPDATES.sample, ids=str)
def test_a_killed_update_is_finished_by_the_same_command(train: Train, point: Point) -> None:
    finishes_an_update(train, point)


@pytest.mark.prove
@pytest.mark.parametrize("point", FIRST.others, ids=str)
def test_every_other_killed_first_deployment_is_finished(proven_in_qa: World, point: Point) -> None:
    finishes_a_first_deployment(proven_in_qa, point)


@pytest.mark.prove
@pytest.mark.parametrize("point", UPDATES.others, ids=str)
def test_every_other_killed_update_is_finished(train: Train, point: Point) -> None:
    finishes_an_update(train, point)
