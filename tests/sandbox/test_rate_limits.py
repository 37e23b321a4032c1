"""How many calls a second Lambda's control plane answers when it is asked to count, as AWS does."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from release.sandbox.rate_limits import TokenBucket, quota_of
from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function, zipped
from tests.sandbox.conftest import Client
from tests.sandbox.test_stacks import Stack

pytestmark = pytest.mark.xdist_group("a sandbox with a limit")  # or each worker would start its sandbox
RATE = 5.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(settle_seconds=0.02, rate_limit=RATE) as started:
        yield started


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_a_second_through_at_once_and_then_one_at_a_time() -> None:
    clock = Clock()
    bucket = TokenBucket(15, clock)

    assert [bucket.take() for _ in range(15)] == [0.0] * 15
    assert bucket.take() == pytest.approx(1 / 15)
    clock.now += 0.5 / 15
    assert bucket.take() == pytest.approx(0.5 / 15)  # a refused call has taken nothing
    clock.now += 0.51 / 15
    assert bucket.take() == 0.0
    clock.now += 60
    assert sum(bucket.take() == 0.0 for _ in range(40)) == 15


def test_a_bucket_of_less_than_one_call_a_second_lets_calls_through() -> None:
    clock = Clock()
    bucket = TokenBucket(0.5, clock)

    assert bucket.take() == 0.0
    assert bucket.take() == pytest.approx(2)


@pytest.mark.parametrize(
    ("method", "path", "quota"),
    [
        ("GET", "/2015-03-31/functions/orders", "GetFunction"),
        ("GET", "/2015-03-31/functions/orders/", "GetFunction"),
        ("GET", "/2015-03-31/functions/orders/policy", "GetPolicy"),
        ("GET", "/2015-03-31/functions/orders/configuration", "control plane"),
        ("DELETE", "/2015-03-31/functions/orders", "control plane"),
        ("PUT", "/2015-03-31/functions/orders/aliases/live", "control plane"),
        ("GET", "/2015-03-31/functions/", "control plane"),
        ("POST", "/2015-03-31/functions/orders/invocations", None),
        ("POST", "/2021-11-15/functions/orders/response-streaming-invocations", None),
        ("POST", "/2015-03-31/event-source-mappings", "control plane"),
    ],
)
def test_each_call_draws_on_the_quota_that_aws_documents(method: str, path: str, quota: str | None) -> None:
    assert quota_of(method, path) == quota


def exhausted(call: Callable[[], Any]) -> ClientError:
    """The refusal that a call gets once its quota is used up."""
    for _ in range(40):
        try:
            call()
        except ClientError as error:
            return error
    raise AssertionError("the call was never refused")


def test_calls_over_the_rate_are_refused_before_they_do_anything(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    functions.publish_version(FunctionName="orders")
    made = 0

    def make_alias() -> None:
        nonlocal made
        functions.create_alias(FunctionName="orders", Name=f"a{made}", FunctionVersion="1")
        made += 1

    answer = exhausted(make_alias).response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["Error"]["Code"] == "TooManyRequestsException"
    assert answer["Error"]["Message"] == "Rate exceeded"
    assert answer["Reason"] == "CallerRateLimitExceeded"
    assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    assert made <= RATE + 2
    time.sleep(1.1)
    assert len(functions.list_aliases(FunctionName="orders")["Aliases"]) == made


def test_reading_functions_invoking_and_other_regions_have_quotas_of_their_own(
    client: Client, account: str
) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    exhausted(lambda: functions.get_function_configuration(FunctionName="orders"))

    for _ in range(20):
        functions.get_function(FunctionName="orders")
        functions.invoke(FunctionName="orders")
    client("lambda", "us-west-2").list_functions()
    client("lambda", account="123412341234").list_functions()
    exhausted(lambda: functions.get_function_configuration(FunctionName="orders"))


def test_a_stack_does_not_draw_on_the_quota_of_its_caller(client: Client, account: str) -> None:
    stack = Stack(client("cloudformation"))
    assert stack.create() == "CREATE_COMPLETE"
    for memory in range(256, 256 + 10):
        assert stack.update(parameters={"Memory": str(memory)}) == "UPDATE_COMPLETE"

    functions = client("lambda")
    functions.update_function_code(FunctionName="orders", ZipFile=zipped(ECHO % 1))


def test_nothing_is_counted_unless_it_is_asked_for(account: str) -> None:
    with Sandbox.start(settle_seconds=0.02) as unlimited:
        functions = boto3.client(
            "lambda",
            "us-east-1",
            endpoint_url=unlimited.endpoint,
            aws_access_key_id=account,
            aws_secret_access_key="sandbox",
        )
        for _ in range(60):
            functions.list_functions()
