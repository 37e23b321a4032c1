"""Handlers really run: what they see, what they answer, and what is counted and logged about it."""

import base64
import collections
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.calls import ECHO, create_function, publish, refused, zipped
from tests.sandbox.conftest import Client


def invoke(
    functions: Any, qualifier: str | None = None, event: Any = None, **arguments: Any
) -> dict[str, Any]:
    if qualifier:
        arguments["Qualifier"] = qualifier
    answer: dict[str, Any] = functions.invoke(
        FunctionName="orders", Payload=json.dumps(event or {}), **arguments
    )
    return {**answer, "Payload": json.load(answer["Payload"])}


def test_a_version_and_an_alias_run_the_code_that_they_name(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % "draft")
    publish(functions, ECHO % "one")
    publish(functions, ECHO % "two")
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")

    by_alias, by_version, latest = invoke(functions, "live"), invoke(functions, "2"), invoke(functions)
    assert (by_alias["ExecutedVersion"], by_alias["Payload"]) == ("1", {"release": "one", "version": "1"})
    assert (by_version["ExecutedVersion"], by_version["Payload"]) == ("2", {"release": "two", "version": "2"})
    assert (latest["ExecutedVersion"], latest["Payload"]["version"]) == ("$LATEST", "$LATEST")
    missing = refused(functions.invoke, FunctionName="orders", Qualifier="9")
    assert missing[:2] == ("ResourceNotFoundException", 404)


CONTEXT = """
import os, sys, boto3
def handler(event, context):
    return {
        "arn": context.invoked_function_arn,
        "python": list(sys.version_info[:2]),
        "milliseconds": context.get_remaining_time_in_millis(),
        "memory": context.memory_limit_in_mb,
        "account": boto3.client("sts").get_caller_identity()["Account"],
        "region": boto3.client("s3").meta.region_name,
        "stage": os.environ["STAGE"],
        "secrets": sorted(name for name in os.environ if name in ("AWS_PROFILE", "GITHUB_TOKEN")),
    }
"""


def test_a_handler_sees_its_own_account_region_and_settings(client: Client, account: str) -> None:
    functions = client("lambda", "us-west-2")
    create_function(functions, account, CONTEXT, Environment={"Variables": {"STAGE": "qa"}}, MemorySize=256)
    publish(functions, CONTEXT)
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    seen = invoke(functions, "live")["Payload"]

    assert seen["account"] == account
    assert seen["region"] == "us-west-2"
    assert seen["arn"] == f"arn:aws:lambda:us-west-2:{account}:function:orders:live"
    assert seen["python"] == list(sys.version_info[:2])
    assert 0 < seen["milliseconds"] <= 10_000
    assert (seen["memory"], seen["stage"], seen["secrets"]) == ("256", "qa", [])


@pytest.mark.parametrize("package", ["ministack", "pytest", "release", "pydantic", "runtime_api", "workers"])
def test_a_handler_does_not_see_the_packages_of_this_project(
    client: Client, account: str, package: str
) -> None:
    functions = client("lambda")
    create_function(functions, account, f"import {package}\ndef handler(event, context): pass\n")
    answer = invoke(functions)

    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"]["errorType"] == "Runtime.ImportModuleError"
    assert answer["Payload"]["errorMessage"] == f"Unable to import module 'app': No module named '{package}'"


FAILING = """
import os, time
def handler(event, context):
    print("before", event["how"])
    if event["how"] == "raise": raise ValueError("no such product")
    if event["how"] == "exit": os._exit(3)
    if event["how"] == "sleep": time.sleep(60)
    return "alive"
"""


@pytest.mark.parametrize(
    ("how", "error_type", "message"),
    [
        ("raise", "ValueError", "no such product"),
        ("exit", "Runtime.ExitError", "exit status 3"),
        ("sleep", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    ],
)
def test_a_failing_handler_is_a_function_error_and_the_next_call_works(
    client: Client, account: str, how: str, error_type: str, message: str
) -> None:
    functions = client("lambda")
    create_function(functions, account, FAILING, Timeout=1)
    assert invoke(functions, event={"how": "live"})["Payload"] == "alive"
    failed = invoke(functions, event={"how": how})

    assert (failed["StatusCode"], failed["FunctionError"]) == (200, "Unhandled")
    assert failed["Payload"]["errorType"] == error_type
    assert message in failed["Payload"]["errorMessage"]
    assert invoke(functions, event={"how": "live"})["Payload"] == "alive"


def test_what_a_handler_prints_is_in_its_log_group_and_in_the_tail(client: Client, account: str) -> None:
    functions, logs = client("lambda"), client("logs")
    create_function(functions, account, FAILING)
    tail = invoke(functions, event={"how": "live"}, LogType="Tail")["LogResult"]
    invoke(functions, event={"how": "raise"})

    assert "before live" in base64.b64decode(tail).decode()
    lines = [
        event["message"] for event in logs.filter_log_events(logGroupName="/aws/lambda/orders")["events"]
    ]
    assert "before raise" in lines
    assert any("[ERROR] ValueError: no such product" in line for line in lines)
    assert sum(line.startswith("START RequestId:") for line in lines) == 2


def test_a_request_id_is_the_same_for_the_handler_and_in_the_log(client: Client, account: str) -> None:
    functions, logs = client("lambda"), client("logs")
    create_function(functions, account, "def handler(event, context): return context.aws_request_id\n")
    request_id = invoke(functions)["Payload"]

    lines = [
        event["message"] for event in logs.filter_log_events(logGroupName="/aws/lambda/orders")["events"]
    ]
    assert f"START RequestId: {request_id} Version: $LATEST" in lines


def test_a_canary_gets_its_share_and_is_counted_by_version(client: Client, account: str) -> None:
    functions, cloudwatch = client("lambda"), client("cloudwatch")
    create_function(functions, account, ECHO % "one")
    publish(functions, ECHO % "one")
    broken = publish(functions, "def handler(event, context): raise RuntimeError('broken build')\n")
    functions.create_alias(
        FunctionName="orders",
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {broken: 0.3}},
    )
    began = datetime.now(UTC) - timedelta(minutes=2)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: invoke(functions, "live"), range(80)))
    served = collections.Counter(answer["ExecutedVersion"] for answer in answers)

    assert 10 <= served[broken] <= 40
    assert {answer["ExecutedVersion"] for answer in answers if "FunctionError" in answer} == {broken}

    def total(metric: str, **dimensions: str) -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=began,
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    by_alias = {"FunctionName": "orders", "Resource": "orders:live"}
    assert total("Invocations", FunctionName="orders") == 80
    assert total("Errors", FunctionName="orders") == served[broken]
    assert total("Invocations", **by_alias, ExecutedVersion="1") == served["1"]
    assert total("Errors", **by_alias, ExecutedVersion="1") == 0
    assert total("Errors", **by_alias, ExecutedVersion=broken) == served[broken]


def test_reserved_concurrency_zero_throttles_every_version(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    publish(functions, ECHO % 1)
    functions.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)

    answer = refused(functions.invoke, FunctionName="orders", Qualifier="1")
    assert answer[:2] == ("TooManyRequestsException", 429)


def test_a_changed_setting_reaches_the_next_invocation(client: Client, account: str) -> None:
    functions = client("lambda")
    source = "import os\ndef handler(event, context): return os.environ.get('STAGE')\n"
    create_function(functions, account, source)
    assert invoke(functions)["Payload"] is None
    functions.update_function_configuration(FunctionName="orders", Environment={"Variables": {"STAGE": "qa"}})
    assert invoke(functions)["Payload"] == "qa"


def test_a_layer_is_part_of_what_a_handler_sees(client: Client, account: str) -> None:
    functions = client("lambda")
    layer = functions.publish_layer_version(
        LayerName="shared", Content={"ZipFile": zipped("NAME = 'from the layer'\n", "python/shared_layer.py")}
    )
    source = "import shared_layer\ndef handler(event, context): return shared_layer.NAME\n"
    create_function(functions, account, source, Layers=[layer["LayerVersionArn"]])

    assert invoke(functions)["Payload"] == "from the layer"
