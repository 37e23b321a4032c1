"""Joins the layers to real clients, once for each execution environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from common.core import Core
from common.dynamodb import dynamodb_client, probe_table
from common.errors import ConfigurationError
from common.logger import create_logger
from common.metrics import Metrics
from common.settings import read_settings, required
from config_service.repository import HISTORY, DynamoDocuments
from config_service.service import ConfigService, FlagService

CONFIG: Final = "config_table"
FLAGS: Final = "flags_table"
DEPENDENCIES: Final = {CONFIG: "TABLE_CONFIG", FLAGS: "TABLE_FLAGS", HISTORY: "TABLE_HISTORY"}


@dataclass(frozen=True, slots=True)
class Parts:
    core: Core
    configs: ConfigService
    flags: FlagService


@cache
def lambda_parts() -> Parts:
    """The parts for the environment that this function runs in."""
    return build_parts(os.environ)


def build_parts(environment: Mapping[str, str]) -> Parts:
    """Join everything for these variables (README.md). Raises ConfigurationError."""
    settings = read_settings(environment, DEPENDENCIES)
    tables = {dependency: required(environment, name) for dependency, name in DEPENDENCIES.items()}
    kept = _days(environment.get("HISTORY_RETENTION_DAYS", "30"))
    client = dynamodb_client()

    def documents(dependency: str, key: str) -> DynamoDocuments:
        return DynamoDocuments(
            client,
            table=tables[dependency],
            key=key,
            dependency=dependency,
            history=tables[HISTORY],
            kept=kept,
        )

    probes = {
        dependency: (lambda table=table, name=dependency: probe_table(client, table, name))
        for dependency, table in tables.items()
    }
    return Parts(
        Core(settings, create_logger(settings), Metrics(settings), probes),
        ConfigService(documents(CONFIG, "user_id"), _now),
        FlagService(documents(FLAGS, "flag"), _now),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _days(days: str) -> timedelta:
    if not (days.isascii() and days.isdigit() and 0 < int(days) < 36_500):
        raise ConfigurationError("HISTORY_RETENTION_DAYS must be a whole number of days")
    return timedelta(days=int(days))
