"""Statistics of GetMetricData that ministack does not know, and a refusal of those that nobody here knows.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html: "TC(0.005:0.030)
returns the number of data points with values between 0.005 (exclusive) and 0.030 (inclusive)". ministack
answers any statistic that it does not know with the average.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from release.sandbox import emulator
from release.sandbox.compatibility import replace

_PLAIN = frozenset({"SampleCount", "Sum", "Average", "Minimum", "Maximum"})
_PERCENTILE = re.compile(r"p(\d{1,2}(\.\d{1,10})?|100)")
_TRIMMED_COUNT = re.compile(r"TC\((?P<above>\d+(\.\d+)?):(?P<up_to>\d+(\.\d+)?)\)")


def install() -> None:
    service = emulator.cloudwatch
    original = replace(
        service, "_stat_value", ("stats", "stat_name", "points"), lambda *given: _value(original, *given)
    )


def is_known(statistic: str) -> bool:
    """Whether the sandbox calculates a statistic as CloudWatch does."""
    patterns = (_PERCENTILE, _TRIMMED_COUNT)
    return statistic in _PLAIN or any(pattern.fullmatch(statistic) for pattern in patterns)


def trimmed_count(statistic: str, values: Sequence[tuple[float, float]]) -> float:
    """How many of the values, each with how often it was seen, lie in the range of `TC(above:up to)`."""
    bounds = _TRIMMED_COUNT.fullmatch(statistic)
    if bounds is None:
        raise ValueError(f"{statistic} is not a trimmed count between two numbers")
    above, up_to = float(bounds["above"]), float(bounds["up_to"])
    return sum(often for value, often in values if above < value <= up_to)


def _value(
    original: Any,
    stats: Mapping[str, float],
    stat_name: str,
    points: Sequence[Mapping[str, Any]] | None = None,
) -> float | None:
    if _TRIMMED_COUNT.fullmatch(stat_name):
        return trimmed_count(stat_name, emulator.cloudwatch._percentile_samples(points or []) or [])
    value: float | None = original(stats, stat_name, points)
    return value
