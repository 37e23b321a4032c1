"""CloudWatch: what Lambda measures by which dimensions, and how alarms judge it."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Client
from tests.contract.planes import NAME, SandboxPlane, create, published
from tests.contract.sources import source

METRICS = "lambda/latest/dg/monitoring-metrics-types.html"
MISSING_DATA = "AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"


class Measured:
    """The function orders with versions 1 (live) and 2 (a tenth of the calls)."""

    def __init__(self, client: Client) -> None:
        self.plane = SandboxPlane(client)
        self.cloudwatch = client("cloudwatch")
        create(self.plane)
        published(self.plane, 1)
        published(self.plane, 2)
        self.plane.functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")

    def call(self, times: int = 1, *, qualifier: str = "live", fail: bool = False) -> None:
        payload = json.dumps({"fail": fail} if fail else {}).encode()
        for _ in range(times):
            self.plane.functions.invoke(FunctionName=NAME, Qualifier=qualifier, Payload=payload)

    def sum(self, metric: str, **dimensions: str) -> float | None:
        """None where the metric does not exist by these dimensions."""
        now = datetime.now(UTC)
        points = self.cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points) if points else None

    def data(
        self,
        metric: str,
        statistic: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        queries: int = 1,
    ) -> float:
        """What GetMetricData adds up to, of the first query of so many like it."""
        now = datetime.now(UTC)
        stat = {"Namespace": "AWS/Lambda", "MetricName": metric, **of(NAME, Resource=f"{NAME}:live")}
        answer = self.cloudwatch.get_metric_data(
            MetricDataQueries=[
                {"Id": f"q{number}", "MetricStat": {"Metric": stat, "Period": 60, "Stat": statistic}}
                for number in range(queries)
            ],
            StartTime=since or now - timedelta(minutes=10),
            EndTime=until or now + timedelta(minutes=1),
        )
        return float(sum(answer["MetricDataResults"][0]["Values"]))


@pytest.fixture
def measured(client: Client) -> Measured:
    return Measured(client)


@source(METRICS)
def test_invocations_are_counted_by_function_resource_and_executed_version(measured: Measured) -> None:
    measured.call(3)
    measured.call(2, qualifier="2")
    by_alias = {"FunctionName": NAME, "Resource": f"{NAME}:live"}
    assert measured.sum("Invocations", FunctionName=NAME) == 5
    assert measured.sum("Invocations", **by_alias) == 3
    assert measured.sum("Invocations", FunctionName=NAME, Resource=f"{NAME}:2") == 2
    assert measured.sum("Invocations", **by_alias, ExecutedVersion="1") == 3
    assert measured.sum("Invocations", **by_alias, ExecutedVersion="2") is None


@source(METRICS)
def test_errors_of_a_canary_are_told_from_those_of_the_stable_version(measured: Measured) -> None:
    routing = {"AdditionalVersionWeights": {"2": 1.0}}
    measured.call(2)
    measured.plane.functions.update_alias(FunctionName=NAME, Name="live", RoutingConfig=routing)
    measured.call(3, fail=True)
    by_alias = {"FunctionName": NAME, "Resource": f"{NAME}:live"}
    assert measured.sum("Errors", **by_alias, ExecutedVersion="1") == 0
    assert measured.sum("Errors", **by_alias, ExecutedVersion="2") == 3
    assert measured.sum("Errors", **by_alias) == 3


@source(METRICS)
def test_a_throttled_call_is_neither_an_invocation_nor_an_error(measured: Measured) -> None:
    measured.plane.functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    with pytest.raises(measured.plane.functions.exceptions.TooManyRequestsException):
        measured.call()
    assert measured.sum("Throttles", FunctionName=NAME) == 1
    assert not measured.sum("Invocations", FunctionName=NAME)
    assert not measured.sum("Errors", FunctionName=NAME)


@source(METRICS)
def test_an_invocation_has_a_duration_in_milliseconds(measured: Measured) -> None:
    measured.call()
    now = datetime.now(UTC)
    (point,) = measured.cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Duration",
        Dimensions=[{"Name": "FunctionName", "Value": NAME}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=600,
        Statistics=["Maximum", "SampleCount"],
    )["Datapoints"]
    assert (point["SampleCount"], point["Unit"]) == (1, "Milliseconds")
    assert 0 < point["Maximum"] < 10_000


@source(MISSING_DATA)
@pytest.mark.parametrize(
    ("treatment", "state"),
    [
        ("missing", "INSUFFICIENT_DATA"),
        ("notBreaching", "OK"),
        ("breaching", "ALARM"),
        ("ignore", "INSUFFICIENT_DATA"),
    ],
)
def test_an_alarm_without_data_is_what_it_was_told_to_be(
    measured: Measured, treatment: str, state: str
) -> None:
    put_alarm(measured, MetricName="Errors", **of(NAME), TreatMissingData=treatment)
    assert state_becomes(measured, state) == state


@source(MISSING_DATA)
@pytest.mark.parametrize(("treatment", "state"), [("ignore", "OK"), ("missing", "INSUFFICIENT_DATA")])
def test_an_alarm_that_ignores_missing_data_stays_as_it_was(
    measured: Measured, treatment: str, state: str
) -> None:
    put_alarm(measured, MetricName="Errors", **of(NAME), TreatMissingData=treatment)
    measured.cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="as it was")
    time.sleep(1.5)  # it is looked at every second
    assert state_becomes(measured, state) == state


@source("AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html")
def test_an_alarm_judges_the_dimensions_that_it_names_and_no_others(measured: Measured) -> None:
    put_alarm(measured, "live", MetricName="Errors", **of(NAME, Resource=f"{NAME}:live"))
    put_alarm(measured, "version", MetricName="Errors", **of(NAME, Resource=f"{NAME}:2"))
    measured.call(fail=True)
    assert state_becomes(measured, "ALARM", "live") == "ALARM"
    assert state_becomes(measured, "OK", "version") == "OK"


@source("AmazonCloudWatch/latest/monitoring/alarm-evaluation.html")
def test_an_alarm_of_m_out_of_n_periods_needs_as_many(measured: Measured) -> None:
    put_alarm(measured, "two", MetricName="Errors", **of(NAME), EvaluationPeriods=3, DatapointsToAlarm=2)
    put_alarm(measured, "one", MetricName="Errors", **of(NAME), EvaluationPeriods=3, DatapointsToAlarm=1)
    measured.call(fail=True)
    assert state_becomes(measured, "ALARM", "one") == "ALARM"
    assert state_becomes(measured, "OK", "two") == "OK"


@source("AmazonCloudWatch/latest/monitoring/using-metric-math.html")
def test_an_alarm_on_a_rate_is_calculated(measured: Measured) -> None:
    def query(metric: str) -> dict[str, Any]:
        stat = {"Namespace": "AWS/Lambda", "MetricName": metric, **of(NAME)}
        return {
            "Id": metric.lower(),
            "ReturnData": False,
            "MetricStat": {"Metric": stat, "Period": 60, "Stat": "Sum"},
        }

    rate = {"Id": "rate", "Expression": "100 * errors / invocations", "ReturnData": True}
    queries = [rate, query("Errors"), query("Invocations")]
    for name, threshold in (("half", 50.0), ("most", 90.0)):
        measured.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Metrics=queries,
            EvaluationPeriods=1,
            Threshold=threshold,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
        )
    measured.call(fail=True)
    measured.call()
    assert state_becomes(measured, "ALARM", "half") == "ALARM"
    assert state_becomes(measured, "OK", "most") == "OK"


@source("AmazonCloudWatch/latest/APIReference/API_GetMetricData.html")
def test_metric_data_of_several_versions_come_in_one_answer(measured: Measured) -> None:
    measured.call(2)
    measured.call(1, qualifier="2")
    now = datetime.now(UTC)

    def query(number: int, resource: str) -> dict[str, Any]:
        stat = {"Namespace": "AWS/Lambda", "MetricName": "Invocations", **of(NAME, Resource=resource)}
        return {"Id": f"m{number}", "MetricStat": {"Metric": stat, "Period": 60, "Stat": "Sum"}}

    answer = measured.cloudwatch.get_metric_data(
        MetricDataQueries=[query(1, f"{NAME}:live"), query(2, f"{NAME}:2")],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
    )
    assert {one["Id"]: sum(one["Values"]) for one in answer["MetricDataResults"]} == {"m1": 2, "m2": 1}


@source(METRICS)
def test_throttled_calls_are_counted_by_the_version_that_they_were_meant_for(measured: Measured) -> None:
    measured.plane.functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    with pytest.raises(measured.plane.functions.exceptions.TooManyRequestsException):
        measured.call()
    by_version = {"FunctionName": NAME, "Resource": f"{NAME}:live", "ExecutedVersion": "1"}
    assert measured.sum("Throttles", **by_version) == 1


@source("AmazonCloudWatch/latest/monitoring/Statistics-definitions.html")
def test_a_trimmed_count_counts_the_values_in_a_range(measured: Measured) -> None:
    measured.call(3)
    slow = {
        statistic: measured.data("Duration", statistic) for statistic in ("TC(0:900000)", "TC(60000:900000)")
    }
    assert slow == {"TC(0:900000)": 3, "TC(60000:900000)": 0}


@source("AmazonCloudWatch/latest/APIReference/API_GetMetricData.html")
def test_the_begin_of_a_window_is_rounded_down_to_the_minute_and_its_last_minute_is_whole(
    measured: Measured,
) -> None:
    if datetime.now(UTC).second > 50:  # calls and window must be in one minute
        time.sleep(61 - datetime.now(UTC).second)
    measured.call(2)
    now = datetime.now(UTC)
    assert measured.data("Invocations", "Sum", since=now, until=now + timedelta(seconds=1)) == 2
    assert measured.data("Invocations", "Sum", since=now - timedelta(seconds=59), until=now) == 2
    minute = now.replace(second=0, microsecond=0)
    assert measured.data("Invocations", "Sum", since=minute - timedelta(minutes=5), until=minute) == 0


@source("AmazonCloudWatch/latest/APIReference/API_GetMetricData.html")
def test_more_than_500_queries_are_refused(measured: Measured) -> None:
    assert measured.data("Invocations", "Sum", queries=500) == 0
    with pytest.raises(measured.cloudwatch.exceptions.ClientError, match="500"):
        measured.data("Invocations", "Sum", queries=501)


@source("AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html")
def test_alarms_are_described_by_name_with_what_they_watch_and_since_when(measured: Measured) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    put_alarm(measured, "errors", MetricName="Errors", **of(NAME, Resource=f"{NAME}:live"))
    measured.cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule="ALARM(errors)")
    asked = {"AlarmNames": ["errors", "any", "none"], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    found = measured.cloudwatch.describe_alarms(**asked)
    (alarm,), (composite,) = found["MetricAlarms"], found["CompositeAlarms"]
    assert alarm["Dimensions"] == of(NAME, Resource=f"{NAME}:live")["Dimensions"]
    assert before < alarm["StateUpdatedTimestamp"] < datetime.now(UTC) + timedelta(seconds=2)
    assert composite["StateValue"] in ("OK", "INSUFFICIENT_DATA")
    with pytest.raises(measured.cloudwatch.exceptions.ClientError):
        measured.cloudwatch.describe_alarms(AlarmNames=[f"a{number}" for number in range(101)])


def of(function: str, **more: str) -> dict[str, Any]:
    named = {"FunctionName": function, **more}
    return {"Dimensions": [{"Name": name, "Value": value} for name, value in named.items()]}


def put_alarm(measured: Measured, name: str = "errors", **settings: Any) -> None:
    measured.cloudwatch.put_metric_alarm(
        **{
            "AlarmName": name,
            "Namespace": "AWS/Lambda",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            **settings,
        }
    )


def state_becomes(measured: Measured, wanted: str, name: str = "errors") -> str:
    deadline = time.monotonic() + 5
    while True:
        (alarm,) = measured.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        if alarm["StateValue"] == wanted or time.monotonic() > deadline:
            return str(alarm["StateValue"])
        time.sleep(0.05)
