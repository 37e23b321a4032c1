"""What the port `Metrics` says, from the strict fake and from the adapter in the sandbox."""

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from botocore.stub import ANY, Stubber

from release.adapters.aws import Aws
from release.adapters.cloudwatch import CloudWatchMetrics
from release.adapters.lambda_functions import LambdaFunctions
from release.core.alarms import AlarmFacts, AlarmState
from release.core.analysis import Counts, Fail, Inconclusive, Limits, Verdict, judge
from release.core.models import Place
from release.errors import Unavailable
from release.ports import Compared, Metrics
from tests.contract.planes import role_for_lambda
from tests.fakes.metrics import Call, FakeMetrics

NAME = "prices"
NONE = Counts(0, 0)
COMPARED = Compared(NAME, "live", "1", "2")
HANDLER = """
import time
taken = 0
def handler(event, context):
    time.sleep(event.get("sleep", 0))
    global taken
    taken += 1
    if event.get("fail") or (context.function_version == event.get("fails_in") and taken % 5 == 0):
        raise ValueError("asked to")
    return {}
"""


class World(Protocol):
    """A place with the function `prices`, whose alias `live` is at version 1."""

    metrics: Metrics
    place: Place

    def call(
        self, version: str, times: int = 1, *, fail: bool = False, slow: bool = False, direct: bool = False
    ) -> None: ...

    def throttle(self, version: str) -> None: ...

    def put_alarm(self, name: str, state: AlarmState, dimensions: Mapping[str, str]) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.place = Place("111111111111", "us-east-1")
        self.fake = FakeMetrics(lambda: datetime.now(UTC) + timedelta(seconds=10))
        self.metrics: Metrics = self.fake

    def call(
        self, version: str, times: int = 1, *, fail: bool = False, slow: bool = False, direct: bool = False
    ) -> None:
        alias = version if direct else "live"
        took = 1200 if slow else 5
        self.fake.add_calls(self.place, Call(datetime.now(UTC), NAME, alias, version, times, fail, took))

    def throttle(self, version: str) -> None:
        self.fake.add_calls(self.place, Call(datetime.now(UTC), NAME, "live", version, 1, True, 0))

    def put_alarm(self, name: str, state: AlarmState, dimensions: Mapping[str, str]) -> None:
        functions = tuple(value for key, value in dimensions.items() if key == "FunctionName")
        resources = tuple(value for key, value in dimensions.items() if key == "Resource")
        self.fake.put_alarm(self.place, AlarmFacts(name, state, functions, resources, datetime.now(UTC)))


class CloudWatchWorld:
    def __init__(self, account: str) -> None:
        self.aws = Aws()
        self.place = Place(account, "us-east-1")
        self.metrics: Metrics = CloudWatchMetrics(self.aws, lag=timedelta(0))
        self.lambdas: Any = self.aws.client(self.place, "lambda")
        self.cloudwatch: Any = self.aws.client(self.place, "cloudwatch")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as writing:
            writing.writestr("app.py", HANDLER)
        self.lambdas.create_function(
            FunctionName=NAME,
            Runtime="python3.13",
            Handler="app.handler",
            Role=role_for_lambda(self.aws.client(self.place, "iam")),
            Code={"ZipFile": archive.getvalue()},
        )
        functions = LambdaFunctions(self.aws)
        functions.settled(self.place, NAME)
        self.lambdas.publish_version(FunctionName=NAME)
        self.lambdas.update_function_configuration(FunctionName=NAME, Description="the new one")
        functions.settled(self.place, NAME)
        self.lambdas.publish_version(FunctionName=NAME)
        for version in ("1", "2"):
            functions.settled(self.place, NAME, version)
        self.lambdas.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")

    def call(
        self, version: str, times: int = 1, *, fail: bool = False, slow: bool = False, direct: bool = False
    ) -> None:
        self._route(version)
        payload = json.dumps({"fail": fail, "sleep": 1.2 if slow else 0}).encode()
        for _ in range(times):
            self.lambdas.invoke(FunctionName=NAME, Qualifier=version if direct else "live", Payload=payload)

    def throttle(self, version: str) -> None:
        self._route(version)
        self.lambdas.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
        once: Any = self.aws.client(self.place, "lambda", attempts=1)
        with pytest.raises(once.exceptions.TooManyRequestsException):
            once.invoke(FunctionName=NAME, Qualifier="live")
        self.lambdas.delete_function_concurrency(FunctionName=NAME)

    def put_alarm(self, name: str, state: AlarmState, dimensions: Mapping[str, str]) -> None:
        self.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="ignore",
        )
        self.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")

    def _route(self, version: str) -> None:
        weights = {} if version == "1" else {version: 1.0}
        self.lambdas.update_alias(
            FunctionName=NAME, Name="live", RoutingConfig={"AdditionalVersionWeights": weights}
        )


@pytest.fixture(params=["fake", "cloudwatch"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return FakeWorld()
    return CloudWatchWorld(request.getfixturevalue("account"))


@pytest.fixture
def sandboxed(account: str) -> CloudWatchWorld:
    return CloudWatchWorld(account)


def counts(
    world: World, *compared: Compared, slower_than_ms: int | None = None, ended: timedelta = timedelta(0)
) -> Mapping[str, tuple[Counts, Counts]]:
    """Of the last five minutes; `ended` ago."""
    now = datetime.now(UTC) - ended
    return world.metrics.counts(
        world.place,
        compared or (COMPARED,),
        since=now - timedelta(minutes=5),
        until=now + timedelta(seconds=1),
        slower_than_ms=slower_than_ms,
    )


def test_calls_through_an_alias_are_counted_by_the_version_that_took_them(world: World) -> None:
    world.call("1", 3)
    world.call("2", 2)
    world.call("2", fail=True)
    assert counts(world) == {NAME: (Counts(3, 0), Counts(3, 1))}


def test_what_nobody_called_has_counts_of_nothing(world: World) -> None:
    nobody = Compared("nobody", "live", "1", "2")
    assert counts(world, COMPARED, nobody) == {NAME: (NONE, NONE), "nobody": (NONE, NONE)}


def test_a_throttled_call_is_a_call_that_went_wrong(world: World) -> None:
    world.call("2")
    world.throttle("2")
    assert counts(world)[NAME] == (NONE, Counts(2, 1))


def test_a_call_of_a_version_past_the_alias_does_not_count(world: World) -> None:
    world.call("2", direct=True)
    assert counts(world)[NAME] == (NONE, NONE)


def test_slow_is_what_took_longer_than_was_asked_and_nothing_where_nothing_was_asked(world: World) -> None:
    world.call("2", 2)
    world.call("2", slow=True)
    assert counts(world)[NAME][1] == Counts(3, 0, 0)
    assert counts(world, slower_than_ms=1100)[NAME][1] == Counts(3, 0, 1)
    assert counts(world, slower_than_ms=60_000)[NAME][1] == Counts(3, 0, 0)


def test_calls_after_a_window_do_not_count(world: World) -> None:
    world.call("1")
    assert counts(world, ended=timedelta(minutes=5))[NAME] == (NONE, NONE)


def test_alarms_are_found_by_name_with_what_they_watch(world: World) -> None:
    world.put_alarm("errors", "ALARM", {"FunctionName": NAME, "Resource": f"{NAME}:live"})
    world.put_alarm("queue", "OK", {"QueueName": "orders"})
    world.put_alarm("other", "INSUFFICIENT_DATA", {"FunctionName": "other"})
    found = world.metrics.alarms(world.place, ["errors", "queue", "none"])
    assert {alarm.name: (alarm.state, alarm.functions, alarm.resources) for alarm in found.values()} == {
        "errors": ("ALARM", (NAME,), (f"{NAME}:live",)),
        "queue": ("OK", (), ()),
    }
    since = found["errors"].since
    assert since is not None
    assert abs(datetime.now(UTC) - since) < timedelta(seconds=30)


def test_alarms_of_functions_are_found_without_knowing_their_names(world: World) -> None:
    for name, function in (("b", NAME), ("a", NAME), ("c", "other"), ("d", "third")):
        world.put_alarm(name, "OK", {"FunctionName": function})
    assert [alarm.name for alarm in world.metrics.alarms_of(world.place, [NAME, "third"])] == ["a", "b", "d"]
    assert world.metrics.alarms_of(world.place, []) == []


def test_a_fleet_is_asked_about_in_calls_of_500_queries(sandboxed: CloudWatchWorld) -> None:
    sandboxed.call("2", 2)
    fleet = [Compared(f"f{number}", "live", "1", "2") for number in range(70)]
    found = counts(sandboxed, *fleet, COMPARED, slower_than_ms=1000)
    assert len(found) == 71
    assert found[NAME] == (NONE, Counts(2, 0))


def test_more_than_a_hundred_alarms_are_asked_for_in_several_calls(sandboxed: CloudWatchWorld) -> None:
    sandboxed.put_alarm("a200", "OK", {"FunctionName": NAME})
    names = [f"a{number}" for number in range(250)]
    assert list(sandboxed.metrics.alarms(sandboxed.place, names)) == ["a200"]


def test_every_page_of_alarms_is_read(sandboxed: CloudWatchWorld) -> None:
    for number in range(103):
        sandboxed.put_alarm(f"a{number:03}", "OK", {"FunctionName": NAME})
    assert len(sandboxed.metrics.alarms_of(sandboxed.place, [NAME])) == 103


def test_an_alarm_on_a_calculation_watches_the_functions_that_it_calculates_from(
    sandboxed: CloudWatchWorld,
) -> None:
    def query(metric: str) -> dict[str, Any]:
        dimensions = [{"Name": "FunctionName", "Value": NAME}]
        of = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions}
        stat = {"Metric": of, "Period": 60, "Stat": "Sum"}
        return {"Id": metric.lower(), "ReturnData": False, "MetricStat": stat}

    rate = {"Id": "rate", "Expression": "errors / invocations", "ReturnData": True}
    sandboxed.cloudwatch.put_metric_alarm(
        AlarmName="rate",
        Metrics=[rate, query("Errors"), query("Invocations")],
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    sandboxed.cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule="ALARM(rate)")
    found = sandboxed.metrics.alarms(sandboxed.place, ["rate", "any"])
    assert {name: alarm.functions for name, alarm in found.items()} == {"rate": (NAME,), "any": ()}


def test_what_cloudwatch_counts_fails_a_version_that_fails_a_fifth_of_its_calls(
    sandboxed: CloudWatchWorld,
) -> None:
    """A tenth of the calls goes to it."""
    sandboxed.lambdas.update_alias(
        FunctionName=NAME, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}}
    )
    limits = Limits(max_error_rate=0.01, min_samples=100)
    payload = json.dumps({"fails_in": "2"}).encode()
    looks: list[Verdict] = []
    for _ in range(48):
        for _ in range(25):
            sandboxed.lambdas.invoke(FunctionName=NAME, Qualifier="live", Payload=payload)
        looks.append(judge(*counts(sandboxed)[NAME], weight=0.1, limits=limits, tests=6))
        if not isinstance(looks[-1], Inconclusive):
            break
    assert isinstance(looks[-1], Fail), looks[-1].reason


@pytest.fixture
def stubbed(account: str) -> tuple[CloudWatchMetrics, Stubber, Place]:
    aws, place = Aws(), Place(account, "us-east-1")
    return CloudWatchMetrics(aws), Stubber(aws.client(place, "cloudwatch")), place


def page(status: str, *values: float, token: str | None = None) -> dict[str, Any]:
    """An answer of GetMetricData: the first of six queries has values, the others have none."""
    results = [
        {
            "Id": f"q{number}",
            "Timestamps": [datetime(2026, 11, 20, 9, minute, tzinfo=UTC) for minute in range(len(values))]
            if number == 0
            else [],
            "Values": list(values) if number == 0 else [],
            "StatusCode": status if number == 0 else "Complete",
        }
        for number in range(6)
    ]
    return {"MetricDataResults": results} | ({"NextToken": token} if token else {})


def asked(stubbed: tuple[CloudWatchMetrics, Stubber, Place], days_ago: int = 0) -> Counts:
    metrics, stubber, place = stubbed
    now = datetime.now(UTC)
    with stubber:
        found = metrics.counts(place, (COMPARED,), since=now - timedelta(days=days_ago, minutes=5), until=now)
        stubber.assert_no_pending_responses()
    return found[NAME][0]


def test_values_that_come_on_several_pages_are_added_up(
    stubbed: tuple[CloudWatchMetrics, Stubber, Place],
) -> None:
    stubbed[1].add_response("get_metric_data", page("PartialData", 5, 7, token="more"))
    stubbed[1].add_response("get_metric_data", page("Complete", 1))
    assert asked(stubbed) == Counts(13, 0)


def test_an_answer_that_lacks_values_is_asked_for_again_and_not_taken_for_good(
    stubbed: tuple[CloudWatchMetrics, Stubber, Place],
) -> None:
    stubbed[1].add_response("get_metric_data", page("InternalError", 5))
    stubbed[1].add_response("get_metric_data", page("Complete", 9))
    assert asked(stubbed) == Counts(9, 0)

    for _ in range(3):
        stubbed[1].add_response("get_metric_data", page("InternalError", 5))
    with pytest.raises(Unavailable, match="does not give all values"):
        asked(stubbed)


@pytest.mark.parametrize(("days_ago", "period"), [(0, 60), (14, 60), (15, 300), (62, 300), (63, 3600)])
def test_what_is_long_ago_is_asked_for_in_periods_that_cloudwatch_still_has(
    stubbed: tuple[CloudWatchMetrics, Stubber, Place], days_ago: int, period: int
) -> None:
    stat = {"Metric": ANY, "Period": period, "Stat": "Sum"}
    queries = [{"Id": f"q{number}", "MetricStat": stat} for number in range(6)]
    stubbed[1].add_response(
        "get_metric_data",
        page("Complete", 4),
        {"MetricDataQueries": queries, "StartTime": ANY, "EndTime": ANY, "ScanBy": "TimestampAscending"},
    )
    assert asked(stubbed, days_ago) == Counts(4, 0)


def test_cloudwatch_is_two_minutes_late_unless_told_otherwise(account: str) -> None:
    assert CloudWatchMetrics(Aws()).lag() == timedelta(minutes=2)
    assert CloudWatchMetrics(Aws(), lag=timedelta(seconds=3)).lag() == timedelta(seconds=3)
