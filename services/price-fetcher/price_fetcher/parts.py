"""Joins the layers to real clients, once for each execution environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from common.core import Core
from common.database import create_database, is_in_memory, probe_database
from common.dynamodb import dynamodb_client, probe_table
from common.errors import ConfigurationError
from common.logger import create_logger
from common.settings import read_settings, required
from price_fetcher import audit, repository
from price_fetcher.service import PriceService


@dataclass(frozen=True, slots=True)
class Parts:
    core: Core
    service: PriceService


@cache
def lambda_parts() -> Parts:
    """The parts for the environment that this function runs in."""
    return build_parts(os.environ)


def build_parts(environment: Mapping[str, str]) -> Parts:
    """Join everything for these variables. Raises ConfigurationError.

    TABLE_AUDIT; AUDIT_RETENTION_DAYS (default 7); DATABASE_URL (default: in memory, with the sample prices).
    """
    settings = read_settings(environment, {repository.DEPENDENCY, audit.DEPENDENCY})
    table = required(environment, "TABLE_AUDIT")
    retention = _retention(environment.get("AUDIT_RETENTION_DAYS", "7"))
    url = environment.get("DATABASE_URL") or "sqlite://"
    logger = create_logger(settings)
    engine = create_database(url)
    if is_in_memory(url):
        prices = repository.sample_prices()
        repository.seed(engine, prices)
        logger.info("sample prices in memory", count=len(prices))
    client = dynamodb_client()
    probes = {
        repository.DEPENDENCY: lambda: probe_database(engine, repository.DEPENDENCY),
        audit.DEPENDENCY: lambda: probe_table(client, table, audit.DEPENDENCY),
    }
    trail = audit.DynamoAuditTrail(client, table, retention)
    service = PriceService(repository.SqlPriceBook(engine), trail, lambda: datetime.now(UTC))
    return Parts(Core(settings, logger, probes), service)


def _retention(days: str) -> timedelta:
    if not (days.isascii() and days.isdigit() and 0 < int(days) < 36_500):
        raise ConfigurationError("AUDIT_RETENTION_DAYS must be a whole number of days")
    return timedelta(days=int(days))
