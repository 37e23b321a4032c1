"""Joins the layers to real clients, once for each execution environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from common.core import Core
from common.dynamodb import dynamodb_client, probe_table
from common.logger import create_logger
from common.settings import read_settings, required
from config_service.repository import DEPENDENCY, DynamoConfigStore
from config_service.service import ConfigService


@dataclass(frozen=True, slots=True)
class Parts:
    core: Core
    service: ConfigService


@cache
def lambda_parts() -> Parts:
    """The parts for the environment that this function runs in."""
    return build_parts(os.environ)


def build_parts(environment: Mapping[str, str]) -> Parts:
    """Read TABLE_CONFIG. Raises ConfigurationError."""
    settings = read_settings(environment, {DEPENDENCY})
    table = required(environment, "TABLE_CONFIG")
    client = dynamodb_client()
    probes = {DEPENDENCY: lambda: probe_table(client, table, DEPENDENCY)}
    service = ConfigService(DynamoConfigStore(client, table), lambda: datetime.now(UTC))
    return Parts(Core(settings, create_logger(settings), probes), service)
