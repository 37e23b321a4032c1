"""Faults that are asked for happen, to whom and as often as asked, and to nobody else."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import botocore.parsers
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from release.errors import Misconfigured
from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function, publish, refused
from tests.sandbox.conftest import Client

THROTTLED = {"status": 429}


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
    (fault,) = sandbox.faults_in_force()
    assert [fired["rule"] for fired in sandbox.fired()] == [fault["id"]] * 2
    assert (fault["met"], fault["fired"]) == (3, 2)
    assert sandbox.fired()[0]["path"].endswith("/functions/orders/configuration")


def test_a_fault_meets_its_region_and_account_only(sandbox: Sandbox, client: Client, account: str) -> None:
    sandbox.faults([{"region": "us-west-2", "account": account, "status": 503, "code": "Unavailable"}])

    assert refused(client("lambda", "us-west-2").list_functions)[1] == 503
    assert client("lambda", "us-east-1").list_functions()["Functions"] == []
    assert client("lambda", "us-west-2", account="123412341234").list_functions()["Functions"] == []


def test_an_action_of_a_query_service_is_refused_in_its_own_words(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"operation": "DescribeStacks", "status": 400, "code": "Throttling", "message": "a < b"}])

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
    assert (calls[-1]["service"], calls[-1]["operation"]) == ("cloudformation", "DescribeStacks")


@pytest.mark.parametrize(
    ("rule", "cause", "fix"),
    [
        ({"servce": "lambda"}, "a fault rule has no 'servce'", "did you mean 'service'?"),
        ({"colour": "red"}, "a fault rule has no 'colour'", "a rule has: service, operation, resource"),
        ({"path": "(", "status": 500}, "path of a fault is '('", "path is a regular expression"),
        ({"stack": "["}, "stack of a fault is '['", "stack is a regular expression"),
        ({"service": "lamda", **THROTTLED}, "there is no AWS service 'lamda'", "did you mean lambda"),
        ({"service": "../lambda", **THROTTLED}, "there is no AWS service '../lambda'", ""),
        (
            {"service": "lambda", "operation": "UpdatAlias", **THROTTLED},
            "lambda has no operation 'UpdatAlias'",
            "did you mean UpdateAlias",
        ),
        ({"service": "s3", "operation": "UpdateAlias", **THROTTLED}, "s3 has no operation", "name it as AWS"),
        ({"operation": "DescribeStack", **THROTTLED}, "none of the usual services", "mean DescribeStacks"),
        ({"operation": "Xyzzy*", **THROTTLED}, "none of the usual services", "give its service as well"),
        ({"probability": 1.5, **THROTTLED}, "probability of a fault is 1.5", "a number from 0 to 1"),
        ({"probability": float("nan"), **THROTTLED}, "probability of a fault is nan", "a number from 0 to 1"),
        ({"probability": "often", **THROTTLED}, "probability of a fault is 'often'", "a number from 0 to 1"),
        ({"status": 200}, "status of a fault is 200", "from 400 to 599"),
        ({"status": True}, "status of a fault is True", "from 400 to 599"),
        ({"status": "429"}, "status of a fault is '429'", "from 400 to 599"),
        ({"latency_ms": -1}, "latency_ms of a fault is -1", "a number of milliseconds"),
        ({"region": "us-east", **THROTTLED}, "region of a fault is 'us-east'", "such as us-east-1"),
        ({"account": "123", **THROTTLED}, "account of a fault is '123'", "12 digits"),
        ({"nth": 0, **THROTTLED}, "nth of a fault is 0", "a whole number from 1"),
        ({"nth": 2, "times": 3, **THROTTLED}, "nth of a fault goes with neither skip nor times", "skip N-1"),
        ({"when": "later", **THROTTLED}, "when of a fault is 'later'", '"before" or "after"'),
        ({"service": "lambda"}, "the fault does nothing", "give it a status"),
        ({"hang": True, **THROTTLED}, "a fault ends one way, not by hang and status", "make two rules"),
        ({"code": "Whatever"}, "the HTTP status of Whatever is not known", "a status as well"),
        ({"code": "a b", "status": 500}, "code of a fault is 'a b'", "such as Throttling"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(
    sandbox: Sandbox, rule: dict[str, Any], cause: str, fix: str
) -> None:
    for refuse in (lambda: sandbox.faults([rule]), lambda: sandbox.add_fault(rule)):
        with pytest.raises(Misconfigured) as told:
            refuse()
        assert cause in told.value.cause and fix in told.value.fix
    assert sandbox.faults_in_force() == []


@pytest.mark.parametrize("given", ["x", 7, None, [[]]])
def test_what_is_no_list_of_rules_is_refused(sandbox: Sandbox, given: Any) -> None:
    body = "{" if given == "x" else json.dumps(given)
    assert _raw(sandbox, "PUT", "/_sandbox/faults", body)[0] == 400


# -- one by one ----------------------------------------------------------------------------------------------


def test_rules_are_added_and_removed_one_by_one(sandbox: Sandbox, client: Client) -> None:
    first = sandbox.add_fault({"service": "sts", "status": 503})
    second = sandbox.add_fault({"service": "sts", "status": 403})
    sts = client("sts")

    assert refused(sts.get_caller_identity)[:2] == ("ServiceUnavailable", 503)  # the older one meets it first
    sandbox.remove_fault(first)
    assert refused(sts.get_caller_identity)[:2] == ("AccessDenied", 403)
    assert [fault["id"] for fault in sandbox.faults_in_force()] == [second]
    sandbox.remove_fault(second)
    assert sts.get_caller_identity()["Account"]
    assert [fired["rule"] for fired in sandbox.fired()] == [first, second]


def test_an_id_is_never_used_again(sandbox: Sandbox) -> None:
    first = sandbox.add_fault(THROTTLED)
    sandbox.faults([])

    assert sandbox.add_fault(THROTTLED) > first
    with pytest.raises(Misconfigured, match=f"there is no fault {first}"):
        sandbox.remove_fault(first)


def test_a_held_call_goes_on_when_its_rule_is_removed(sandbox: Sandbox, client: Client) -> None:
    holding = sandbox.add_fault({"service": "sts", "hold": True})
    sts = client("sts")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(sts.get_caller_identity)
        deadline = time.monotonic() + 20
        while not sandbox.fired() and time.monotonic() < deadline:
            time.sleep(0.01)
        sandbox.add_fault({"service": "iam", **THROTTLED})
        assert not answer.done()
        sandbox.remove_fault(holding)
        assert "Account" in answer.result(20)


# -- which calls ---------------------------------------------------------------------------------------------


def test_the_nth_call_alone_is_refused(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"service": "sts", "operation": "GetCallerIdentity", "nth": 3, "status": 403}])
    sts = client("sts")

    assert [_is_refused(sts.get_caller_identity) for _ in range(5)] == [False, False, True, False, False]


def test_chance_is_the_same_for_the_same_seed_whatever_other_rules_there_are(
    sandbox: Sandbox, client: Client
) -> None:
    sts = client("sts")
    runs = []
    for seed, others in ((7, []), (7, [{"service": "iam", "probability": 0.5, **THROTTLED}]), (8, [])):
        sandbox.faults([*others, {"service": "sts", "probability": 0.5, "seed": seed, "status": 403}])
        runs.append([_is_refused(sts.get_caller_identity) for _ in range(40)])

    assert runs[0] == runs[1] != runs[2]
    assert 5 < sum(runs[0]) < 35


def test_a_resource_is_met_by_any_name_of_it(sandbox: Sandbox, client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1, "orders")
    functions.create_alias(
        FunctionName="orders", Name="live", FunctionVersion=publish(functions, ECHO % 2, "orders")
    )
    arn = functions.get_function(FunctionName="orders")["Configuration"]["FunctionArn"]

    def met(resource: str, **arguments: str) -> bool:
        sandbox.faults([{"service": "lambda", "operation": "GetAlias", "resource": resource, "status": 404}])
        return _is_refused(functions.get_alias, **{"FunctionName": "orders", "Name": "live", **arguments})

    assert met("orders") and met("ord*") and met("live") and met("orders/live") and met("*/live")
    assert met("orders", FunctionName=arn)
    assert not met("order") and not met("stock*") and not met("function")


def test_names_are_found_wherever_a_request_has_them(sandbox: Sandbox, client: Client, account: str) -> None:
    cases: list[tuple[str, str, dict[str, Any], set[str]]] = [
        ("s3", "head_object", {"Bucket": "b", "Key": "a/ü ?"}, {"b", "a/ü ?", "b/a/ü ?"}),
        ("s3", "put_object", {"Bucket": "b", "Key": "k", "Body": b"FunctionName"}, {"b", "k", "b/k"}),
        ("dynamodb", "get_item", {"TableName": "prices", "Key": {"id": {"S": "1"}}}, {"prices"}),
        (
            "dynamodb",
            "batch_get_item",
            {"RequestItems": {"prices": {"Keys": [{"id": {"S": "1"}}]}}},
            {"prices"},
        ),
        (
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"Delete": {"TableName": "prices", "Key": {"id": {"S": "1"}}}}]},
            {"prices"},
        ),
        ("cloudformation", "describe_stacks", {"StackName": "prices-prod"}, {"prices-prod"}),
        ("cloudwatch", "describe_alarms", {"AlarmNames": ["errors", "throttles"]}, {"errors", "throttles"}),
        ("logs", "describe_log_streams", {"logGroupName": "/aws/lambda/x"}, {"/aws/lambda/x"}),
        ("lambda", "get_function", {"FunctionName": "orders:live"}, {"orders:live", "orders", "live"}),
        ("lambda", "invoke", {"FunctionName": "orders", "Payload": b'{"TableName": "x"}'}, {"orders"}),
        (
            "lambda",
            "invoke",
            {"FunctionName": "orders", "Qualifier": "live"},
            {"orders", "live", "orders/live"},
        ),
        (
            "lambda",
            "create_function",
            {"FunctionName": "new", "Role": "r" * 20, "Code": {"ZipFile": b""}, "Runtime": "python3.13"},
            {"new"},
        ),
    ]
    sandbox.faults([{"account": account, "status": 500}])
    for service, call, arguments, names in cases:
        sandbox.forget_calls()
        with pytest.raises(ClientError):
            getattr(client(service), call)(**arguments)
        (noted,) = sandbox.calls()
        assert noted["service"] == service
        assert noted["operation"] == "".join(part.title() for part in call.split("_"))
        assert set(noted["resources"]) == names, call


# -- in the service's own words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "call", "arguments", "expected"),
    [
        (
            "lambda",
            "update_alias",
            {"FunctionName": "orders", "Name": "live"},
            {
                429: ("TooManyRequestsException", 429),
                409: ("ResourceConflictException", 409),
                412: ("PreconditionFailedException", 412),
                500: ("ServiceException", 500),
                503: ("ServiceUnavailableException", 503),
            },
        ),
        (
            "s3",
            "put_object",
            {"Bucket": "b", "Key": "k", "Body": b"x" * 100_000},
            {
                429: ("SlowDown", 503),
                503: ("SlowDown", 503),
                409: ("ConditionalRequestConflict", 409),
                412: ("PreconditionFailed", 412),
                500: ("InternalError", 500),
            },
        ),
        ("s3", "list_buckets", {}, {503: ("SlowDown", 503), 409: ("OperationAborted", 409)}),
        ("s3", "head_object", {"Bucket": "b", "Key": "k"}, {429: ("503", 503), 404: ("404", 404)}),
        (
            "cloudformation",
            "describe_stacks",
            {},
            {429: ("Throttling", 400), 400: ("ValidationError", 400), 503: ("ServiceUnavailable", 503)},
        ),
        ("iam", "list_roles", {}, {429: ("Throttling", 400), 500: ("ServiceFailure", 500)}),
        ("sts", "get_caller_identity", {}, {429: ("Throttling", 400), 500: ("InternalFailure", 500)}),
        (
            "dynamodb",
            "list_tables",
            {},
            {429: ("ThrottlingException", 400), 500: ("InternalFailure", 500)},
        ),
        (
            "logs",
            "describe_log_groups",
            {},
            {429: ("ThrottlingException", 400), 403: ("AccessDeniedException", 403)},
        ),
        ("cloudwatch", "describe_alarms", {}, {429: ("Throttling", 400), 500: ("InternalFailure", 500)}),
        ("sqs", "list_queues", {}, {429: ("Throttling", 400)}),
        ("ec2", "describe_vpcs", {}, {429: ("RequestLimitExceeded", 503)}),
        ("apigateway", "get_rest_apis", {}, {429: ("TooManyRequestsException", 429)}),
        (
            "apigatewayv2",
            "get_apis",
            {},
            {429: ("TooManyRequestsException", 429), 404: ("NotFoundException", 404)},
        ),
        ("route53", "list_hosted_zones", {}, {429: ("Throttling", 400)}),
    ],
)
def test_an_error_comes_in_the_protocol_and_words_of_the_service(
    sandbox: Sandbox,
    client: Client,
    account: str,
    service: str,
    call: str,
    arguments: dict[str, Any],
    expected: dict[int, tuple[str, int]],
) -> None:
    caller = client(service)
    for status, answer in expected.items():
        sandbox.faults([{"service": service, "account": account, "status": status, "message": '<no> & "ü"'}])
        found = refused(getattr(caller, call), **arguments)
        assert found[:2] == answer
        if call != "head_object":
            assert found[2] == '<no> & "ü"'


def test_lambda_says_when_to_come_back(sandbox: Sandbox, client: Client) -> None:
    functions = client("lambda")
    seen = []
    for rule in (THROTTLED, {**THROTTLED, "retry_after": 7}, {"status": 500}):
        sandbox.faults([{"service": "lambda", **rule}])
        with pytest.raises(ClientError) as told:
            functions.list_functions()
        seen.append(told.value.response["ResponseMetadata"]["HTTPHeaders"].get("retry-after"))

    assert seen == ["1", "7", None]


def test_a_code_is_answered_as_it_is_given(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"service": "sts", "code": "ExpiredToken", "status": 403}])
    assert refused(client("sts").get_caller_identity)[:2] == ("ExpiredToken", 403)
    sandbox.faults([{"service": "lambda", "code": "ResourceConflictException"}])
    assert refused(client("lambda").list_functions)[:2] == ("ResourceConflictException", 409)


def test_a_client_that_speaks_cbor_is_answered_in_cbor(sandbox: Sandbox) -> None:
    """This botocore speaks JSON to CloudWatch, and can read CBOR; other clients speak it first."""
    sandbox.faults(
        [{"service": "cloudwatch", "operation": "GetMetricData", **THROTTLED, "message": "m" * 70_000}]
    )
    scope = "Credential=999999999999/20260101/us-east-1/monitoring/aws4_request"
    status, headers, body = _raw(
        sandbox,
        "POST",
        "/service/GraniteServiceVersion20100801/operation/GetMetricData",
        b"\xa0",
        {
            "Smithy-Protocol": "rpc-v2-cbor",
            "Content-Type": "application/cbor",
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
        },
    )
    response = {"status_code": status, "headers": headers, "body": body}
    parsed = botocore.parsers.create_parser("smithy-rpc-v2-cbor").parse(response, None)
    assert (status, parsed["Error"]["Code"]) == (400, "Throttling")
    assert parsed["Error"]["Message"] == "m" * 70_000


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


# -- the log of calls ----------------------------------------------------------------------------------------


def test_the_log_says_how_calls_ended(sandbox: Sandbox, client: Client) -> None:
    sts = client("sts")
    sandbox.forget_calls()
    sts.get_caller_identity()
    (fault,) = sandbox.faults([{"service": "sts", "status": 403}])
    _is_refused(sts.get_caller_identity)
    _is_refused(client("lambda").get_function, FunctionName="none")

    calls = sandbox.calls()
    assert [(call["operation"], call["status"], call["fault"]) for call in calls] == [
        ("GetCallerIdentity", 200, None),
        ("GetCallerIdentity", 403, fault),
        ("GetFunction", 404, None),
    ]
    assert [call["number"] - calls[0]["number"] for call in calls] == [0, 1, 2]


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_a_presigned_url_is_a_call_of_whoever_signed_it(
    sandbox: Sandbox, account: str, session: boto3.session.Session, signature: str
) -> None:
    s3 = session.client(
        "s3",
        "us-east-1",
        endpoint_url=sandbox.endpoint,
        aws_access_key_id=account,
        aws_secret_access_key="sandbox",
        config=Config(signature_version=signature),
    )
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    sandbox.faults([{"account": account, "operation": "GetObject", "resource": "b/k", "status": 503}])

    status, _, body = _raw(sandbox, "GET", url.removeprefix(sandbox.endpoint))
    assert status == 503 and b"<Code>SlowDown</Code>" in body


def _raw(
    sandbox: Sandbox, method: str, path: str, body: str | bytes | None = None, headers: Any = None
) -> tuple[int, dict[str, str], bytes]:
    """An answer as it is on the wire: status, headers in lower case, body."""
    connection = http.client.HTTPConnection(sandbox.endpoint.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


def _is_refused(call: Any, **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError:
        return True
    return False
