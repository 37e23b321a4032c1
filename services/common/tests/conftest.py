"""What the layers need, with a log that can be read."""

import io
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.core import Core
from common.health import Probe
from common.logger import create_logger
from common.metrics import Metrics
from common.settings import Settings

_names = itertools.count()


@dataclass
class Bench:
    """A core, and all that it writes to its log."""

    core: Core
    log: io.StringIO
    context: LambdaContext
    probes: dict[str, Probe] = field(default_factory=dict)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def counted(self) -> list[tuple[str, str]]:
        """(metric, dependency or "") of every count, in order."""
        return [
            (line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], line.get("dependency", ""))
            for line in self.lines()
            if "_aws" in line
        ]


@pytest.fixture
def make_bench() -> Callable[[], Bench]:
    return _made


@pytest.fixture
def bench() -> Bench:
    return _made()


def _made() -> Bench:
    # Loggers are known by name for the whole process: a new name has a new stream.
    settings = Settings(f"common-{next(_names)}", "qa", "DEBUG", frozenset({"database"}))
    log = io.StringIO()
    context = LambdaContext()
    context._aws_request_id = "8b1c7a52-0000-4000-8000-000000000001"
    context._function_version = "7"
    probes: dict[str, Probe] = {}
    core = Core(settings, create_logger(settings, log), Metrics(settings, log), probes)
    return Bench(core, log, context, probes)
