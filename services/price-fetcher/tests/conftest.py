"""A price-fetcher with a real database in memory, an audit trail that keeps all, and a clock that stands."""

import io
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from sqlalchemy import Engine

from common import audit
from common.audit import Access
from common.core import Core, LambdaHandler
from common.database import create_database, probe_database
from common.errors import DependencyUnavailable
from common.logger import create_logger
from common.metrics import Metrics
from common.settings import Settings
from price_fetcher import migrate, repository
from price_fetcher.handler import create_handler
from price_fetcher.parts import Parts

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
_names = itertools.count()


@dataclass
class KeptAudit:
    """AuditTrail for tests: strict about what it is told, and away when `away` is set."""

    accesses: list[Access] = field(default_factory=list)
    away: bool = False

    def record(self, access: Access) -> None:
        if not (access.who and access.what and access.request_id) or access.when.tzinfo is None:
            raise AssertionError(f"incomplete audit item: {access}")
        if self.away:
            raise DependencyUnavailable(audit.DEPENDENCY, "ProvisionedThroughputExceededException")
        self.accesses.append(access)

    def probe(self) -> None:
        if self.away:
            raise DependencyUnavailable(audit.DEPENDENCY, "ResourceNotFoundException")


@dataclass
class Bench:
    """The service under test, what it talks to and what it logged."""

    handler: LambdaHandler
    migrate: LambdaHandler
    audit: KeptAudit
    engine: Engine
    log: io.StringIO
    context: LambdaContext

    def call(self, event: object) -> dict[str, Any]:
        return self.handler(event, self.context)

    def counted(self) -> list[tuple[str, str]]:
        """(metric, dependency or "") of every count in the log, in order."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [
            (metric["Name"], line.get("dependency", ""))
            for line in lines
            if "_aws" in line
            for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        ]

    def lines(self) -> list[dict[str, Any]]:
        """What the logger has written, without counts."""
        return [line for line in map(json.loads, self.log.getvalue().splitlines()) if "_aws" not in line]

    def get(self, **query: str) -> tuple[int, dict[str, Any]]:
        event = {"httpMethod": "GET", "queryStringParameters": query, "requestContext": {"requestId": "r-1"}}
        answer = self.call(event)
        return answer["statusCode"], json.loads(answer["body"])


def lambda_context() -> LambdaContext:
    context = LambdaContext()
    context._aws_request_id = "8b1c7a52-0000-4000-8000-000000000001"
    context._function_version = "7"
    return context


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_database("sqlite://")
    repository.seed(engine, repository.sample_prices())
    yield engine
    engine.dispose()


@pytest.fixture
def make_bench(engine: Engine) -> Callable[..., Bench]:
    def make(critical: frozenset[str] = frozenset(), engine: Engine = engine) -> Bench:
        # Loggers are known by name for the whole process: a new name has a new stream.
        settings = Settings(f"price-fetcher-{next(_names)}", "qa", "DEBUG", critical)
        trail, log = KeptAudit(), io.StringIO()
        probes = {"audit_table": trail.probe, "database": lambda: probe_database(engine, "database")}
        core = Core(settings, create_logger(settings, log), Metrics(settings, log), probes)
        parts = Parts(core, engine, trail, lambda: NOON)
        handlers = create_handler(lambda: parts), migrate.create_handler(lambda: parts)
        return Bench(*handlers, trail, engine, log, lambda_context())

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
