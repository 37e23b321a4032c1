"""One sandbox for all tests of AWS adapters; each test gets an account of its own in it."""

import itertools
from collections.abc import Iterator

import pytest

from release.sandbox.session import Sandbox

_accounts = itertools.count(200000000001)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=0.1) as started:
        yield started


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An account nobody else uses; the environment has its credentials and the sandbox's endpoint."""
    number = str(next(_accounts))
    for name, value in sandbox.environment(account=number, base={}).items():
        monkeypatch.setenv(name, value)
    yield number
    sandbox.faults([])
