"""Counts in CloudWatch's embedded metric format: a line of the log, and no call that costs money.

Every count is a line of its own, written at once: what a call has counted is not lost when the call dies.
Dimensions are service and stage, and the dependency where one failed; never anything of a request.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import sys
from typing import IO

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from common.constants import METRIC_NAMESPACE, MetricName
from common.settings import Settings


class Metrics:
    """What one service counts."""

    def __init__(self, settings: Settings, stream: IO[str] | None = None) -> None:
        self._settings = settings
        self._stream = stream

    def count(self, name: MetricName, *, dependency: str = "") -> None:
        """One more of `name`; `dependency` is the name of a part of the system, out of a fixed set."""
        line = EphemeralMetrics(namespace=METRIC_NAMESPACE, service=self._settings.service)
        line.add_dimension("stage", self._settings.stage)
        if dependency:
            line.add_dimension("dependency", dependency)
        line.add_metric(name, MetricUnit.Count, 1)
        text = json.dumps(line.serialize_metric_set(), separators=(",", ":"))
        print(text, file=self._stream or sys.stdout, flush=True)
