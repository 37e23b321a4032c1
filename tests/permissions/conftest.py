"""One sandbox that asks the policies of roles, for all tests here."""

from collections.abc import Iterator
from typing import Any

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
def fleet(asking: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet(asking, tmp_path_factory.mktemp("fleet"))
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(scope="session")
def guarded(fleet: Fleet) -> Guarded:
    return Guarded(fleet)


@pytest.fixture(scope="session")
def one_account(asking: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    return Tried(asking, ACCOUNT, tmp_path_factory.mktemp("tries"))


def admin(fleet: Fleet, service: str, account: str, region: str = "us-east-1") -> Any:
    """A client with all rights in the account."""
    return fleet.client(service, account, region)
