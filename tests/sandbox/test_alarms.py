"""Alarms judge exactly the metric they name, within seconds."""

import time
from typing import Any

import pytest

from tests.sandbox.calls import create_function, publish
from tests.sandbox.conftest import Client

FAILS_ON_REQUEST = """
def handler(event, context):
    if event: raise RuntimeError("asked to")
"""
RATE = [
    {"Id": "rate", "Expression": "100 * errors / invocations", "ReturnData": True},
    *(
        {
            "Id": metric.lower(),
            "ReturnData": False,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": metric,
                    "Dimensions": [{"Name": "FunctionName", "Value": "orders"}],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for metric in ("Errors", "Invocations")
    ),
]


def errors_of(resource: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [
            {"Name": "FunctionName", "Value": "orders"},
            {"Name": "Resource", "Value": resource},
        ],
        "Statistic": "Sum",
        "Period": 60,
    }


def put_alarm(cloudwatch: Any, name: str, threshold: float, **metric: Any) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        EvaluationPeriods=1,
        Threshold=threshold,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        **{"TreatMissingData": "notBreaching", **metric},
    )


def states(cloudwatch: Any) -> dict[str, str]:
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}


def until(cloudwatch: Any, wanted: dict[str, str]) -> dict[str, str]:
    deadline = time.monotonic() + 5
    while (found := states(cloudwatch)) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.fixture
def functions(client: Client, account: str) -> Any:
    functions = client("lambda")
    create_function(functions, account, FAILS_ON_REQUEST)
    publish(functions, FAILS_ON_REQUEST)
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    functions.create_alias(FunctionName="orders", Name="idle", FunctionVersion="1")
    return functions


def test_an_alarm_looks_at_its_own_dimensions_only(functions: Any, client: Client) -> None:
    cloudwatch = client("cloudwatch")
    put_alarm(cloudwatch, "live", 2, **errors_of("orders:live"))
    put_alarm(cloudwatch, "idle", 2, **errors_of("orders:idle"))
    functions.invoke(FunctionName="orders", Qualifier="live", Payload="1")
    assert until(cloudwatch, {"live": "OK", "idle": "OK"}) == {"live": "OK", "idle": "OK"}
    functions.invoke(FunctionName="orders", Qualifier="live", Payload="1")

    assert until(cloudwatch, {"live": "ALARM", "idle": "OK"}) == {"live": "ALARM", "idle": "OK"}


def test_an_alarm_on_an_error_rate_is_calculated(functions: Any, client: Client) -> None:
    cloudwatch = client("cloudwatch")
    put_alarm(cloudwatch, "above-40", 40, Metrics=RATE)
    put_alarm(cloudwatch, "above-60", 60, Metrics=RATE)
    for payload in ("1", "{}"):
        functions.invoke(FunctionName="orders", Payload=payload)

    wanted = {"above-40": "ALARM", "above-60": "OK"}
    assert until(cloudwatch, wanted) == wanted


@pytest.mark.parametrize(
    ("treatment", "state"),
    [("notBreaching", "OK"), ("breaching", "ALARM"), ("missing", "INSUFFICIENT_DATA")],
)
def test_an_alarm_without_data_is_what_it_was_told_to_be(client: Client, treatment: str, state: str) -> None:
    cloudwatch = client("cloudwatch")
    put_alarm(cloudwatch, "quiet", 1, **errors_of("orders:live"), TreatMissingData=treatment)

    assert until(cloudwatch, {"quiet": state}) == {"quiet": state}
