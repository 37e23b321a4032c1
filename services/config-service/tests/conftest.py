"""A config-service with a store in memory, and a DynamoDB (moto) for the store that the function has."""

import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from moto import mock_aws

from common.core import Core, LambdaHandler
from common.errors import DependencyUnavailable
from common.logger import create_logger
from common.settings import Settings
from config_service.handler import create_handler
from config_service.parts import Parts
from config_service.repository import DEPENDENCY, ConfigStore, DynamoConfigStore, StaleVersion, StoredConfig
from config_service.service import ConfigService

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_names = itertools.count()


@dataclass
class MemoryConfigStore:
    """ConfigStore for tests. Held to the same tests as the real one (test_repository.py)."""

    versions: dict[str, int] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    away: bool = False

    def get(self, user_id: str) -> StoredConfig | None:
        self._reach()
        if user_id not in self.settings:
            return None
        return StoredConfig(user_id, self.versions[user_id], self.settings[user_id])

    def put(self, user_id: str, settings: str, read_version: int, now: datetime) -> StoredConfig:
        self._guard(user_id, read_version, now)
        self.settings[user_id] = settings
        return StoredConfig(user_id, self.versions[user_id], settings)

    def delete(self, user_id: str, read_version: int, now: datetime) -> None:
        if read_version < 1:
            raise AssertionError("only what was read can be deleted")
        self._guard(user_id, read_version, now)
        del self.settings[user_id]

    def probe(self) -> None:
        self._reach()

    def _guard(self, user_id: str, read_version: int, now: datetime) -> None:
        self._reach()
        if now.tzinfo is None:
            raise AssertionError("a moment without time zone")
        current = self.versions.get(user_id, 0)
        if read_version != (current if user_id in self.settings else 0):
            raise StaleVersion
        self.versions[user_id] = current + 1

    def _reach(self) -> None:
        if self.away:
            raise DependencyUnavailable(DEPENDENCY, "ResourceNotFoundException")


@dataclass
class Bench:
    """The service under test, what it talks to and what it logged."""

    handler: LambdaHandler
    store: MemoryConfigStore
    log: io.StringIO
    context: LambdaContext

    def call(self, event: object) -> dict[str, Any]:
        return self.handler(event, self.context)

    def send(self, method: str, user_id: str = "u-1", body: str = "", **query: str) -> tuple[int, Any]:
        event = {
            "version": "2.0",
            "pathParameters": {"userId": user_id},
            "queryStringParameters": query,
            "requestContext": {"requestId": "r-1", "http": {"method": method}},
            "body": body,
        }
        answer = self.call(event)
        return answer["statusCode"], json.loads(answer["body"] or "null")

    def put(self, version: int, user_id: str = "u-1", **settings: object) -> tuple[int, Any]:
        return self.send("PUT", user_id, json.dumps({"version": version, "settings": settings}))


@pytest.fixture
def bench() -> Bench:
    # Loggers are known by name for the whole process: a new name has a new stream.
    settings = Settings(f"config-service-{next(_names)}", "qa", "DEBUG", frozenset({DEPENDENCY}))
    store, log = MemoryConfigStore(), io.StringIO()
    parts = Parts(
        Core(settings, create_logger(settings, log), {DEPENDENCY: store.probe}),
        ConfigService(store, lambda: NOON),
    )
    context = LambdaContext()
    context._aws_request_id = "8b1c7a52-0000-4000-8000-000000000001"
    context._function_version = "7"
    return Bench(create_handler(lambda: parts), store, log, context)


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client: Any = botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="config",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "user_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
        )
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> ConfigStore:
    if request.param == "memory":
        return MemoryConfigStore()
    return DynamoConfigStore(request.getfixturevalue("dynamodb"), "config")
