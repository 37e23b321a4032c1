"""Which calls a rule meets and when it fires, rules that come and go one by one, rules that cannot work."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from release.errors import Misconfigured
from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function, publish, refused
from tests.sandbox.conftest import Client
from tests.sandbox.wire import is_refused, raw

pytestmark = pytest.mark.usefixtures("no_faults_left")
THROTTLED = {"status": 429}
ARN = "arn:aws:lambda:us-east-1:123456789012:function"


# -- which calls ---------------------------------------------------------------------------------------------


def test_the_nth_call_aloneis_refused(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"service": "sts", "operation": "GetCallerIdentity", "nth": 3, "status": 403}])
    sts = client("sts")

    assert [is_refused(sts.get_caller_identity) for _ in range(5)] == [False, False, True, False, False]


def test_chance_is_the_same_for_the_same_seed_whatever_other_rules_there_are(
    sandbox: Sandbox, client: Client
) -> None:
    sts = client("sts")
    runs = []
    for seed, others in ((7, []), (7, [{"service": "iam", "probability": 0.5, **THROTTLED}]), (8, [])):
        sandbox.faults([*others, {"service": "sts", "probability": 0.5, "seed": seed, "status": 403}])
        runs.append([is_refused(sts.get_caller_identity) for _ in range(40)])

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
        return is_refused(functions.get_alias, **{"FunctionName": "orders", "Name": "live", **arguments})

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
        (
            "lambda",
            "get_function",
            {"FunctionName": "orders:live"},
            {"orders:live", "orders", "live", "orders/live"},
        ),
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


@pytest.mark.parametrize("waits", [{"hold": True}, {"latency_ms": 600_000}])
def test_a_call_that_waits_goes_on_when_its_rule_is_removed(
    sandbox: Sandbox, client: Client, waits: dict[str, Any]
) -> None:
    holding = sandbox.add_fault({"service": "sts", **waits})
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


# -- that cannot work ----------------------------------------------------------------------------------------


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
        ({"region": "us-eats-1", **THROTTLED}, "no AWS region 'us-eats-1'", "did you mean us-east-1"),
        ({"resource": f"{ARN}:orders", **THROTTLED}, "the ARN arn:aws", "say 'orders', and its region"),
        ({"resource": f"{ARN}:orders:live", **THROTTLED}, "the ARN arn:aws", "say 'orders/live', and"),
        ({"resource": "arn:aws:s3:::bucket/key", **THROTTLED}, "the ARN arn:aws", "say 'bucket/key', and"),
        ({"stack": "Queue", "service": "lambda"}, "a fault of a stack's resource has no service", "own"),
        ({"stack": "Queue", "latency_ms": 5}, "a fault of a stack's resource has no latency_ms", "own"),
        ({"stack": "Queue", "when": "after", "close": True}, "stack's resource has no close", "own"),
        ({"latency_ms": 5, "message": "late"}, "message of a fault is of an error", "a status as well"),
        ({"close": True, "retry_after": 5}, "retry_after of a fault is of an error", "a status as well"),
        ({"code": "a b", "status": 500}, "code of a fault is 'a b'", "such as Throttling"),
    ],
)
def test_a_rule_that_cannot_workis_refused(
    sandbox: Sandbox, rule: dict[str, Any], cause: str, fix: str
) -> None:
    for refuse in (lambda: sandbox.faults([rule]), lambda: sandbox.add_fault(rule)):
        with pytest.raises(Misconfigured) as told:
            refuse()
        assert cause in told.value.cause and fix in told.value.fix
    assert sandbox.faults_in_force() == []


@pytest.mark.parametrize("given", ["x", 7, None, [[]]])
def test_what_is_no_list_of_rulesis_refused(sandbox: Sandbox, given: Any) -> None:
    body = "{" if given == "x" else json.dumps(given)
    assert raw(sandbox, "PUT", "/_sandbox/faults", body)[0] == 400
