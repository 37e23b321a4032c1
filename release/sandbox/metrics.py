"""Lambda's metrics as CloudWatch gets them: late, with the time of the invocation's start; and GetMetricData.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html: "The timestamp on a metric reflects when
the function was invoked. Depending on the duration of the execution, this can be several minutes before the
metric is emitted."
"""

import heapq
import itertools
import json
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from release.sandbox import emulator, metric_math, metric_statistics
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer

_BY_START = "TimestampAscending"  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_MOST_POINTS = 100_800
_MOST_QUERIES = 500
_MINUTE = 60  # Lambda's metrics are kept by the minute


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric of AWS/Lambda, in one set of dimensions."""

    metric: str
    value: float
    unit: str
    dimensions: Mapping[str, str]


class Metrics:
    """Keeps points back for `lag_seconds`, and answers GetMetricData with metric math."""

    def __init__(self, lag_seconds: float) -> None:
        self._lag_seconds = lag_seconds
        self._lock = threading.Lock()
        self._order = itertools.count()  # equal times leave in the order in which they came
        self._pending: list[tuple[float, int, str, str, float, Sequence[Point]]] = []

    def install(self) -> None:
        service = emulator.cloudwatch
        self._handle = replace(
            service, "handle_request", ("method", "path", "headers", "body", "query_params"), self.handle
        )
        metric_statistics.install()
        self._get_data = replace(
            service, "_get_metric_data", ("params", "cbor_data", "is_cbor", "is_json"), self.get_metric_data
        )

    def record(self, points: Sequence[Point], *, started: float) -> None:
        """Takes the points of an invocation in this account and region; `started` is seconds since 1970."""
        account, region = emulator.responses.get_account_id(), emulator.responses.get_region()
        with self._lock:
            due = time.monotonic() + self._lag_seconds
            entry = (due, next(self._order), account, region, started, points)
            heapq.heappush(self._pending, entry)
        if self._lag_seconds <= 0:
            self.publish_due()

    def publish_due(self) -> None:
        """Makes visible what has waited long enough. Whoever reads metrics calls it first."""
        with self._lock:
            while self._pending and self._pending[0][0] <= time.monotonic():
                _, _, account, region, started, points = heapq.heappop(self._pending)
                with emulator.responses.request_scope(account, region):
                    for point in points:
                        _store(point, started)

    async def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Answer:
        self.publish_due()
        answer: Answer = await self._handle(method, path, headers, body, query_params)
        return answer

    def get_metric_data(
        self, params: Any, cbor_data: dict[str, Any], is_cbor: bool, is_json: bool = False
    ) -> Answer:
        """Newest value first, unless ScanBy says otherwise, and expressions calculated from other queries."""
        if not (is_cbor or is_json):
            if any(".Expression" in key for key in params):
                return _refused("metric math is answered over JSON and CBOR only", is_cbor, is_json)
            old_protocol: Answer = self._get_data(params, cbor_data, is_cbor, is_json)
            return old_protocol
        queries = cbor_data.get("MetricDataQueries") or []
        if problem := _problem(queries):
            return _refused(problem, is_cbor, is_json)
        cbor_data = _by_the_minute(cbor_data)
        measured = [{**query, "ReturnData": True} for query in queries if not query.get("Expression")]
        status, headers, body = self._get_data(
            params, {**cbor_data, "MetricDataQueries": measured}, False, True
        )
        if status != 200:
            return status, headers, body
        found = {result["Id"]: result for result in json.loads(body)["MetricDataResults"]}
        series = {
            name: dict(zip(map(int, result["Timestamps"]), result["Values"], strict=True))
            for name, result in found.items()
        }
        try:
            wanted = [
                (query, _resolved(query["Id"], queries, series, _range(cbor_data)))
                for query in queries
                if query.get("ReturnData", True)
            ]
        except metric_math.UnknownMath as error:
            return _refused(str(error), is_cbor, is_json)
        newest_first = cbor_data.get("ScanBy") != _BY_START
        results = [_result(query, values, newest_first) for query, values in wanted]
        cloudwatch = emulator.cloudwatch
        if is_cbor:
            results = [cloudwatch._cbor_metric_data_result(result) for result in results]
        shown: Answer = (cloudwatch._cbor_ok if is_cbor else cloudwatch._json_ok)(
            {"MetricDataResults": results}
        )
        return shown


def resolve_expression(
    query_id: str,
    queries: Sequence[Mapping[str, Any]],
    series: Mapping[str, metric_math.Series],
    periods: Sequence[int],
) -> metric_math.Series:
    """The series of a query, which may be an expression on others that may be expressions themselves.

    Raises UnknownMath, also for a name that no query has and for expressions that need each other.
    """
    return _resolve(query_id, {query["Id"]: query for query in queries}, dict(series), periods, ())


def _resolve(
    query_id: str,
    queries: Mapping[str, Mapping[str, Any]],
    known: dict[str, metric_math.Series],
    periods: Sequence[int],
    within: tuple[str, ...],
) -> metric_math.Series:
    if query_id not in known:
        if query_id in within or query_id not in queries:
            raise metric_math.UnknownMath(f"{query_id} is not the Id of a query, or depends on itself")
        expression = str(queries[query_id]["Expression"])
        for name in sorted(metric_math.names_in(expression)):
            known[name] = _resolve(name, queries, known, periods, (*within, query_id))
        known[query_id] = metric_math.evaluate(expression, known, periods)
    return known[query_id]


def _resolved(
    query_id: str,
    queries: Sequence[Mapping[str, Any]],
    series: Mapping[str, metric_math.Series],
    period_range: tuple[float, float],
) -> metric_math.Series:
    if query_id in series:
        return series[query_id]
    lengths = {int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query}
    if len(lengths) != 1:
        raise metric_math.UnknownMath("the sandbox calculates with metrics of one and the same period")
    (length,) = lengths
    start, end = period_range
    first = int(start // length) * length
    if (end - first) / length > _MOST_POINTS:
        raise metric_math.UnknownMath(f"the time range has more than {_MOST_POINTS} periods")
    periods = range(first, math.ceil(end), length)
    return resolve_expression(query_id, queries, series, periods)


def _problem(queries: Sequence[Mapping[str, Any]]) -> str | None:
    """What AWS refuses, and what the sandbox would answer with something else."""
    if len(queries) > _MOST_QUERIES:
        return f"The collection MetricDataQueries must not have a size greater than {_MOST_QUERIES}."
    identities = [query["Id"] for query in queries]
    if len(set(identities)) < len(identities):
        return "The values for parameter id in MetricDataQueries are not unique."
    for stat in (query["MetricStat"] for query in queries if "MetricStat" in query):
        if not metric_statistics.is_known(str(stat["Stat"])):
            return f"the sandbox does not calculate the statistic {stat['Stat']}"
    return None


def _by_the_minute(data: Mapping[str, Any]) -> dict[str, Any]:
    """The request with a range of whole minutes.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html: the start is
    rounded down to the minute; the end is compared with the time of the point, where its minute begins.
    """
    start, end = _range(data)
    rounded = {"StartTime": start // _MINUTE * _MINUTE, "EndTime": math.ceil(end / _MINUTE) * _MINUTE}
    return {**data, **rounded}


def _range(data: Mapping[str, Any]) -> tuple[float, float]:
    parse = emulator.cloudwatch._parse_ts
    end = parse(data.get("EndTime")) or time.time()
    return parse(data.get("StartTime")) or end, end


def _result(query: Mapping[str, Any], values: metric_math.Series, newest_first: bool) -> dict[str, Any]:
    periods = sorted(values, reverse=newest_first)
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or query["Id"],
        "Timestamps": [emulator.cloudwatch._ts_iso(period) for period in periods],
        "Values": [values[period] for period in periods],
        "StatusCode": "Complete",
    }


def _refused(message: str, is_cbor: bool, is_json: bool) -> Answer:
    answer: Answer = emulator.cloudwatch._error("ValidationError", message, 400, is_json, is_cbor)
    return answer


def _store(point: Point, timestamp: float) -> None:
    dimensions = dict(point.dimensions)
    key = ("AWS/Lambda", point.metric, emulator.cloudwatch._dims_key(dimensions))
    emulator.cloudwatch._metric_bucket(key).append(
        {"Timestamp": timestamp, "Value": point.value, "Unit": point.unit, "Dimensions": dimensions}
    )
