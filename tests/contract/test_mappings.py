"""Event sources: how a mapping comes to be, and that it runs what its alias names."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from release.sandbox.session import Sandbox
from tests.contract.conftest import Client, make_client
from tests.contract.planes import NAME, SandboxPlane, create, published, refused
from tests.contract.sources import source

PAGE = "lambda/latest/api/API_CreateEventSourceMapping.html"


class Line:
    """A function whose alias `live` is at version 1, and a queue."""

    def __init__(self, client: Client) -> None:
        self.plane = SandboxPlane(client)
        self.functions = self.plane.functions
        self.queues = client("sqs")
        create(self.plane)
        published(self.plane, 1)
        self.functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
        self.url = self.queues.create_queue(QueueName="orders")["QueueUrl"]
        shown = self.queues.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn = shown["Attributes"]["QueueArn"]

    def map(self, function: str = f"{NAME}:live") -> Any:
        return self.functions.create_event_source_mapping(
            FunctionName=function, EventSourceArn=self.arn, BatchSize=1
        )

    def state_becomes(self, mapping: str, wanted: str) -> str:
        deadline = time.monotonic() + 5
        while True:
            state = str(self.functions.get_event_source_mapping(UUID=mapping)["State"])
            if state == wanted or time.monotonic() > deadline:
                return state
            time.sleep(0.02)

    def waiting(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        shown = self.queues.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(shown[name]) for name in names)

    def is_drained(self) -> bool:
        deadline = time.monotonic() + 10
        while self.waiting() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.waiting() == 0


@pytest.fixture
def line(client: Client) -> Line:
    return Line(client)


@pytest.fixture
def slow_line(session: boto3.session.Session, account: str) -> Iterator[Line]:
    """A change of a mapping takes so long here that it is seen."""
    with Sandbox.start(settle_seconds=0.5) as sandbox:
        yield Line(make_client(session, sandbox.endpoint, account))


@source(PAGE)
def test_a_new_mapping_is_being_created_and_then_enabled(line: Line) -> None:
    made = line.map()
    assert (made["State"], made["FunctionArn"].endswith(f":{NAME}:live")) == ("Creating", True)
    assert line.state_becomes(made["UUID"], "Enabled") == "Enabled"


@source(PAGE)
@pytest.mark.parametrize("function", [f"{NAME}:nobody", "nobody", f"{NAME}:77"])
def test_a_mapping_needs_a_function_that_exists(line: Line, function: str) -> None:
    wanted = {"FunctionName": function, "EventSourceArn": line.arn}
    status, _ = refused(line.functions.create_event_source_mapping, **wanted)
    assert status in (400, 404)


@source(PAGE)
def test_a_queue_is_mapped_to_an_alias_once(line: Line) -> None:
    line.map()
    wanted = {"FunctionName": f"{NAME}:live", "EventSourceArn": line.arn}
    again = refused(line.functions.create_event_source_mapping, **wanted)
    assert again == (409, "ResourceConflictException")
    assert len(line.functions.list_event_source_mappings()["EventSourceMappings"]) == 1


@source("lambda/latest/dg/with-sqs.html")
def test_a_mapping_on_an_alias_runs_the_version_of_the_alias(line: Line, client: Client) -> None:
    line.state_becomes(line.map()["UUID"], "Enabled")
    line.queues.send_message(QueueUrl=line.url, MessageBody="one")
    assert line.is_drained()
    cloudwatch = client("cloudwatch")
    counted = {
        json.dumps(sorted((one["Name"], one["Value"]) for one in metric["Dimensions"]))
        for metric in cloudwatch.list_metrics(Namespace="AWS/Lambda", MetricName="Invocations")["Metrics"]
    }
    by_version = [["ExecutedVersion", "1"], ["FunctionName", NAME], ["Resource", f"{NAME}:live"]]
    assert json.dumps(by_version) in counted


@source("lambda/latest/api/API_UpdateEventSourceMapping.html")
def test_a_disabled_mapping_takes_nothing_until_it_is_enabled(line: Line) -> None:
    mapping = line.map()["UUID"]
    line.state_becomes(mapping, "Enabled")
    line.functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    assert line.state_becomes(mapping, "Disabled") == "Disabled"
    line.queues.send_message(QueueUrl=line.url, MessageBody="one")
    time.sleep(1.2)
    assert line.waiting() == 1
    line.functions.update_event_source_mapping(UUID=mapping, Enabled=True)
    assert line.is_drained()


@source("lambda/latest/api/API_DeleteEventSourceMapping.html")
def test_a_deleted_mapping_is_being_deleted_and_then_gone(line: Line) -> None:
    mapping = line.map()["UUID"]
    line.state_becomes(mapping, "Enabled")
    assert line.functions.delete_event_source_mapping(UUID=mapping)["State"] == "Deleting"
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        listed = line.functions.list_event_source_mappings()["EventSourceMappings"]
        if mapping not in {one["UUID"] for one in listed}:
            return
        time.sleep(0.02)
    raise AssertionError("the mapping is still there")


@source("lambda/latest/api/API_UpdateEventSourceMapping.html")
def test_a_mapping_on_its_way_is_not_changed(slow_line: Line) -> None:
    mapping = slow_line.map()["UUID"]
    in_use = (400, "ResourceInUseException")
    functions = slow_line.functions
    assert refused(functions.update_event_source_mapping, UUID=mapping, BatchSize=2) == in_use
    assert refused(functions.delete_event_source_mapping, UUID=mapping) == in_use
