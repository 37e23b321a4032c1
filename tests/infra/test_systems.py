"""Two systems of several resources each, built of the macros alone: as templates, and in the sandbox."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
import pytest

from release.adapters.cfn_lint import CfnLint
from release.core.platform import BOUNDARY, boundary_policy
from release.core.policies import BY_ID
from release.sandbox.session import Sandbox
from tests.infra.rendered import REGIONS, rendered, system, template
from tests.infra.rendered import SYSTEMS as SYSTEMS_FOLDER
from tests.sandbox.calls import settled, zipped

SYSTEMS = ("order-stream", "order-monitoring")
MINIMAL = "exports.handler = exports.audit = async () => ({ batchItemFailures: [] });\n"
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


# -- order monitoring, held to the stack that was asked for, property by property

ASKED_FILE = SYSTEMS_FOLDER / "order-monitoring" / "asked.json"
# what was asked for -> what we call it
OURS = {
    "LambdaErrorAlarm": "OrderProcessorErrorAlarm",
    "LambdaEventSourceMapping": "OrderTrigger",
    "LambdaLogGroup": "OrderProcessorLogGroup",
    "OrderProcessorLambda": "OrderProcessorFunction",
    "OrderProcessorLambdaRole": "OrderProcessorRole",
    "EnvironmentSuffix": "dev",
}
OUR_OUTPUTS = {
    "LambdaErrorAlarmName": "OrderProcessorErrorAlarmName",
    "OrderProcessorLambdaArn": "OrderProcessorFunctionArn",
    "OrderProcessorLambdaName": "OrderProcessorFunctionName",
}
POLICIES_OF_ROLE = "OrderProcessorRole/Policies/0/PolicyDocument/Statement"
# Where we are not as asked: the rule of docs/policies.md that wants it, or why.
DEVIATIONS = {
    "*/Tags": "R0401",
    "AuditLogsBucket/BucketName": "R0403",
    "AuditLogsBucket/LifecycleConfiguration/Rules/0/Id": "the rule says more than it did: versions end, too",
    "OrderAlertsTopic/KmsMasterKeyId": "R0105",
    "OrderProcessorRole/RoleName": "R0403",
    "OrderProcessorRole/ManagedPolicyArns": "R0604",
    "OrderProcessorRole/Policies/0/PolicyName": "every role of function.j2 has one policy, of one name",
    POLICIES_OF_ROLE: "compared below, statement by statement",
    "OrderProcessorFunction/Runtime": "AWS ends nodejs20.x in 2026",
    "OrderProcessorFunction/Code/ZipFile": "R0702",
    "OrderTrigger/FunctionName": "R0801",
    "OrderProcessorErrorAlarm/AlarmName": "NAME-errors, as rollouts look for it",
    "OrderProcessorErrorAlarm/AlarmDescription": "it counts errors, and no rate",
    "OrderProcessorErrorAlarm/ComparisonOperator": "more than five is six or more",
    "OrderProcessorErrorAlarm/Threshold": "more than five is six or more",
    "OrderProcessorErrorAlarm/Dimensions": "R0505",
    "OrderEventsTable/DeletionProtectionEnabled": "false is what it is without",
}


@cache
def asked() -> Any:
    return json.loads(ASKED_FILE.read_text())


def as_ours(value: Any) -> Any:
    """A value of the stack that was asked for, in our words: texts, and the stage instead of a parameter."""
    match value:
        case {"Ref": str(name)}:
            return OURS[name] if name == "EnvironmentSuffix" else {"Ref": OURS.get(name, name)}
        case {"Fn::Sub": str(text)}:
            filled = text.replace("${EnvironmentSuffix}", "dev")
            return {"Fn::Sub": filled} if "${" in filled else filled
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return {"Fn::GetAtt": f"{OURS.get(name, name)}.{attribute}"}
        case dict():
            return {key: as_ours(one) for key, one in value.items()}
        case list():
            return [as_ours(one) for one in value]
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def different(asked: Any, ours: Any, path: str) -> Iterator[str]:
    """Paths of what was asked for and is not so; what we have beside it is no difference."""
    if path in DEVIATIONS or f"*/{path.partition('/')[2]}" in DEVIATIONS:
        if asked != ours:
            yield path if path in DEVIATIONS else f"*/{path.partition('/')[2]}"
    elif isinstance(asked, dict) and isinstance(ours, dict):
        for key, one in asked.items():
            yield from different(one, ours.get(key), f"{path}/{key}")
    elif isinstance(asked, list) and isinstance(ours, list) and len(asked) == len(ours):
        for place, (one, other) in enumerate(zip(asked, ours, strict=True)):
            yield from different(one, other, f"{path}/{place}")
    elif asked != ours:
        yield path


def test_the_order_monitoring_differs_from_what_was_asked_where_the_table_says_so_and_nowhere_else() -> None:
    ours = template(*system("order-monitoring"))["Resources"]
    found: set[str] = set()
    for name, one in asked()["Resources"].items():
        counterpart = ours[OURS.get(name, name)]
        assert counterpart["Type"] == one["Type"]
        assert {key: counterpart.get(key) for key in ("DeletionPolicy", "UpdateReplacePolicy")} == {
            key: one.get(key) for key in ("DeletionPolicy", "UpdateReplacePolicy")
        }
        found |= set(different(as_ours(one["Properties"]), counterpart["Properties"], OURS.get(name, name)))

    assert found == DEVIATIONS.keys()
    rules = {why for why in DEVIATIONS.values() if re.fullmatch("R[0-9]{4}", why)}
    assert rules <= BY_ID.keys() and len(rules) >= 6


def test_the_order_processor_may_do_what_was_asked_for_and_what_its_policies_need() -> None:
    (policy,) = as_ours(asked()["Resources"]["OrderProcessorLambdaRole"]["Properties"]["Policies"])
    wanted = {action for one in policy["PolicyDocument"]["Statement"] for action in one["Action"]}
    ours = {
        action for actions in allowed("order-monitoring", "OrderProcessorRole").values() for action in actions
    }

    assert ours - wanted == {
        *("logs:CreateLogStream", "logs:PutLogEvents"),  # instead of AWS's policy for every log group (R0604)
        "sqs:SendMessage",  # what could not be handled (R0803)
        *("kms:Decrypt", "kms:GenerateDataKey"),  # the topic's own key (R0105)
    }
    assert wanted <= ours


def test_the_order_monitoring_gives_out_what_was_asked_for() -> None:
    wanted = {OUR_OUTPUTS.get(name, name) for name in asked()["Outputs"]}

    # the stage is in every name and no parameter
    assert wanted - template(*system("order-monitoring"))["Outputs"].keys() == {"EnvironmentSuffix"}


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


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_stands_in_both_regions_of_the_sandbox_before_and_behind_its_alias(
    name: str, calls_in: CallsIn
) -> None:
    service, text = system(name)
    stack = {
        "StackName": f"{name}-dev",
        "TemplateBody": rendered(service, text, boundary=BOUNDARY),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    iam = calls_in(REGIONS[0])("iam")
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_policy(PolicyName=BOUNDARY, PolicyDocument=json.dumps(boundary_policy()))

    for region in REGIONS:  # at the same time: what is global must not be the same in both
        stacks, functions = calls_in(region)("cloudformation"), calls_in(region)("lambda")
        stacks.create_stack(**stack)
        assert at_rest(stacks, stack["StackName"]) == "CREATE_COMPLETE"
        for function in service.functions:
            given = functions.update_function_code(
                FunctionName=function.name("dev"), ZipFile=zipped(MINIMAL, "index.js")
            )
            settled(functions, given["FunctionName"])
            version = functions.publish_version(FunctionName=given["FunctionName"])["Version"]
            functions.create_alias(FunctionName=given["FunctionName"], Name="live", FunctionVersion=version)
            role = iam.get_role(RoleName=f"{given['FunctionName']}-{region}")["Role"]
            bound = role["PermissionsBoundary"]["PermissionsBoundaryArn"]
            assert bound == f"arn:aws:iam::111111111111:policy/{BOUNDARY}"
        assert not functions.list_event_source_mappings()["EventSourceMappings"]
        exists = [{"ParameterKey": "AliasExists", "ParameterValue": "true"}]
        stacks.update_stack(**stack, Parameters=exists)

        assert at_rest(stacks, stack["StackName"]) == "UPDATE_COMPLETE"
        mappings = functions.list_event_source_mappings()["EventSourceMappings"]
        assert {one["FunctionArn"].rpartition(":")[2] for one in mappings} == {"live"}
    for region in REGIONS:
        calls_in(region)("cloudformation").delete_stack(StackName=stack["StackName"])


def test_a_stack_is_not_made_with_a_boundary_that_the_account_has_not(calls_in: CallsIn) -> None:
    service, text = system("order-stream")
    stacks = calls_in(REGIONS[0])("cloudformation")
    stacks.create_stack(
        StackName="unbound",
        TemplateBody=rendered(service, text, "qa", boundary="release-forgotten"),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )

    assert at_rest(stacks, "unbound") == "ROLLBACK_COMPLETE"
    reasons = [
        one.get("ResourceStatusReason", "")
        for one in stacks.describe_stack_events(StackName="unbound")["StackEvents"]
    ]
    assert any("policy/release-forgotten does not exist" in one for one in reasons)


def at_rest(stacks: Any, name: str) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status: str = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.05)
    raise AssertionError(f"{name} did not come to rest")
