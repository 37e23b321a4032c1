"""Two systems of several resources each, built of the macros alone: as templates, and in the sandbox."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from release.adapters.cfn_lint import CfnLint
from release.sandbox.session import Sandbox
from tests.infra.rendered import REGIONS, rendered, system, template
from tests.sandbox.calls import settled, zipped

SYSTEMS = ("order-stream", "order-monitoring")
MINIMAL = "exports.handler = exports.audit = async () => ({ batchItemFailures: [] });\n"
# What ministack 1.5.33 has no resource for; everything else is created.
NOT_IN_THE_SANDBOX = frozenset({"AWS::Budgets::Budget"})
CallsIn = Callable[[str], Callable[[str], Any]]


@pytest.mark.parametrize("stage", ("dev", "prod"))
@pytest.mark.parametrize("name", SYSTEMS)
def test_cfn_lint_finds_nothing_in_a_system(name: str, stage: str) -> None:
    assert CfnLint()(rendered(*system(name), stage), REGIONS) == ()


# -- order stream: table -> function -> bucket; what fails -> queue -> audit function -> audit table


def resource(name: str, logical_id: str, stage: str = "dev") -> Any:
    return template(*system(name), stage)["Resources"][logical_id]["Properties"]


def allowed(name: str, role: str) -> dict[str, list[str]]:
    (policy,) = resource(name, role)["Policies"]
    found = {}
    for statement in policy["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        found[statement["Sid"]] = statement["Action"]
    return found


def test_resources_of_the_order_stream_are_named_by_stage_resource_and_team() -> None:
    text = template(*system("order-stream"))["Resources"]
    names = {
        text[one]["Properties"][key]
        for one, key in (
            ("OrdersTable", "TableName"),
            ("AuditTable", "TableName"),
            ("OrdersDlq", "QueueName"),
            ("OrderProcessorFunction", "FunctionName"),
            ("AuditProcessorFunction", "FunctionName"),
        )
    }
    assert names == {
        "dev-orders-table-backend",
        "dev-audit-table-backend",
        "dev-orders-dlq-backend",
        "dev-order-processor-lambda-backend",
        "dev-audit-processor-lambda-backend",
    }
    # a bucket's name is global: account and region stand behind what the pattern gives
    assert text["ProcessedBucket"]["Properties"]["BucketName"] == {
        "Fn::Sub": "dev-processed-data-backend-${AWS::AccountId}-${AWS::Region}"
    }


def test_the_order_processor_may_do_its_work_and_nothing_else() -> None:
    assert allowed("order-stream", "OrderProcessorRole") == {
        "OwnLogs": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "StreamOrdersTable": ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
        "WriteProcessedBucket": ["s3:PutObject", "s3:PutObjectAcl"],
        "SendOrdersDlq": ["sqs:SendMessage"],
    }


def test_the_audit_processor_may_do_its_work_and_nothing_else() -> None:
    assert allowed("order-stream", "AuditProcessorRole") == {
        "OwnLogs": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "AuditTable": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        "QueueOrdersDlq": ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
    }


def test_the_audit_table_is_asked_by_type_of_failure() -> None:
    table = resource("order-stream", "AuditTable")

    assert table["KeySchema"] == [
        {"AttributeName": "auditId", "KeyType": "HASH"},
        {"AttributeName": "timestamp", "KeyType": "RANGE"},
    ]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "failure-type-index"
    assert [one["AttributeName"] for one in index["KeySchema"]] == ["failureType", "timestamp"]


def test_five_errors_in_five_minutes_are_an_alarm() -> None:
    alarm = resource("order-stream", "OrderProcessorErrorAlarm")

    assert (alarm["MetricName"], alarm["Statistic"]) == ("Errors", "Sum")
    assert (alarm["Threshold"], alarm["Period"]) == ("5", "300")
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_the_order_stream_gives_out_what_tests_of_it_need() -> None:
    outputs = template(*system("order-stream"))["Outputs"]

    assert {
        "OrdersTableName",
        "OrdersTableStreamArn",
        "OrderProcessorFunctionName",
        "ProcessedBucketName",
        "AuditTableName",
        "AuditProcessorFunctionName",
    } <= outputs.keys()


@pytest.mark.parametrize(
    ("stage", "mode", "units"), [("dev", "PAY_PER_REQUEST", None), ("prod", "PROVISIONED", "20")]
)
def test_a_stage_chooses_how_its_tables_are_paid(stage: str, mode: str, units: str | None) -> None:
    table = resource("order-stream", "AuditTable", stage)

    assert table["BillingMode"] == mode
    for one in (table, *table["GlobalSecondaryIndexes"]):
        assert one.get("ProvisionedThroughput", {}).get("ReadCapacityUnits") == units


# -- order monitoring, held to the stack that it was asked for

ASKED: dict[str, dict[str, Any]] = {
    "OrderEventsTable": {
        "TableName": "order-events-dev",
        "AttributeDefinitions": [
            {"AttributeName": "orderId", "AttributeType": "S"},
            {"AttributeName": "timestamp", "AttributeType": "N"},
            {"AttributeName": "status", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "orderId", "KeyType": "HASH"},
            {"AttributeName": "timestamp", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "status-timestamp-index",
                "KeySchema": [
                    {"AttributeName": "status", "KeyType": "HASH"},
                    {"AttributeName": "timestamp", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": "true"},
    },
    "AuditLogsBucket": {
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": "true",
            "BlockPublicPolicy": "true",
            "IgnorePublicAcls": "true",
            "RestrictPublicBuckets": "true",
        },
    },
    "OrderAlertsTopic": {"TopicName": "order-alerts-dev"},
    "OrderProcessorFunction": {
        "FunctionName": "order-processor-dev",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": "OrderProcessorRole.Arn"},
        "Timeout": "60",
        "MemorySize": "256",
    },
    "OrderTrigger": {
        "EventSourceArn": {"Fn::GetAtt": "OrderEventsTable.StreamArn"},
        "StartingPosition": "LATEST",
        "BatchSize": "10",
        "MaximumBatchingWindowInSeconds": "5",
    },
    "OrderProcessorErrorAlarm": {
        "AlarmName": "order-processor-dev-errors",
        "MetricName": "Errors",
        "Namespace": "AWS/Lambda",
        "Statistic": "Sum",
        "Period": "300",
        "EvaluationPeriods": "1",
        "AlarmActions": [{"Ref": "OrderAlertsTopic"}],
        "TreatMissingData": "notBreaching",
        # more than five, said as six or more: counts are whole
        "Threshold": "6",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    },
    "OrderProcessorLogGroup": {"LogGroupName": "/aws/lambda/order-processor-dev", "RetentionInDays": "7"},
}


@pytest.mark.parametrize("logical_id", ASKED)
def test_the_order_monitoring_has_every_property_that_was_asked_for(logical_id: str) -> None:
    found = resource("order-monitoring", logical_id)

    assert {key: found.get(key) for key in ASKED[logical_id]} == ASKED[logical_id]


def test_logs_of_orders_go_to_glacier_after_ninety_days_and_stay() -> None:
    (rule,) = resource("order-monitoring", "AuditLogsBucket")["LifecycleConfiguration"]["Rules"]

    assert rule["Transitions"] == [{"StorageClass": "GLACIER", "TransitionInDays": "90"}]
    assert "ExpirationInDays" not in rule


def test_the_order_monitoring_gives_out_what_was_asked_for() -> None:
    outputs = template(*system("order-monitoring"))["Outputs"]

    assert {
        "OrderEventsTableName",
        "OrderEventsTableArn",
        "OrderEventsTableStreamArn",
        "AuditLogsBucketName",
        "AuditLogsBucketArn",
        "OrderProcessorFunctionName",
        "OrderProcessorFunctionArn",
        "OrderAlertsTopicArn",
        "OrderProcessorErrorAlarmName",
        "StackName",
    } <= outputs.keys()


# -- in the sandbox


@pytest.fixture(scope="module")
def calls_in() -> Iterator[CallsIn]:
    session = boto3.session.Session()
    with Sandbox.start(settle_seconds=0.02) as sandbox:

        def region(name: str) -> Callable[[str], Any]:
            return lambda service: session.client(
                service,
                name,
                endpoint_url=sandbox.endpoint,
                aws_access_key_id="111111111111",
                aws_secret_access_key="sandbox",
            )

        yield region


def without_what_is_not_there(text: str) -> str:
    """The template without the resources that the sandbox has no resource for."""
    parts = text.split("\nResources:\n")[1].split("\nOutputs:\n")[0]
    for block in [one for one in _resources(parts) if any(kind in one for kind in NOT_IN_THE_SANDBOX)]:
        text = text.replace(block, "")
    return text


def _resources(text: str) -> Iterator[str]:
    block = ""
    for line in text.splitlines(keepends=True):
        if block and line.startswith("  ") and line[2].isalpha():
            yield block
            block = ""
        block += line
    yield block


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_stands_in_the_sandbox_before_and_behind_its_alias(
    name: str, region: str, calls_in: CallsIn
) -> None:
    client = calls_in(region)
    stacks, functions = client("cloudformation"), client("lambda")
    service, text = system(name)
    stack = {
        "StackName": f"{name}-dev",
        "TemplateBody": without_what_is_not_there(rendered(service, text)),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }

    stacks.create_stack(**stack)
    assert at_rest(stacks, stack["StackName"]) == "CREATE_COMPLETE"
    for function in service.functions:
        given = functions.update_function_code(
            FunctionName=function.name("dev"), ZipFile=zipped(MINIMAL, "index.js")
        )
        settled(functions, given["FunctionName"])
        version = functions.publish_version(FunctionName=given["FunctionName"])["Version"]
        functions.create_alias(FunctionName=given["FunctionName"], Name="live", FunctionVersion=version)
    assert not functions.list_event_source_mappings()["EventSourceMappings"]
    exists = [{"ParameterKey": "AliasExists", "ParameterValue": "true"}]
    stacks.update_stack(**stack, Parameters=exists)

    assert at_rest(stacks, stack["StackName"]) == "UPDATE_COMPLETE"
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    assert {one["FunctionArn"].rpartition(":")[2] for one in mappings} == {"live"}
    stacks.delete_stack(StackName=stack["StackName"])  # the next system has the same names in it


def at_rest(stacks: Any, name: str) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status: str = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.05)
    raise AssertionError(f"{name} did not come to rest")
