"""Stacks as `release` uses them: code, alias and versions are not the stack's, whatever it is updated to."""

import http.client
import json
import time
from typing import Any

import pytest

from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, digest, refused, settled, zipped
from tests.sandbox.conftest import Client

PLACEHOLDER = "def handler(event, context):\n    raise RuntimeError('placeholder')\n"
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "AliasExists": {"Type": "String", "Default": "false", "AllowedValues": ["true", "false"]},
        "Memory": {"Type": "Number", "Default": 128},
    },
    "Conditions": {"HasAlias": {"Fn::Equals": [{"Ref": "AliasExists"}, "true"]}},
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": {"Fn::Sub": "orders-${AWS::Region}"},
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": "orders-audit",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            },
        },
        "Logs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": "/aws/lambda/orders", "RetentionInDays": 7},
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "DependsOn": "Logs",
            "Properties": {
                "FunctionName": "orders",
                "Runtime": "python3.13",
                "Handler": "app.handler",
                "MemorySize": {"Ref": "Memory"},
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": PLACEHOLDER},
            },
        },
        "Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Condition": "HasAlias",
            "Properties": {"Name": "orders", "ProtocolType": "HTTP"},
        },
        "Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Condition": "HasAlias",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": {"Fn::Sub": "${Function.Arn}:live"},
                "PayloadFormatVersion": "2.0",
            },
        },
        "Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Condition": "HasAlias",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": "GET /orders/{id}",
                "Target": {"Fn::Sub": "integrations/${Integration}"},
            },
        },
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Condition": "HasAlias",
            "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Condition": "HasAlias",
            "Properties": {
                "FunctionName": {"Fn::Sub": "${Function.Arn}:live"},
                "Action": "lambda:InvokeFunction",
                "Principal": "apigateway.amazonaws.com",
            },
        },
    },
    "Outputs": {"FunctionName": {"Value": {"Ref": "Function"}}},
}
BODY = "# orders\n" + json.dumps(TEMPLATE, indent=1)


class Stack:
    """The stack `orders` of one account and region."""

    def __init__(self, cloudformation: Any) -> None:
        self.client = cloudformation

    def create(self, **arguments: Any) -> str:
        self._call(self.client.create_stack, **arguments)
        return self.wait()

    def update(self, **arguments: Any) -> str:
        self._call(self.client.update_stack, **arguments)
        return self.wait()

    def wait(self) -> str:
        """The status once nothing is in progress any more."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            status: str = self.describe()["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                return status
            time.sleep(0.01)
        raise AssertionError("the stack did not come to rest")

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_stacks(StackName="orders")["Stacks"][0]
        return found

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.describe_stack_events(StackName="orders")["StackEvents"]
        return found

    @staticmethod
    def _call(call: Any, parameters: dict[str, str] | None = None, **arguments: Any) -> None:
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()]
        call(
            **{
                "StackName": "orders",
                "TemplateBody": BODY,
                "Capabilities": ["CAPABILITY_NAMED_IAM"],
                "Parameters": given,
                **arguments,
            }
        )


@pytest.fixture
def stack(client: Client) -> Stack:
    stack = Stack(client("cloudformation"))
    assert stack.create(Tags=[{"Key": "stage", "Value": "qa"}]) == "CREATE_COMPLETE"
    return stack


def released(functions: Any, source: str) -> str:
    """Does what `release` does to a function of a stack; the version that the alias `live` is on."""
    functions.update_function_code(FunctionName="orders", ZipFile=zipped(source))
    settled(functions, "orders")
    version: str = functions.publish_version(FunctionName="orders", CodeSha256=digest(zipped(source)))[
        "Version"
    ]
    settled(functions, "orders", version)
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion=version)
    return version


def test_a_stack_makes_what_its_template_says(stack: Stack, client: Client) -> None:
    described = stack.describe()

    assert described["Outputs"][0]["OutputValue"] == "orders"
    assert described["Tags"] == [{"Key": "stage", "Value": "qa"}]
    assert {parameter["ParameterKey"] for parameter in described["Parameters"]} == {"AliasExists", "Memory"}
    assert client("dynamodb").describe_table(TableName="orders-audit")["Table"]["TableStatus"] == "ACTIVE"
    (group,) = client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/orders")["logGroups"]
    assert group["retentionInDays"] == 7
    failed = client("lambda").invoke(FunctionName="orders")
    assert failed["FunctionError"] == "Unhandled"
    assert "placeholder" in json.load(failed["Payload"])["errorMessage"]


def test_the_template_is_answered_as_it_was_sent(stack: Stack) -> None:
    answer = stack.client.get_template(StackName="orders", TemplateStage="Original")
    assert answer["TemplateBody"] == BODY


def test_a_stack_update_of_the_memory_leaves_code_versions_and_alias_alone(
    stack: Stack, client: Client
) -> None:
    functions = client("lambda")
    released(functions, ECHO % 1)
    alias = functions.get_alias(FunctionName="orders", Name="live")
    assert stack.update(parameters={"Memory": "256"}) == "UPDATE_COMPLETE"

    latest = functions.get_function_configuration(FunctionName="orders")
    assert (latest["MemorySize"], latest["LastUpdateStatus"]) == (256, "Successful")
    assert latest["CodeSha256"] == digest(zipped(ECHO % 1))
    after = functions.get_alias(FunctionName="orders", Name="live")
    assert after["RevisionId"] == alias["RevisionId"]
    assert functions.get_function_configuration(FunctionName="orders", Qualifier="1")["MemorySize"] == 128


def test_a_stack_update_of_something_else_does_not_touch_the_function(stack: Stack, client: Client) -> None:
    functions = client("lambda")
    released(functions, ECHO % 1)
    before = functions.get_function_configuration(FunctionName="orders")["RevisionId"]
    assert stack.update(parameters={"AliasExists": "true"}) == "UPDATE_COMPLETE"

    assert functions.get_function_configuration(FunctionName="orders")["RevisionId"] == before


def test_a_stack_waits_for_an_update_that_is_in_progress(stack: Stack, client: Client) -> None:
    functions = client("lambda")
    functions.update_function_code(FunctionName="orders", ZipFile=zipped(ECHO % 1))

    assert stack.update(parameters={"Memory": "512"}) == "UPDATE_COMPLETE"
    latest = functions.get_function_configuration(FunctionName="orders")
    assert (latest["MemorySize"], latest["CodeSha256"]) == (512, digest(zipped(ECHO % 1)))


def test_a_template_may_change_code_and_configuration_of_a_function_at_once(
    stack: Stack, client: Client
) -> None:
    template = json.loads(json.dumps(TEMPLATE))
    template["Resources"]["Function"]["Properties"] |= {"Code": {"ZipFile": ECHO % 7}, "Timeout": 9}

    assert stack.update(TemplateBody=json.dumps(template)) == "UPDATE_COMPLETE"
    assert json.load(client("lambda").invoke(FunctionName="orders")["Payload"])["release"] == 7


def test_an_http_api_on_the_alias_serves_what_the_alias_serves(
    sandbox: Sandbox, stack: Stack, client: Client
) -> None:
    functions = client("lambda")
    source = (
        "def handler(event, context):\n    return {'statusCode': 200, 'body': context.function_version}\n"
    )
    version = released(functions, source)
    assert stack.update(parameters={"AliasExists": "true"}) == "UPDATE_COMPLETE"

    (api,) = client("apigatewayv2").get_apis()["Items"]
    host, port = sandbox.endpoint.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/orders/7", headers={"Host": f"{api['ApiId']}.execute-api.localhost:{port}"})
    response = connection.getresponse()
    status, body = response.status, response.read().decode()
    connection.close()
    assert (status, body) == (200, version)
    policy = json.loads(functions.get_policy(FunctionName="orders", Qualifier="live")["Policy"])
    assert policy["Statement"][0]["Resource"].endswith(":function:orders:live")
    assert refused(functions.get_policy, FunctionName="orders")[0] == "ResourceNotFoundException"


def test_an_update_without_a_change_is_refused(stack: Stack) -> None:
    answer = refused(
        stack.client.update_stack,
        StackName="orders",
        TemplateBody=BODY,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    assert answer == ("ValidationError", 400, "No updates are to be performed.")


def test_events_carry_the_token_of_the_request(stack: Stack) -> None:
    assert stack.update(parameters={"Memory": "256"}, ClientRequestToken="v1-0-0-qa-1") == "UPDATE_COMPLETE"

    tokens = {event.get("ClientRequestToken") for event in stack.events()}
    assert "v1-0-0-qa-1" in tokens


def test_a_failed_update_goes_back_to_what_was(sandbox: Sandbox, stack: Stack, client: Client) -> None:
    template = json.loads(json.dumps(TEMPLATE))
    template["Resources"]["Function"]["Properties"]["MemorySize"] = 1024
    template["Resources"]["Late"] = {"Type": "AWS::SQS::Queue", "DependsOn": "Function"}
    queue = {"stack": "AWS::SQS::Queue create Late"}
    elsewhere = [{**queue, "region": "eu-west-1"}, {**queue, "account": "000000000001"}]
    here = {**queue, "region": stack.client.meta.region_name, "message": "no queue today"}
    *_, late = sandbox.faults([*elsewhere, here])
    try:
        status = stack.update(TemplateBody=json.dumps(template))
    finally:
        fired = sandbox.fired()
        sandbox.faults([])

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert fired == [{"rule": late, "stack": "AWS::SQS::Queue create Late"}]
    assert any("no queue today" in event.get("ResourceStatusReason", "") for event in stack.events())
    assert settled(client("lambda"), "orders")["MemorySize"] == 128
    assert stack.client.get_template(StackName="orders")["TemplateBody"] == BODY


def test_a_function_whose_code_cannot_be_read_fails_the_stack(client: Client) -> None:
    template = json.loads(json.dumps(TEMPLATE))
    template["Resources"]["Function"]["Properties"]["Code"] = {"S3Bucket": "no-such-bucket", "S3Key": "a.zip"}
    stack = Stack(client("cloudformation"))

    assert stack.create(TemplateBody=json.dumps(template)) == "ROLLBACK_COMPLETE"
    assert any("NoSuchBucket" in event.get("ResourceStatusReason", "") for event in stack.events())


def test_iam_resources_have_to_be_acknowledged(client: Client) -> None:
    answer = refused(client("cloudformation").create_stack, StackName="orders", TemplateBody=BODY)
    assert answer[0] == "InsufficientCapabilitiesException"


def test_a_deleted_stack_takes_its_resources_along(stack: Stack, client: Client) -> None:
    stack.client.delete_stack(StackName="orders")
    stack.client.get_waiter("stack_delete_complete").wait(
        StackName="orders", WaiterConfig={"Delay": 0, "MaxAttempts": 500}
    )

    assert refused(stack.client.describe_stacks, StackName="orders")[0] == "ValidationError"
    assert refused(client("lambda").get_function, FunctionName="orders")[0] == "ResourceNotFoundException"
    assert client("dynamodb").list_tables()["TableNames"] == []
