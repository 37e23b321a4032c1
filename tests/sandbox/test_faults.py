"""Faults that are asked for happen, to whom and as often as asked, and to nobody else."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function, refused
from tests.sandbox.conftest import Client

pytestmark = pytest.mark.usefixtures("no_faults_left")


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
    (fault,) = sandbox.faults_in_force()
    assert [fired["rule"] for fired in sandbox.fired()] == [fault["id"]] * 2
    assert (fault["met"], fault["fired"]) == (3, 2)
    assert sandbox.fired()[0]["path"].endswith("/functions/orders/configuration")


def test_a_fault_meets_its_region_and_account_only(sandbox: Sandbox, client: Client, account: str) -> None:
    sandbox.faults([{"region": "us-west-2", "account": account, "status": 503, "code": "Unavailable"}])

    assert refused(client("lambda", "us-west-2").list_functions)[1] == 503
    assert client("lambda", "us-east-1").list_functions()["Functions"] == []
    assert client("lambda", "us-west-2", account="123412341234").list_functions()["Functions"] == []


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


# -- without an answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "versions"), [("before", 1), ("after", 2)])
def test_the_connection_ends_without_an_answer(
    sandbox: Sandbox, client: Client, account: str, when: str, versions: int
) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    sandbox.faults([{"operation": "PublishVersion", "when": when, "close": True, "times": 1}])

    with pytest.raises(ConnectionClosedError):
        functions.publish_version(FunctionName="orders")
    assert len(functions.list_versions_by_function(FunctionName="orders")["Versions"]) == versions
    lost = [call for call in sandbox.calls() if call["operation"] == "PublishVersion"][-1]
    assert lost["status"] is None and lost["fault"] == sandbox.fired()[0]["rule"]


def test_only_the_connection_of_the_call_is_ended(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"service": "sts", "close": True}, {"service": "iam", "latency_ms": 300}])
    iam = client("iam")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(iam.list_roles)
        with pytest.raises(ConnectionClosedError):
            client("sts").get_caller_identity()
        assert slow.result(20)["Roles"] == []


def test_an_object_that_is_being_sent_can_lose_its_connection(sandbox: Sandbox, client: Client) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="half-way")
    sandbox.faults([{"operation": "PutObject", "resource": "half-way/*", "close": True, "times": 1}])

    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket="half-way", Key="k", Body=b"x" * 1_000_000)
    assert "Contents" not in s3.list_objects_v2(Bucket="half-way")


def test_an_answer_comes_late_after_the_call_was_carried_out(
    sandbox: Sandbox, client: Client, account: str
) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    sandbox.faults([{"operation": "PublishVersion", "when": "after", "latency_ms": 500}])
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(functions.publish_version, FunctionName="orders")
        deadline = time.monotonic() + 20
        while not sandbox.fired() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not answer.done()
        assert len(client("lambda").list_versions_by_function(FunctionName="orders")["Versions"]) == 2
        assert answer.result(20)["Version"] == "1"
