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

from common.core import Core, LambdaHandler
from common.database import create_database, probe_database
from common.errors import DependencyUnavailable
from common.logger import create_logger
from common.settings import Settings
from price_fetcher import audit, repository
from price_fetcher.audit import Access
from price_fetcher.handler import create_handler
from price_fetcher.parts import Parts
from price_fetcher.service import PriceService

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
    audit: KeptAudit
    engine: Engine
    log: io.StringIO
    context: LambdaContext

    def call(self, event: object) -> dict[str, Any]:
        return self.handler(event, self.context)

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
    def make(critical: frozenset[str] = frozenset()) -> Bench:
        # Loggers are known by name for the whole process: a new name has a new stream.
        settings = Settings(f"price-fetcher-{next(_names)}", "qa", "DEBUG", critical)
        trail, log = KeptAudit(), io.StringIO()
        probes = {"audit_table": trail.probe, "database": lambda: probe_database(engine, "database")}
        core = Core(settings, create_logger(settings, log), probes)
        parts = Parts(core, PriceService(repository.SqlPriceBook(engine), trail, lambda: NOON))
        return Bench(create_handler(lambda: parts), trail, engine, log, lambda_context())

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
