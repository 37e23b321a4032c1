"""Metric alarms by CloudWatch's own rules: dimensions, periods, missing data, DatapointsToAlarm, metric math.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html. ministack adds up all
dimensions of a metric and looks only when somebody asks. An alarm is looked at every second here, since
periods in tests are short.
"""

import ast
import operator
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from release.sandbox import emulator
from release.sandbox.compatibility import replace

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _never(value: float, threshold: float) -> bool:
    """Comparisons with an anomaly band: the sandbox has no band."""
    return False


class Alarms:
    """Replaces how alarms are evaluated, and evaluates all of them every second."""

    def install(self) -> None:
        parameters = ("params", "cbor_data", "is_cbor", "is_json")
        self._put = replace(emulator.cloudwatch, "_put_metric_alarm", parameters, self.put)
        replace(emulator.cloudwatch, "_evaluate_alarm", ("alarm",), evaluate)
        threading.Thread(target=_evaluate_every_second, daemon=True, name="alarms").start()

    def put(self, params: Any, cbor_data: Any, is_cbor: bool, is_json: bool = False) -> Any:
        answer = self._put(params, cbor_data, is_cbor, is_json)
        if isinstance(cbor_data, dict) and cbor_data.get("Metrics"):
            # ministack drops metric math.
            emulator.cloudwatch._alarms[cbor_data["AlarmName"]]["Metrics"] = cbor_data["Metrics"]
            emulator.cloudwatch._evaluate_all_alarms()
        return answer


def evaluate(alarm: dict[str, Any]) -> None:
    """Moves the alarm to the state that its last periods ask for, with history and actions."""
    if not alarm.get("Metrics") and not alarm.get("MetricName"):
        return
    periods = int(alarm.get("EvaluationPeriods") or 1)
    values = [_value(alarm, index) for index in range(periods)]
    treatment = alarm.get("TreatMissingData") or "missing"
    breaches = _COMPARISONS.get(alarm["ComparisonOperator"], _never)
    threshold = float(alarm.get("Threshold") or 0)
    breaching = sum(
        treatment == "breaching" if value is None else breaches(value, threshold) for value in values
    )
    old = alarm["StateValue"]
    if breaching >= int(alarm.get("DatapointsToAlarm") or periods):
        new = "ALARM"
    elif treatment == "ignore" and None in values:
        new = old
    elif treatment == "missing" and all(value is None for value in values):
        new = "INSUFFICIENT_DATA"
    else:
        new = "OK"
    if new == old:
        return
    reason = f"Threshold Crossed: {values} {alarm['ComparisonOperator']} {threshold}"
    alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    emulator.cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    emulator.cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    emulator.cloudwatch._evaluate_parent_alarms(alarm)


def _value(alarm: dict[str, Any], index: int) -> float | None:
    """The alarm's metric in the period that ended `index` periods ago; None without data."""
    queries = alarm.get("Metrics") or []
    if not queries:
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        return _statistic(alarm, int(alarm.get("Period") or 60), index, statistic)
    measured = {
        query["Id"]: _statistic(
            query["MetricStat"]["Metric"],
            int(query["MetricStat"]["Period"]),
            index,
            query["MetricStat"]["Stat"],
        )
        for query in queries
        if "MetricStat" in query
    }
    for query in queries:
        if query.get("ReturnData", True):
            return (
                calculate(query["Expression"], measured) if "Expression" in query else measured[query["Id"]]
            )
    return None


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


def calculate(expression: str, measured: Mapping[str, float | None]) -> float | None:
    """Metric math with names, numbers, + - * / and parentheses; None without data or divided by zero.

    Raises ValueError for anything else, so that an alarm on a function we do not know never looks healthy.
    """

    def value_of(node: ast.expr) -> float | None:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name) if name in measured:
                return measured[name]
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _ARITHMETIC:
                first, second = value_of(left), value_of(right)
                if first is None or second is None or (isinstance(operation, ast.Div) and second == 0):
                    return None
                return _ARITHMETIC[type(operation)](first, second)
        raise ValueError(f"metric math that the sandbox does not know: {expression}")

    return value_of(ast.parse(expression.strip(), mode="eval").body)


def _evaluate_every_second() -> None:
    while True:
        time.sleep(1)
        for account, region in {key[:2] for key in list(emulator.cloudwatch._alarms._data)}:
            with emulator.responses.request_scope(account, region):
                emulator.cloudwatch._evaluate_all_alarms()
