"""Joins the layers to real clients, once for each execution environment."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from sqlalchemy import Engine

from common import audit
from common.audit import AuditTrail, DynamoAuditTrail
from common.core import Core
from common.database import create_database, is_in_memory, probe_database
from common.dynamodb import dynamodb_client, probe_table
from common.logger import create_logger
from common.metrics import Metrics
from common.secrets_manager import SecretLogin, secrets_client
from common.settings import read_settings, required
from price_fetcher import repository


@dataclass(frozen=True, slots=True)
class Parts:
    core: Core
    engine: Engine
    trail: AuditTrail
    now: Callable[[], datetime]


@cache
def lambda_parts() -> Parts:
    """The parts for the environment that this function runs in."""
    return build_parts(os.environ)


def build_parts(environment: Mapping[str, str]) -> Parts:
    """Join everything for these variables (README.md). Raises ConfigurationError."""
    settings = read_settings(environment, {repository.DEPENDENCY, audit.DEPENDENCY})
    table = required(environment, "TABLE_AUDIT")
    kept = audit.retention(environment.get("AUDIT_RETENTION_DAYS", "7"), settings.stage)
    url = environment.get("DATABASE_URL") or "sqlite://"
    arn = environment.get("DATABASE_SECRET")
    logger = create_logger(settings)
    engine = create_database(url, SecretLogin(secrets_client, arn) if arn else None)
    if is_in_memory(url):
        prices = repository.sample_prices()
        repository.seed(engine, prices)
        logger.info("sample prices in memory", count=len(prices))
    client = dynamodb_client()
    probes = {
        repository.DEPENDENCY: lambda: probe_database(engine, repository.DEPENDENCY),
        audit.DEPENDENCY: lambda: probe_table(client, table, audit.DEPENDENCY),
    }
    core = Core(settings, logger, Metrics(settings), probes)
    return Parts(core, engine, DynamoAuditTrail(client, table, kept), lambda: datetime.now(UTC))
