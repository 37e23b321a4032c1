"""One sandbox for all tests in this folder; each test has an account of its own in it."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from release.sandbox.session import Sandbox

Client = Callable[..., Any]
_accounts = itertools.count(100000000001)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=0.02) as started:
        yield started


@pytest.fixture(scope="session")
def session() -> boto3.session.Session:
    """Parses the descriptions of the services once for all tests."""
    return boto3.session.Session()


@pytest.fixture
def account() -> str:
    return str(next(_accounts))


@pytest.fixture
def no_faults_left(sandbox: Sandbox) -> Iterator[None]:
    """For tests that set faults: others use the same sandbox."""
    yield
    sandbox.faults([])


@pytest.fixture
def client(sandbox: Sandbox, account: str, session: boto3.session.Session) -> Client:
    """Makes clients of the test's account: client("lambda"), client("s3", "us-west-2", account="...")."""

    def make(service: str, region: str = "us-east-1", **credentials: str) -> Any:
        return session.client(
            service,
            region,
            endpoint_url=sandbox.endpoint,
            aws_access_key_id=credentials.get("account", account),
            aws_secret_access_key=credentials.get("secret", "sandbox"),
            aws_session_token=credentials.get("token"),
            config=Config(retries={"total_max_attempts": 1}),
        )

    return make
