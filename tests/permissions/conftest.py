"""One sandbox that asks the policies of roles, for all tests here."""

from collections.abc import Iterator

import pytest

from release.sandbox.session import Sandbox
from tests.e2e.fleet import Fleet
from tests.permissions.roles import Guarded
from tests.permissions.tries import Tried

ACCOUNT = "100000000001"


@pytest.fixture(scope="session")
def asking() -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=0.05, enforce_policies=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def guarded(asking: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    fleet = Fleet(asking, tmp_path_factory.mktemp("fleet"))
    try:
        yield Guarded(fleet)
    finally:
        fleet.end_all()


@pytest.fixture(scope="session")
def one_account(asking: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    return Tried(asking, ACCOUNT, tmp_path_factory.mktemp("tries"))
