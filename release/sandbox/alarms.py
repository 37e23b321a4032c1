"""Metric alarms by CloudWatch's own rules: dimensions, periods, missing data, DatapointsToAlarm, metric math.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html. ministack adds up all
dimensions of a metric and looks only when somebody asks. An alarm is looked at every second here, since
periods in tests are short.
"""

import operator
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from release.sandbox import emulator, metric_math
from release.sandbox.compatibility import replace
from release.sandbox.metrics import Metrics, resolve_expression

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
# CloudWatch looks further back than EvaluationPeriods, for late data: 5 periods for 3 in its example.
_MORE_PERIODS = 2
_MOST_NAMES = 100  # of DescribeAlarms


def _never(value: float, threshold: float) -> bool:
    """Comparisons with an anomaly band: the sandbox has no band."""
    return False


class Alarms:
    """Replaces how alarms are evaluated, and evaluates all of them every second."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def install(self) -> None:
        parameters = ("params", "cbor_data", "is_cbor", "is_json")
        self._put = replace(emulator.cloudwatch, "_put_metric_alarm", parameters, self.put)
        self._describe = replace(emulator.cloudwatch, "_describe_alarms", parameters, self.describe)
        replace(emulator.cloudwatch, "_evaluate_alarm", ("alarm",), evaluate)
        threading.Thread(target=self._evaluate_every_second, daemon=True, name="alarms").start()

    def put(self, params: Any, cbor_data: Any, is_cbor: bool, is_json: bool = False) -> Any:
        queries = (cbor_data.get("Metrics") or []) if isinstance(cbor_data, dict) else []
        try:
            _check(queries)
        except metric_math.UnknownMath as error:
            return emulator.cloudwatch._error("ValidationError", str(error), 400, is_json, is_cbor)
        answer = self._put(params, cbor_data, is_cbor, is_json)
        if queries and cbor_data["AlarmName"] in emulator.cloudwatch._alarms:
            # ministack drops metric math.
            emulator.cloudwatch._alarms[cbor_data["AlarmName"]]["Metrics"] = queries
            emulator.cloudwatch._evaluate_all_alarms()
        return answer

    def describe(self, params: Any, cbor_data: Any, is_cbor: bool, is_json: bool = False) -> Any:
        names = (cbor_data.get("AlarmNames") or []) if isinstance(cbor_data, dict) else []
        if len(names) > _MOST_NAMES:
            message = f"The collection AlarmNames must not have a size greater than {_MOST_NAMES}."
            return emulator.cloudwatch._error("ValidationError", message, 400, is_json, is_cbor)
        return self._describe(params, cbor_data, is_cbor, is_json)

    def _evaluate_every_second(self) -> None:
        while True:
            time.sleep(1)
            self._metrics.publish_due()
            for account, region in {key[:2] for key in list(emulator.cloudwatch._alarms._data)}:
                with emulator.responses.request_scope(account, region):
                    emulator.cloudwatch._evaluate_all_alarms()


def evaluate(alarm: dict[str, Any]) -> None:
    """Moves the alarm to the state that its last periods ask for, with history and actions."""
    if not alarm.get("Metrics") and not alarm.get("MetricName"):
        return
    periods = int(alarm.get("EvaluationPeriods") or 1)
    values = [_value(alarm, index) for index in range(periods + _MORE_PERIODS)]
    breaches = _COMPARISONS.get(alarm["ComparisonOperator"], _never)
    threshold = float(alarm.get("Threshold") or 0)
    old = alarm["StateValue"]
    new = state_of(
        [None if value is None else breaches(value, threshold) for value in values],
        periods=periods,
        to_alarm=int(alarm.get("DatapointsToAlarm") or periods),
        # "Alarms that evaluate metrics in the AWS/DynamoDB namespace always ignore missing data"
        treatment="ignore"
        if alarm.get("Namespace") == "AWS/DynamoDB"
        else alarm.get("TreatMissingData") or "missing",
        old=old,
    )
    if new == old:
        return
    reason = f"Threshold Crossed: {values[:periods]} {alarm['ComparisonOperator']} {threshold}"
    alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    emulator.cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    emulator.cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    emulator.cloudwatch._evaluate_parent_alarms(alarm)


def state_of(
    breaching: Sequence[bool | None], *, periods: int, to_alarm: int, treatment: str, old: str
) -> str:
    """The state for these periods, newest first; None is a period without data.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: real data is
    taken first, from further back where the newest is missing; only what then lacks to `periods` is treated.
    """
    real = [value for value in breaching if value is not None][:periods]
    missing, bad = periods - len(real), sum(real)
    if treatment == "breaching":
        return "ALARM" if bad + missing >= to_alarm else "OK"
    if bad >= to_alarm:
        return "ALARM"
    if not missing or treatment == "notBreaching":
        return "OK"
    if treatment == "ignore":
        return old if bad == len(real) else "OK"
    if not real:
        return "INSUFFICIENT_DATA"
    return "ALARM" if bad >= min(to_alarm, len(real)) else "OK"


def _value(alarm: dict[str, Any], index: int) -> float | None:
    """The alarm's metric in the period that ended `index` periods ago; None without data."""
    queries = alarm.get("Metrics") or []
    if not queries:
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        return _statistic(alarm, int(alarm.get("Period") or 60), index, statistic)
    measured: dict[str, metric_math.Series] = {}
    for query in queries:
        if "MetricStat" in query:
            asked = query["MetricStat"]
            value = _statistic(asked["Metric"], int(asked["Period"]), index, asked["Stat"])
            measured[query["Id"]] = {} if value is None else {0: value}
    return resolve_expression(_returned(queries), queries, measured, (0,)).get(0)


def _check(queries: Sequence[dict[str, Any]]) -> None:
    """Raises UnknownMath for an alarm that could not be calculated."""
    if not queries:
        return
    measured: dict[str, metric_math.Series] = {query["Id"]: {} for query in queries if "MetricStat" in query}
    resolve_expression(_returned(queries), queries, measured, ())


def _returned(queries: Sequence[dict[str, Any]]) -> str:
    for query in queries:
        if query.get("ReturnData", True):
            return str(query["Id"])
    raise metric_math.UnknownMath("one of the Metrics must have ReturnData true")


def _statistic(metric: dict[str, Any], period_seconds: int, index: int, statistic: str) -> float | None:
    end = time.time() - index * period_seconds
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions") or []}
    key = (metric["Namespace"], metric["MetricName"], emulator.cloudwatch._dims_key(dimensions))
    points = [
        point
        for point in list(emulator.cloudwatch._metrics.get(key, []))
        if end - period_seconds <= point["Timestamp"] < end
    ]
    if not points:
        return None
    value: float | None = emulator.cloudwatch._stat_value(
        emulator.cloudwatch._calc_stats(points), statistic, points
    )
    return value
