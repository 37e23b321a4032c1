"""Event source mappings: how they come to rest, what they refuse meanwhile, and when they poll."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from release.sandbox.session import Sandbox
from tests.sandbox.calls import create_function, publish, refused, settled
from tests.sandbox.conftest import Client
from tests.sandbox.test_stacks import TEMPLATE, Stack

pytestmark = pytest.mark.xdist_group("mappings of a slow sandbox")  # or each worker would start its sandbox
SETTLE_SECONDS = 0.4
BUSY = ("ResourceInUseException", 400)
NOTES = """
def handler(event, context):
    for record in event["Records"]:
        print("got", record["body"])
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=SETTLE_SECONDS) as started:
        yield started


@pytest.fixture
def functions(client: Client, account: str) -> Any:
    functions = client("lambda")
    create_function(functions, account, NOTES)
    publish(functions, NOTES)
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    return functions


@pytest.fixture
def queue(client: Client, account: str) -> str:
    """URL of the queue `jobs`."""
    url: str = client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    return url


def arn_of(account: str, queue: str = "jobs") -> str:
    return f"arn:aws:sqs:us-east-1:{account}:{queue}"


def create(functions: Any, account: str, **settings: Any) -> str:
    """A new mapping's UUID."""
    wanted = {"FunctionName": "orders:live", "EventSourceArn": arn_of(account), **settings}
    answer = functions.create_event_source_mapping(**wanted)
    assert (answer["State"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("Creating", 202)
    uuid: str = answer["UUID"]
    return uuid


def state(functions: Any, uuid: str) -> str:
    found: str = functions.get_event_source_mapping(UUID=uuid)["State"]
    return found


def at_rest(functions: Any, uuid: str) -> str:
    deadline = time.monotonic() + 10
    while (found := state(functions, uuid)) not in ("Enabled", "Disabled"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def seen(client: Client) -> list[str]:
    """What the handler has printed of messages."""
    logs = client("logs")
    try:
        events = logs.filter_log_events(logGroupName="/aws/lambda/orders")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"].strip() for event in events if event["message"].startswith("got ")]


def until_seen(client: Client, wanted: list[str]) -> list[str]:
    deadline = time.monotonic() + 10
    while (found := seen(client)) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_a_new_mapping_polls_once_it_is_enabled(
    client: Client, functions: Any, queue: str, account: str
) -> None:
    client("sqs").send_message(QueueUrl=queue, MessageBody="first")
    uuid = create(functions, account)
    messages = seen(client)
    while state(functions, uuid) == "Creating":  # asked last: so it was when we looked
        assert messages == []
        time.sleep(0.02)
        messages = seen(client)

    assert at_rest(functions, uuid) == "Enabled"
    assert until_seen(client, ["got first"]) == ["got first"]


def test_a_mapping_that_is_disabled_does_not_poll_until_it_is_enabled_again(
    client: Client, functions: Any, queue: str, account: str
) -> None:
    uuid = create(functions, account)
    at_rest(functions, uuid)
    answer = functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    assert (answer["State"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("Disabling", 202)
    client("sqs").send_message(QueueUrl=queue, MessageBody="later")
    assert at_rest(functions, uuid) == "Disabled"
    time.sleep(0.3)
    assert seen(client) == []

    assert functions.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    assert at_rest(functions, uuid) == "Enabled"
    assert until_seen(client, ["got later"]) == ["got later"]


def test_a_mapping_that_is_made_disabled_comes_to_rest_disabled(
    functions: Any, queue: str, account: str
) -> None:
    uuid = create(functions, account, Enabled=False)
    assert at_rest(functions, uuid) == "Disabled"


def test_a_mapping_on_its_way_is_neither_updated_nor_deleted(
    functions: Any, queue: str, account: str
) -> None:
    uuid = create(functions, account)
    for _ in range(2):
        assert refused(functions.update_event_source_mapping, UUID=uuid, BatchSize=5)[:2] == BUSY
        assert refused(functions.delete_event_source_mapping, UUID=uuid)[:2] == BUSY
        at_rest(functions, uuid)
        if functions.get_event_source_mapping(UUID=uuid)["BatchSize"] != 7:
            answer = functions.update_event_source_mapping(UUID=uuid, BatchSize=7)
            assert (answer["State"], answer["BatchSize"]) == ("Updating", 7)
    assert at_rest(functions, uuid) == "Enabled"


def test_a_deleted_mapping_is_gone_after_a_while(functions: Any, queue: str, account: str) -> None:
    uuid = create(functions, account)
    at_rest(functions, uuid)
    assert functions.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    assert state(functions, uuid) == "Deleting"
    assert refused(functions.delete_event_source_mapping, UUID=uuid)[:2] == BUSY

    deadline = time.monotonic() + 10
    while functions.list_event_source_mappings()["EventSourceMappings"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    missing = refused(functions.get_event_source_mapping, UUID=uuid)
    assert missing[:2] == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("function", "refusal"),
    [
        ("none", ("InvalidParameterValueException", 400)),
        ("orders:none", ("ResourceNotFoundException", 404)),
        ("orders:9", ("ResourceNotFoundException", 404)),
    ],
)
def test_a_mapping_to_what_does_not_exist_is_refused(
    functions: Any, queue: str, account: str, function: str, refusal: tuple[str, int]
) -> None:
    wanted = {"FunctionName": function, "EventSourceArn": arn_of(account)}
    assert refused(functions.create_event_source_mapping, **wanted)[:2] == refusal
    uuid = create(functions, account)
    at_rest(functions, uuid)
    assert refused(functions.update_event_source_mapping, UUID=uuid, FunctionName=function)[:2] == refusal
    assert functions.get_event_source_mapping(UUID=uuid)["FunctionArn"].endswith(":orders:live")


def test_one_source_is_mapped_to_one_alias_once(functions: Any, queue: str, account: str) -> None:
    uuid = create(functions, account)
    wanted = {"FunctionName": "orders:live", "EventSourceArn": arn_of(account)}
    code, status, message = refused(functions.create_event_source_mapping, **wanted)
    assert (code, status) == ("ResourceConflictException", 409)
    assert uuid in message


def mapped(account: str, alias: str) -> str:
    """A template with the function `orders`, and a mapping from the queue `jobs` to this alias of it."""
    template = json.loads(json.dumps(TEMPLATE))
    template["Resources"]["Mapping"] = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "DependsOn": "Function",
        "Properties": {"FunctionName": f"orders:{alias}", "EventSourceArn": arn_of(account)},
    }
    return json.dumps(template)


def test_a_stack_waits_until_its_mapping_is_enabled(client: Client, queue: str, account: str) -> None:
    functions, stack = client("lambda"), Stack(client("cloudformation"))
    stack.create()
    settled(functions, "orders")
    functions.publish_version(FunctionName="orders")
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    assert stack.update(TemplateBody=mapped(account, "live")) == "UPDATE_COMPLETE"

    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["State"] == "Enabled"
    assert mapping["FunctionArn"].endswith(":orders:live")


def test_a_stack_whose_mapping_leads_nowhere_fails(client: Client, queue: str, account: str) -> None:
    stack = Stack(client("cloudformation"))
    stack.create()

    assert stack.update(TemplateBody=mapped(account, "none")) == "UPDATE_ROLLBACK_COMPLETE"
    assert client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert settled(client("lambda"), "orders")["State"] == "Active"
