"""Faults that are asked for happen, to whom and as often as asked, and to nobody else."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function, publish, refused
from tests.sandbox.conftest import Client


@pytest.fixture(autouse=True)
def no_faults_left(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults([])


def test_a_call_is_refused_as_often_as_asked_and_then_carried_out(
    sandbox: Sandbox, client: Client, account: str
) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    rule = {"service": "lambda", "method": "PUT", "path": "/configuration$", "times": 2}
    sandbox.faults([{**rule, "status": 429, "code": "TooManyRequestsException", "message": "slow down"}])

    for _ in range(2):
        answer = refused(functions.update_function_configuration, FunctionName="orders", MemorySize=256)
        assert answer == ("TooManyRequestsException", 429, "slow down")
    assert functions.update_function_configuration(FunctionName="orders", MemorySize=256)["MemorySize"] == 256
    assert [fired["rule"] for fired in sandbox.fired()] == [0, 0]
    assert sandbox.fired()[0]["path"].endswith("/functions/orders/configuration")


def test_a_fault_meets_its_region_and_account_only(sandbox: Sandbox, client: Client, account: str) -> None:
    sandbox.faults([{"region": "us-west-2", "account": account, "status": 503, "code": "Unavailable"}])

    assert refused(client("lambda", "us-west-2").list_functions)[1] == 503
    assert client("lambda", "us-east-1").list_functions()["Functions"] == []
    assert client("lambda", "us-west-2", account="123412341234").list_functions()["Functions"] == []


def test_an_action_of_a_query_service_is_refused_in_its_own_words(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"action": "DescribeStacks", "status": 400, "code": "Throttling", "message": "a < b"}])

    answer = refused(client("cloudformation").describe_stacks, StackName="none")
    assert answer == ("Throttling", 400, "a < b")
    assert refused(client("cloudformation").get_template, StackName="none")[0] == "ValidationError"


def test_a_lost_answer_was_carried_out(sandbox: Sandbox, client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    sandbox.faults([{"path": "/versions$", "method": "POST", "when": "after", "status": 500, "times": 1}])

    with pytest.raises(ClientError):
        functions.publish_version(FunctionName="orders")
    assert len(functions.list_versions_by_function(FunctionName="orders")["Versions"]) == 2


def test_skipped_calls_are_let_through(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"service": "sts", "skip": 2, "status": 400, "code": "Denied"}])
    sts = client("sts")

    sts.get_caller_identity()
    sts.get_caller_identity()
    assert refused(sts.get_caller_identity)[0] == "Denied"


def test_a_slow_call_is_slow(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"service": "sts", "latency_ms": 200}])
    began = time.monotonic()
    client("sts").get_caller_identity()

    assert time.monotonic() - began >= 0.2


def test_a_held_call_goes_on_when_other_rules_are_set(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"service": "sts", "hold": True}])
    sts = client("sts")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(sts.get_caller_identity)
        deadline = time.monotonic() + 20
        while not sandbox.fired() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not answer.done()
        sandbox.faults([])
        assert "Account" in answer.result(20)


@pytest.mark.parametrize(("when", "versions"), [("before", 1), ("after", 2)])
def test_a_process_can_be_killed_before_or_after_the_call_it_makes(
    sandbox: Sandbox, client: Client, account: str, when: str, versions: int
) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    sandbox.faults([{"path": "/versions$", "method": "POST", "when": when, "hang": True}])
    source = "import boto3; boto3.client('lambda').publish_version(FunctionName='orders')"
    process = subprocess.Popen(
        [sys.executable, "-c", source], env=sandbox.environment(account=account, base=dict(os.environ))
    )
    deadline = time.monotonic() + 20
    while not sandbox.fired() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()

    assert len(sandbox.fired()) == 1
    assert len(functions.list_versions_by_function(FunctionName="orders")["Versions"]) == versions


def test_every_call_is_noted_with_account_and_region(sandbox: Sandbox, client: Client, account: str) -> None:
    functions = client("lambda", "us-west-2")
    create_function(functions, account, ECHO % 1)
    sandbox.forget_calls()
    publish(functions, ECHO % 2)
    client("cloudformation").describe_stacks()

    calls = sandbox.calls()
    assert {(call["account"], call["region"]) for call in calls[:-1]} == {(account, "us-west-2")}
    writes = [(call["method"], call["path"].rpartition("/")[2]) for call in calls if call["method"] != "GET"]
    assert writes == [("PUT", "code"), ("POST", "versions"), ("POST", "")]
    assert (calls[-1]["service"], calls[-1]["action"]) == ("cloudformation", "DescribeStacks")


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"servce": "lambda"}, "unknown keys in a fault rule: servce"),
        ({"path": "("}, "not a regular expression"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(sandbox: Sandbox, rule: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        sandbox.faults([rule])
