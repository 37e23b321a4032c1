"""Metrics come late and with the time of the start, and GetMetricData calculates."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from release.sandbox.session import Sandbox
from tests.sandbox.calls import create_function, refused
from tests.sandbox.conftest import Client

LAG_SECONDS = 1.5
SLOW = "import time\ndef handler(event, context):\n    time.sleep(event or 0)\n    return 1\n"
FAILS = "def handler(event, context):\n    if event: raise RuntimeError('asked to')\n"


@pytest.fixture(scope="module")
def late() -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=0.02, metric_lag_seconds=LAG_SECONDS) as started:
        yield started


def query(name: str, metric: str, **settings: Any) -> dict[str, Any]:
    dimensions = [{"Name": "FunctionName", "Value": "orders"}]
    of = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions}
    return {"Id": name, "MetricStat": {"Metric": of, "Period": 60, "Stat": "Sum"}, **settings}


def metric_data(cloudwatch: Any, *queries: dict[str, Any], **settings: Any) -> dict[str, dict[str, Any]]:
    """Results by query of the last ten minutes."""
    now = datetime.now(UTC)
    answer = cloudwatch.get_metric_data(
        **{
            "MetricDataQueries": list(queries),
            "StartTime": now - timedelta(minutes=10),
            "EndTime": now + timedelta(minutes=1),
            **settings,
        }
    )
    return {result["Id"]: result for result in answer["MetricDataResults"]}


def put_alarm(cloudwatch: Any, **settings: Any) -> None:
    cloudwatch.put_metric_alarm(
        **{
            "AlarmName": "errors",
            "Namespace": "AWS/Lambda",
            "MetricName": "Errors",
            "Dimensions": [{"Name": "FunctionName", "Value": "orders"}],
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            **settings,
        }
    )


def states(cloudwatch: Any) -> dict[str, str]:
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}


def until(cloudwatch: Any, wanted: dict[str, str]) -> dict[str, str]:
    deadline = time.monotonic() + 5
    while (found := states(cloudwatch)) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def invocations(cloudwatch: Any) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": "orders"}],
        StartTime=datetime.now(UTC) - timedelta(minutes=5),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=1,
        Statistics=["Sum"],
    )["Datapoints"]
    return points


class TestLate:
    @pytest.fixture
    def sandbox(self, late: Sandbox) -> Sandbox:
        return late

    def test_an_invocation_is_seen_after_the_lag_at_the_time_of_its_start(
        self, client: Client, account: str
    ) -> None:
        functions, cloudwatch = client("lambda"), client("cloudwatch")
        create_function(functions, account, SLOW)
        started = time.time()
        functions.invoke(FunctionName="orders", Payload="2")
        ended = time.time()

        assert invocations(cloudwatch) == []
        assert metric_data(cloudwatch, query("calls", "Invocations"))["calls"]["Values"] == []
        assert cloudwatch.list_metrics(Namespace="AWS/Lambda")["Metrics"] == []
        time.sleep(max(0.0, ended + LAG_SECONDS + 0.1 - time.time()))
        (point,) = invocations(cloudwatch)
        assert point["Sum"] == 1
        # a period of a second holds the start, and the end came at least two seconds later
        assert int(started) <= point["Timestamp"].timestamp() < ended - 1

    def test_an_alarm_does_not_see_what_is_not_there_yet(self, client: Client, account: str) -> None:
        functions, cloudwatch = client("lambda"), client("cloudwatch")
        create_function(functions, account, FAILS)
        put_alarm(cloudwatch, Period=10)
        functions.invoke(FunctionName="orders", Payload="1")
        until(cloudwatch, {"errors": "OK"})

        assert states(cloudwatch) == {"errors": "OK"}
        assert until(cloudwatch, {"errors": "ALARM"}) == {"errors": "ALARM"}


@pytest.fixture
def cloudwatch(client: Client, account: str) -> Any:
    """Four invocations of `orders`, one of which failed."""
    functions = client("lambda")
    create_function(functions, account, FAILS)
    for payload in ("1", "{}", "{}", "{}"):
        functions.invoke(FunctionName="orders", Payload=payload)
    return client("cloudwatch")


def test_get_metric_data_calculates_a_rate(cloudwatch: Any) -> None:
    results = metric_data(
        cloudwatch,
        query("errors", "Errors", ReturnData=False),
        query("calls", "Invocations", ReturnData=False),
        {"Id": "rate", "Expression": "100 * share", "Label": "error rate"},
        {"Id": "share", "Expression": "errors / calls", "ReturnData": False},
    )

    assert list(results) == ["rate"]
    assert results["rate"]["Label"] == "error rate"
    # the four may fall into two periods
    assert sum(results["rate"]["Values"]) == pytest.approx(25) or len(results["rate"]["Values"]) == 2
    assert len(results["rate"]["Timestamps"]) == len(results["rate"]["Values"])


def test_fill_gives_every_period_of_the_range_a_value(cloudwatch: Any) -> None:
    results = metric_data(
        cloudwatch, query("errors", "Errors"), {"Id": "filled", "Expression": "FILL(errors, 0)"}
    )

    assert len(results["filled"]["Values"]) in (11, 12)
    assert sum(results["filled"]["Values"]) == sum(results["errors"]["Values"]) == 1
    timestamps = results["filled"]["Timestamps"]
    assert timestamps == sorted(timestamps, reverse=True)  # newest first is what AWS does unasked


def test_values_come_oldest_first_when_asked(cloudwatch: Any) -> None:
    filled = {"Id": "filled", "Expression": "FILL(errors, 0)"}
    results = metric_data(
        cloudwatch, query("errors", "Errors", ReturnData=False), filled, ScanBy="TimestampAscending"
    )

    timestamps = results["filled"]["Timestamps"]
    assert timestamps == sorted(timestamps)


@pytest.mark.parametrize(
    "expression", ["SUM(METRICS())", "errors / unknown", "itself + 1", "SELECT AVG(Errors) FROM SCHEMA"]
)
def test_math_that_the_sandbox_does_not_know_is_refused(cloudwatch: Any, expression: str) -> None:
    queries = [query("errors", "Errors"), {"Id": "itself", "Expression": expression}]
    now = datetime.now(UTC)
    code, status, message = refused(
        cloudwatch.get_metric_data, MetricDataQueries=queries, StartTime=now - timedelta(hours=1), EndTime=now
    )
    assert (code, status) == ("ValidationError", 400)
    assert message


def test_an_alarm_on_math_that_is_not_known_is_not_made(cloudwatch: Any) -> None:
    metrics = [
        {**query("errors", "Errors"), "ReturnData": False},
        {"Id": "rate", "Expression": "RATE(errors)", "ReturnData": True},
    ]
    code, status, message = refused(
        cloudwatch.put_metric_alarm,
        AlarmName="rate",
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=metrics,
    )
    assert (code, status) == ("ValidationError", 400)
    assert "RATE" in message
    assert states(cloudwatch) == {}
