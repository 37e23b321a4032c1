"""CloudFormation: change sets, what goes back on its own, and states out of which only a person leads."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Client
from tests.contract.planes import refused
from tests.contract.sources import source

GUIDE = "AWSCloudFormation/latest/UserGuide/"
CHANGE_SETS = GUIDE + "using-cfn-updating-stacks-changesets.html"
STATUSES = GUIDE + "view-stack-events.html"
INVALID = (400, "ValidationError")


def template(*queues: str, visibility: int = 30, **more: Any) -> str:
    resources = {
        name: {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": name.lower(), "VisibilityTimeout": visibility},
        }
        for name in queues
    }
    return json.dumps({"Resources": {**resources, **more}})


NO_CODE = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "FunctionName": "orders",
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "Role": "arn:aws:iam::123456789012:role/nobody",
        "Code": {"S3Bucket": "nowhere-at-all", "S3Key": "nothing"},
    },
}


class Stack:
    def __init__(self, cloudformation: Any, name: str = "orders") -> None:
        self.api = cloudformation
        self.name = name

    def create(self, body: str, **more: Any) -> str:
        self.api.create_stack(StackName=self.name, TemplateBody=body, **more)
        return self.rest()

    def update(self, body: str) -> str:
        self.api.update_stack(StackName=self.name, TemplateBody=body)
        return self.rest()

    def propose(self, body: str, kind: str = "UPDATE", name: str = "proposal") -> dict[str, Any]:
        self.api.create_change_set(
            StackName=self.name, ChangeSetName=name, ChangeSetType=kind, TemplateBody=body
        )
        return self.proposal(name)

    def proposal(self, name: str = "proposal") -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.api.describe_change_set(StackName=self.name, ChangeSetName=name)
            if not found["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
                return found
            time.sleep(0.02)
        raise AssertionError("the change set did not come to rest")

    @property
    def status(self) -> str:
        return str(self.api.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"])

    def rest(self) -> str:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if not self.status.endswith("_IN_PROGRESS") or self.status == "REVIEW_IN_PROGRESS":
                return self.status
            time.sleep(0.02)
        raise AssertionError("the stack did not come to rest")


@pytest.fixture
def stack(client: Client) -> Stack:
    return Stack(client("cloudformation"))


@pytest.fixture
def queues(client: Client) -> Any:
    return client("sqs")


@source(CHANGE_SETS)
def test_a_change_set_says_what_would_change_and_changes_nothing(stack: Stack, queues: Any) -> None:
    stack.create(template("First", "Second"))
    found = stack.propose(template("First", "Third", visibility=60))
    changes = {
        change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"]["Action"]
        for change in found["Changes"]
    }
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert changes == {"First": "Modify", "Second": "Remove", "Third": "Add"}
    assert len(queues.list_queues()["QueueUrls"]) == 2
    assert stack.status == "CREATE_COMPLETE"


@source(CHANGE_SETS)
def test_an_executed_change_set_is_carried_out_and_gone(stack: Stack, queues: Any) -> None:
    stack.create(template("First"))
    stack.propose(template("First", "Second"))
    stack.api.execute_change_set(StackName=stack.name, ChangeSetName="proposal")
    assert stack.rest() == "UPDATE_COMPLETE"
    assert len(queues.list_queues()["QueueUrls"]) == 2
    wanted = {"StackName": stack.name, "ChangeSetName": "proposal"}
    assert refused(stack.api.execute_change_set, **wanted)[0] in (400, 404)


@source(CHANGE_SETS)
def test_a_change_set_without_a_change_fails_and_says_so(stack: Stack) -> None:
    stack.create(template("First"))
    found = stack.propose(template("First"))
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in found["StatusReason"] or "No updates" in found["StatusReason"]


@source("AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html")
def test_a_change_set_on_a_new_stack_leaves_it_in_review(stack: Stack, queues: Any) -> None:
    stack.propose(template("First"), kind="CREATE")
    assert stack.status == "REVIEW_IN_PROGRESS"
    assert not queues.list_queues().get("QueueUrls")
    wanted = {"StackName": stack.name, "TemplateBody": template("First")}
    assert refused(stack.api.update_stack, **wanted) == INVALID


@source("AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html")
def test_a_change_set_for_an_update_needs_a_stack(stack: Stack) -> None:
    wanted = {"StackName": stack.name, "ChangeSetName": "p", "TemplateBody": template("First")}
    assert refused(stack.api.create_change_set, ChangeSetType="UPDATE", **wanted) == INVALID


@source(CHANGE_SETS)
def test_a_change_set_that_is_deleted_changes_nothing(stack: Stack, queues: Any) -> None:
    stack.create(template("First"))
    stack.propose(template("First", "Second"))
    stack.api.delete_change_set(StackName=stack.name, ChangeSetName="proposal")
    assert len(queues.list_queues()["QueueUrls"]) == 1
    status, _ = refused(stack.api.describe_change_set, StackName=stack.name, ChangeSetName="proposal")
    assert status in (400, 404)


@source(GUIDE + "using-cfn-updating-stacks-update-behaviors.html")
def test_an_update_without_a_change_is_refused(stack: Stack) -> None:
    stack.create(template("First"))
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.update(template("First"))


@source(STATUSES)
def test_a_failed_update_goes_back_to_what_was(stack: Stack, queues: Any) -> None:
    stack.create(template("First", visibility=30))
    body = template("First", "Second", visibility=60, Broken={**NO_CODE, "DependsOn": ["First", "Second"]})
    assert stack.update(body) == "UPDATE_ROLLBACK_COMPLETE"
    (url,) = queues.list_queues()["QueueUrls"]
    shown = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert shown["Attributes"]["VisibilityTimeout"] == "30"
    assert stack.update(template("First", visibility=90)) == "UPDATE_COMPLETE"


@source(STATUSES)
def test_a_stack_whose_creation_failed_is_not_updated_only_deleted(stack: Stack, queues: Any) -> None:
    assert stack.create(template("First", Broken={**NO_CODE, "DependsOn": "First"})) == "ROLLBACK_COMPLETE"
    assert not queues.list_queues().get("QueueUrls")
    wanted = {"StackName": stack.name, "TemplateBody": template("First")}
    assert refused(stack.api.update_stack, **wanted) == INVALID
    assert refused(stack.api.create_stack, **wanted) == (400, "AlreadyExistsException")
    stack.api.delete_stack(StackName=stack.name)
    assert gone(stack)


@source(GUIDE + "stack-failure-options.html")
def test_what_a_failed_creation_made_is_kept_when_asked(stack: Stack, queues: Any) -> None:
    body = template("First", Broken={**NO_CODE, "DependsOn": "First"})
    assert stack.create(body, OnFailure="DO_NOTHING") == "CREATE_FAILED"
    assert len(queues.list_queues()["QueueUrls"]) == 1


@source("AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html")
def test_only_a_stack_whose_rollback_failed_is_rolled_back_further(stack: Stack) -> None:
    stack.create(template("First"))
    assert refused(stack.api.continue_update_rollback, StackName=stack.name) == INVALID


@source(STATUSES)
def test_the_events_say_which_resource_failed_and_why(stack: Stack) -> None:
    stack.create(template("First", Broken=NO_CODE))
    events = stack.api.describe_stack_events(StackName=stack.name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert "Broken" in {event["LogicalResourceId"] for event in failed}
    assert all(event["ResourceStatusReason"] for event in failed if event["LogicalResourceId"] == "Broken")


@source(GUIDE + "aws-attribute-deletionpolicy.html")
def test_a_resource_that_is_to_be_retained_outlives_its_stack(stack: Stack, queues: Any) -> None:
    body = json.loads(template("First", "Second"))
    body["Resources"]["Second"]["DeletionPolicy"] = "Retain"
    stack.create(json.dumps(body))
    stack.api.delete_stack(StackName=stack.name)
    assert gone(stack)
    (url,) = queues.list_queues()["QueueUrls"]
    assert url.endswith("/second")


@source("AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html")
def test_a_protected_stack_is_not_deleted(stack: Stack) -> None:
    stack.create(template("First"), EnableTerminationProtection=True)
    assert refused(stack.api.delete_stack, StackName=stack.name) == INVALID
    assert stack.status == "CREATE_COMPLETE"


@source(GUIDE + "using-cfn-stack-exports.html")
def test_a_stack_whose_export_is_imported_is_not_deleted(client: Client) -> None:
    api = client("cloudformation")
    exporting, importing = Stack(api, "exporting"), Stack(api, "importing")
    body = json.loads(template("First"))
    body["Outputs"] = {"Queue": {"Value": {"Fn::GetAtt": ["First", "Arn"]}, "Export": {"Name": "queue"}}}
    exporting.create(json.dumps(body))
    imported = json.loads(template("Second"))
    imported["Outputs"] = {"Other": {"Value": {"Fn::ImportValue": "queue"}}}
    assert importing.create(json.dumps(imported)) == "CREATE_COMPLETE"
    try:
        api.delete_stack(StackName="exporting")
    except ClientError:
        pass
    else:
        exporting.rest()
    assert exporting.status in ("CREATE_COMPLETE", "DELETE_FAILED")


@source("AWSCloudFormation/latest/APIReference/API_CreateStack.html")
@pytest.mark.parametrize("call", ["create_stack", "update_stack", "create_change_set"])
@pytest.mark.parametrize("named", [True, False])
def test_iam_resources_have_to_be_acknowledged(stack: Stack, call: str, named: bool) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    if named:
        properties["RoleName"] = "orders"
    body = template("First", Role={"Type": "AWS::IAM::Role", "Properties": properties})
    if call != "create_stack":
        stack.create(template("First"))
    wanted: dict[str, Any] = {"StackName": stack.name, "TemplateBody": body}
    if call == "create_change_set":
        wanted.update(ChangeSetName="p", ChangeSetType="UPDATE")
    insufficient = (400, "InsufficientCapabilitiesException")
    assert refused(getattr(stack.api, call), **wanted) == insufficient
    if named:
        assert refused(getattr(stack.api, call), Capabilities=["CAPABILITY_IAM"], **wanted) == insufficient


@source("AWSCloudFormation/latest/UserGuide/troubleshooting.html")
def test_the_name_of_a_role_is_taken_in_every_region(client: Client) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "orders",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        },
    }
    ends = [
        Stack(client("cloudformation", region)).create(
            json.dumps({"Resources": {"Role": role}}), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        for region in ("us-east-1", "us-west-2")
    ]
    assert ends == ["CREATE_COMPLETE", "ROLLBACK_COMPLETE"]
    assert client("iam").get_role(RoleName="orders")["Role"]["RoleName"] == "orders"


def gone(stack: Stack) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if stack.status == "DELETE_COMPLETE":
                return True
        except ClientError as error:
            return "does not exist" in str(error)
        time.sleep(0.02)
    return False
