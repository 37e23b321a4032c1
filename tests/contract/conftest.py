"""Runs every case on the planes that it can reach, and prints what was shown and where they are lenient.

A case cites the page of AWS that it comes from: `@source("lambda/latest/api/API_Invoke.html")`. A case that a
plane is known not to meet says so with `@lenient("model", "what it does instead")`: it must fail there, or
the mark is out of date.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from release.sandbox.session import Sandbox
from tests.contract.planes import ModelPlane, Plane, SandboxPlane

Client = Callable[..., Any]
HERE = Path(__file__).parent
_accounts = itertools.count(300000000001)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=0.02) as started:
        yield started


@pytest.fixture(scope="session")
def session() -> boto3.session.Session:
    """Parses the descriptions of the services once for all cases."""
    return boto3.session.Session()


@pytest.fixture
def account() -> str:
    return str(next(_accounts))


@pytest.fixture
def client(sandbox: Sandbox, account: str, session: boto3.session.Session) -> Client:
    """Makes clients of the case's own account: client("s3"), client("s3", "us-west-2", account="…")."""
    return make_client(session, sandbox.endpoint, account)


def make_client(session: boto3.session.Session, endpoint: str, own: str) -> Client:
    def make(service: str, region: str = "us-east-1", *, account: str = own) -> Any:
        return session.client(
            service,
            region,
            endpoint_url=endpoint,
            aws_access_key_id=account,
            aws_secret_access_key="sandbox",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return make


@pytest.fixture(params=["sandbox", "model"])
def plane(request: pytest.FixtureRequest) -> Plane:
    if request.param == "model":
        return ModelPlane()
    return SandboxPlane(request.getfixturevalue("client"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        if item.path.name == "test_mutations.py":  # about the suite, not part of it
            continue
        if item.get_closest_marker("source") is None:
            raise pytest.UsageError(f"{item.nodeid}: a contract case cites the documentation it comes from")
        runs_on = plane_of(item)
        for mark in item.iter_markers("lenient"):
            if mark.args[0] == runs_on:
                item.add_marker(pytest.mark.xfail(reason=f"{runs_on}: {mark.args[1]}", strict=True))
                item.user_properties.append(("lenient", f"{runs_on}: {mark.args[1]}"))
        item.user_properties.append(("contract", f"{item.nodeid.split('[')[0]} {runs_on}"))


def plane_of(item: pytest.Item) -> str:
    chosen = getattr(item, "callspec", None)
    return str(chosen.params.get("plane", "sandbox")) if chosen else "sandbox"
