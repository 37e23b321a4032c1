"""A config-service with stores in memory, and a DynamoDB (moto) for the store that the function has."""

import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from moto import mock_aws

from common.core import Core, LambdaHandler
from common.errors import DependencyUnavailable
from common.logger import create_logger
from common.metrics import Metrics
from common.settings import Settings
from config_service.handler import create_handler
from config_service.parts import CONFIG, FLAGS, Parts
from config_service.repository import Document, DocumentStore, DynamoDocuments, PastChange, StaleVersion
from config_service.schema import Change
from config_service.service import ConfigService, FlagService

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TEMPLATES = {"config": "/config/{userId}", "flags": "/flags/{flag}"}
_names = itertools.count()


@dataclass
class MemoryDocuments:
    """DocumentStore for tests. Held to the same tests as the real one (test_repository.py)."""

    dependency: str = CONFIG
    changes: dict[str, list[PastChange]] = field(default_factory=dict)
    away: bool = False

    def get(self, name: str) -> Document | None:
        self.probe()
        past = self.changes.get(name, [])
        if not past or past[-1].text is None:
            return None
        return Document(name, past[-1].version, past[-1].text)

    def put(self, name: str, text: str, read: int, now: datetime, change: Change = "put") -> Document:
        return Document(name, self._note(name, text, read, now, change), text)

    def delete(self, name: str, read: int, now: datetime) -> None:
        if read < 1:
            raise AssertionError("only what was read can be deleted")
        self._note(name, None, read, now, "delete")

    def history(self, name: str, limit: int, before: int | None) -> tuple[PastChange, ...]:
        self.probe()
        older = [past for past in self.changes.get(name, []) if before is None or past.version < before]
        return tuple(older[::-1][:limit])

    def probe(self) -> None:
        if self.away:
            raise DependencyUnavailable(self.dependency, "ResourceNotFoundException")

    def _note(self, name: str, text: str | None, read: int, now: datetime, change: Change) -> int:
        if now.tzinfo is None:
            raise AssertionError("a moment without time zone")
        stored = self.get(name)
        if read != (stored.version if stored else 0):
            raise StaleVersion
        past = self.changes.setdefault(name, [])
        past.append(PastChange(len(past) + 1, change, now, text))
        return len(past)


@dataclass
class Bench:
    """The service under test, what it talks to and what it logged."""

    handler: LambdaHandler
    configs: MemoryDocuments
    flags: MemoryDocuments
    log: io.StringIO
    context: LambdaContext

    def call(self, event: object) -> dict[str, Any]:
        return self.handler(event, self.context)

    def send(self, method: str, path: str, body: object = "", **query: str) -> tuple[int, Any]:
        """A request as an HTTP API hands it on; `body` is text, or what becomes JSON."""
        _, kind, name, *more = path.split("/")
        event = {
            "version": "2.0",
            "routeKey": f"{method} {'/'.join([TEMPLATES[kind], *more])}",
            "rawPath": path,
            "pathParameters": {"userId" if kind == "config" else "flag": name},
            "queryStringParameters": query,
            "requestContext": {"requestId": "r-1", "http": {"method": method}},
            "body": body if isinstance(body, str) else json.dumps(body),
        }
        answer = self.call(event)
        return answer["statusCode"], json.loads(answer["body"] or "null")

    def put(self, version: int, user_id: str = "u-1", **settings: object) -> tuple[int, Any]:
        return self.send("PUT", f"/config/{user_id}", {"version": version, "settings": settings})

    def lines(self) -> list[dict[str, Any]]:
        """What the logger has written, without counts."""
        return [line for line in map(json.loads, self.log.getvalue().splitlines()) if "_aws" not in line]


@pytest.fixture
def bench() -> Bench:
    # Loggers are known by name for the whole process: a new name has a new stream.
    settings = Settings(f"config-service-{next(_names)}", "qa", "DEBUG", frozenset({CONFIG}))
    configs, flags, log = MemoryDocuments(), MemoryDocuments(FLAGS), io.StringIO()
    probes = {CONFIG: configs.probe, FLAGS: flags.probe}
    parts = Parts(
        Core(settings, create_logger(settings, log), Metrics(settings, log), probes),
        ConfigService(configs, lambda: NOON),
        FlagService(flags, lambda: NOON),
    )
    context = LambdaContext()
    context._aws_request_id = "8b1c7a52-0000-4000-8000-000000000001"
    context._function_version = "7"
    return Bench(create_handler(lambda: parts), configs, flags, log, context)


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client: Any = botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")
        for table, key in (("config", {"user_id": "S"}), ("history", {"subject": "S", "version": "N"})):
            kinds = zip(key, ("HASH", "RANGE"), strict=False)
            client.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in key.items()],
                KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in kinds],
            )
        yield client


def dynamo_documents(client: Any, table: str = "config") -> DynamoDocuments:
    return DynamoDocuments(
        client, table=table, key="user_id", dependency=CONFIG, history="history", kept=timedelta(days=30)
    )


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> DocumentStore:
    if request.param == "memory":
        return MemoryDocuments()
    return dynamo_documents(request.getfixturevalue("dynamodb"))


@pytest.fixture
def real_store(dynamodb: Any) -> DynamoDocuments:
    return dynamo_documents(dynamodb)
