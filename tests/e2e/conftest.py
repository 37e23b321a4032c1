"""One fleet for the session (in proofs, of each worker of xdist); each test starts from a copy of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import fleet as fleets
from tests.e2e.fleet import Fleet, World
from tests.e2e.texts import SHORT

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Outside the proofs one worker has them all, or each would start a fleet and bring worlds to QA."""
    for item in items:
        if item.path.parent == HERE and item.get_closest_marker("prove") is None:
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleets.fleet(tmp_path_factory.mktemp("fleet")) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_left_behind(fleet: Fleet) -> Iterator[None]:
    """Whatever a test does, its processes end with it and its faults are lifted."""
    yield
    fleet.end_all()
    fleet.sandbox.faults([])


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says a line in the summary of the test run."""
    return lambda text: request.node.user_properties.append(("proof", text))


@pytest.fixture(scope="session")
def _proven_in_qa(fleet: Fleet) -> World:
    world = fleet.world(SHORT)
    world.release("deploy", "dev", "--yes")
    world.release("promote", "qa", "--yes")
    return world


@pytest.fixture(scope="session")
def _proven_in_qa_and_newer_in_dev(_proven_in_qa: World) -> World:
    world = _proven_in_qa.copy("dev")
    world.change("2")
    world.release("deploy", "dev", "--yes")
    return world


@pytest.fixture(scope="session")
def _proven_in_dev(fleet: Fleet) -> World:
    world = fleet.world(SHORT)
    world.release("deploy", "dev", "--yes")
    return world


@pytest.fixture
def proven_in_dev(_proven_in_dev: World) -> Callable[[], World]:
    """Makes worlds in which dev runs a commit that QA has never seen."""
    return lambda: _proven_in_dev.copy("qa")


@pytest.fixture
def proven_in_qa(_proven_in_qa: World) -> World:
    """QA runs v1.0.0-qa.1; prod has never run anything."""
    return _proven_in_qa.copy("prod")


@pytest.fixture
def serving(_proven_in_qa: World) -> World:
    """Prod serves v1.0.0 in both regions."""
    world = _proven_in_qa.copy("dev", "qa", "prod")
    world.release("promote", "prod", "--yes")
    return world


@pytest.fixture
def updating(_proven_in_qa_and_newer_in_dev: World) -> World:
    """Prod serves v1.0.0 in both regions, and QA runs v1.1.0-qa.1, which changes both services."""
    world = _proven_in_qa_and_newer_in_dev.copy("dev", "qa", "prod")
    world.release("promote", "prod", "--yes")
    world.release("promote", "qa", "--yes")
    return world
