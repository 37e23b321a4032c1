"""Stacks that go for good, and how those that are left are found."""

import boto3
import pytest

from release.adapters.aws import Aws
from release.adapters.removal import AwsRemoval
from release.adapters.stacks import CloudFormationStacks
from release.adapters.surroundings import AwsSurroundings
from release.core.models import Place
from release.core.orphans import TaggedStack
from release.errors import Misconfigured, Stranded
from release.ports import StackRequest
from release.sandbox.session import Sandbox

NAME = "stock-prod"
TEMPLATE = """\
Parameters:
  AliasExists: {Type: String, Default: "false"}
Resources:
  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
"""


@pytest.fixture
def place(account: str) -> Place:
    return Place(account, "us-east-1")


def create(place: Place) -> None:
    stacks = CloudFormationStacks(Aws())
    tags = {"release:service": "stock", "release:stage": "prod"}
    stacks.create(place, StackRequest(NAME, TEMPLATE, {"AliasExists": "true"}, tags))
    stacks.settled(place, NAME)


def test_a_stack_is_found_by_its_tags_as_long_as_it_is_there(place: Place) -> None:
    around, removal = AwsSurroundings(Aws()), AwsRemoval(Aws())
    assert (around.stack_names(place), around.tagged_stack(place, NAME)) == ([], None)
    assert removal.template(place, NAME) is None
    create(place)
    assert around.stack_names(place) == [NAME]
    assert around.tagged_stack(place, NAME) == TaggedStack(
        NAME, "CREATE_COMPLETE", "stock", "prod", attached=True
    )
    assert removal.template(place, NAME) == TEMPLATE
    removal.delete(place, NAME)
    assert (around.stack_names(place), around.tagged_stack(place, NAME)) == ([], None)
    removal.delete(place, NAME)  # it is gone already


def test_what_cannot_be_deleted_is_told_with_its_reason_and_deleted_by_the_next_try(
    sandbox: Sandbox, place: Place
) -> None:
    create(place)
    removal = AwsRemoval(Aws())
    sandbox.faults([{"stack": "Queue delete", "message": "somebody holds it", "times": 1}])
    with pytest.raises(Stranded, match=r"stack stock-prod in .* is deleted in part: .*Jobs") as failed:
        removal.delete(place, NAME)
    assert "describe-stack-events --stack-name stock-prod" in failed.value.fix
    removal.delete(place, NAME)
    assert AwsSurroundings(Aws()).stack_names(place) == []


def test_a_stack_that_somebody_protects_stays(place: Place) -> None:
    create(place)
    client = boto3.client("cloudformation", place.region)
    client.update_termination_protection(StackName=NAME, EnableTerminationProtection=True)
    with pytest.raises(Misconfigured, match="has termination protection") as refused:
        AwsRemoval(Aws()).delete(place, NAME)
    assert "--no-enable-termination-protection" in refused.value.fix
    assert AwsSurroundings(Aws()).stack_names(place) == [NAME]
