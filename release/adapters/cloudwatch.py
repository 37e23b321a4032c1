"""CloudWatch behind the port `Metrics`."""

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from release.adapters.aws import Aws
from release.adapters.aws.errors import translated
from release.core.alarms import AlarmFacts
from release.core.analysis import Counts
from release.core.models import Place
from release.errors import Unavailable
from release.ports import Compared

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

T = TypeVar("T")

# Lambda sends metrics every minute (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html),
# and CloudWatch takes a moment to show them.
DEFAULT_LAG: Final = timedelta(minutes=2)
_QUERIES_A_CALL: Final = 500  # of GetMetricData
_NAMES_A_CALL: Final = 100  # of DescribeAlarms
_MINUTE: Final = 60
# Beyond every duration: a function runs for 15 minutes at most. TC takes ranges of two absolute numbers.
_FOREVER_MS: Final = 10_000_000
# How long CloudWatch keeps points of a period (seconds), from the fine to the coarse.
_KEPT: Final = ((_MINUTE, timedelta(days=15)), (300, timedelta(days=63)))
_COARSEST: Final = 3600
_CONVERSATIONS: Final = 3  # until an answer that says it is incomplete is given up


class CloudWatchMetrics:
    """The port `Metrics` over botocore. Safe to share between threads.

    `lag` is how late CloudWatch is. It can be set for what stands in for CloudWatch.
    """

    def __init__(self, aws: Aws, *, lag: timedelta = DEFAULT_LAG) -> None:
        self._aws = aws
        self._lag = lag

    def lag(self) -> timedelta:
        return self._lag

    def counts(
        self,
        place: Place,
        compared: Sequence[Compared],
        *,
        since: datetime,
        until: datetime,
        slower_than_ms: int | None = None,
    ) -> Mapping[str, tuple[Counts, Counts]]:
        # Times are sent as they are: CloudWatch rounds the start down to a whole minute, and a minute that
        # has begun before the end is counted whole.
        statistics = _statistics(slower_than_ms)
        asked = [
            (one, version, name, statistic)
            for one in compared
            for version in (one.stable, one.canary)
            for name, statistic in statistics
        ]
        period = _period(since, datetime.now(UTC))
        sums: dict[tuple[str, str, str], float] = defaultdict(float)
        with translated(place, "reading metrics of AWS Lambda"):
            for batch in _in_batches(asked, _QUERIES_A_CALL):
                queries = [
                    _query(f"q{number}", one, version, name, statistic, period)
                    for number, (one, version, name, statistic) in enumerate(batch)
                ]
                for number, value in self._summed(place, queries, since, until).items():
                    one, version, name, _ = batch[number]
                    sums[one.function, version, name] += value
        return {
            one.function: (_counts(sums, one.function, one.stable), _counts(sums, one.function, one.canary))
            for one in compared
        }

    def alarms(self, place: Place, names: Collection[str]) -> Mapping[str, AlarmFacts]:
        found: dict[str, AlarmFacts] = {}
        with translated(place, "reading alarms"):
            for batch in _in_batches(sorted(set(names)), _NAMES_A_CALL):
                for alarm in self._described(place, AlarmNames=batch, MaxRecords=_NAMES_A_CALL):
                    found[alarm.name] = alarm
        return found

    def alarms_of(self, place: Place, functions: Collection[str]) -> Sequence[AlarmFacts]:
        wanted = set(functions)
        with translated(place, "reading alarms"):
            described = list(self._described(place, MaxRecords=_NAMES_A_CALL))
        return sorted(
            (alarm for alarm in described if wanted.intersection(alarm.functions)),
            key=lambda alarm: alarm.name,
        )

    def _client(self, place: Place) -> "CloudWatchClient":
        client: CloudWatchClient = self._aws.client(place, "cloudwatch")
        return client

    def _summed(
        self, place: Place, queries: Sequence[Any], since: datetime, until: datetime
    ) -> Mapping[int, float]:
        """The sum of all values of each query, by its number. Raises Unavailable when values are missing."""
        for _ in range(_CONVERSATIONS):
            sums: dict[int, float] = defaultdict(float)
            complete: dict[str, bool] = {}
            pages = self._client(place).get_paginator("get_metric_data")
            for page in pages.paginate(
                MetricDataQueries=queries, StartTime=since, EndTime=until, ScanBy="TimestampAscending"
            ):
                for result in page["MetricDataResults"]:
                    sums[int(result["Id"][1:])] += sum(result["Values"])
                    # PartialData only means that a later page goes on, and the last one says Complete.
                    complete[result["Id"]] = result["StatusCode"] == "Complete"
            if all(complete.get(query["Id"], False) for query in queries):
                return sums
        raise Unavailable(
            f"CloudWatch in {place} does not give all values that it was asked for",
            fix="see the health of CloudWatch in this region, then try again",
        )

    def _described(self, place: Place, **asked: Any) -> Iterator[AlarmFacts]:
        pages = self._client(place).get_paginator("describe_alarms")
        for page in pages.paginate(
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            PaginationConfig={"PageSize": asked.pop("MaxRecords")},
            **asked,
        ):
            for alarm in itertools.chain(page.get("MetricAlarms", []), page.get("CompositeAlarms", [])):
                yield _alarm_facts(alarm)


def _statistics(slower_than_ms: int | None) -> tuple[tuple[str, str], ...]:
    """Metrics of a lambda version, each with the statistic whose sum over periods is a number of calls.

    A trimmed count has an exclusive lower and an inclusive upper bound
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html).
    """
    counted = (("Invocations", "Sum"), ("Errors", "Sum"), ("Throttles", "Sum"))
    if slower_than_ms is None:
        return counted
    return (*counted, ("Duration", f"TC({slower_than_ms}:{_FOREVER_MS})"))


def _query(
    identity: str, compared: Compared, version: str, metric: str, statistic: str, period: int
) -> Mapping[str, Any]:
    dimensions = {
        "FunctionName": compared.function,
        "Resource": f"{compared.function}:{compared.alias}",
        "ExecutedVersion": version,
    }
    return {
        "Id": identity,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": period,
            "Stat": statistic,
        },
    }


def _counts(sums: Mapping[tuple[str, str, str], float], function: str, version: str) -> Counts:
    def count(metric: str) -> int:
        return round(sums.get((function, version, metric), 0.0))

    throttled = count("Throttles")
    bad = count("Errors") + throttled
    # Each metric arrives by itself: for a moment there may be more errors than invocations.
    calls = max(count("Invocations") + throttled, bad, count("Duration"))
    return Counts(calls, bad, count("Duration"))


def _alarm_facts(alarm: Any) -> AlarmFacts:
    measured = [
        alarm,
        *(query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics") or []),
    ]
    dimensions = [one for metric in measured for one in metric.get("Dimensions") or []]
    since = alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp")
    return AlarmFacts(
        name=alarm["AlarmName"],
        state=alarm["StateValue"],
        functions=_values(dimensions, "FunctionName"),
        resources=_values(dimensions, "Resource"),
        since=since.astimezone(UTC) if since else None,
    )


def _values(dimensions: Iterable[Mapping[str, str]], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one["Value"] for one in dimensions if one["Name"] == name))


def _period(since: datetime, now: datetime) -> int:
    """The shortest period, in seconds, of which CloudWatch still has points for this long ago.

    Shorter ones would give nothing (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/
    API_MetricStat.html). A longer one widens the window to its own multiples.
    """
    margin = timedelta(hours=1)  # the points must last until the answer is there, whatever our clock says
    return next((period for period, kept in _KEPT if now - since < kept - margin), _COARSEST)


def _in_batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
