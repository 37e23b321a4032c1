"""What templates of services have that no stage takes: said with file and line, before a stack is touched."""

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.texts import PRIMARY, SHORT, service

pytestmark = pytest.mark.prove  # the way of a merge, with its builds

INTAKE = """
  Intake:
    Type: AWS::SQS::Queue
    Properties: {QueueName: "orders-intake-{{ stage }}"}
"""
TRIGGER = """
  IntakeTrigger:
    Type: AWS::Lambda::EventSourceMapping
    Condition: HasAlias
    Properties:
      FunctionName: !Sub "${ApiFunction.Arn}:{{ alias }}"
      EventSourceArn: SOURCE
"""
THEIRS = '!Sub "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:orders-intake-{{ stage }}"'
IMAGE = """
  Other:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: "other-{{ stage }}", PackageType: Image, Role: "arn:aws:iam::1:role/x",
      Code: {ImageUri: "x"}}
"""


def test_two_services_that_consume_one_queue_keep_a_release_out_until_one_of_them_lets_go(
    fleet: Fleet,
) -> None:
    world = fleet.world(SHORT)
    file = "services/{}/template.yaml.j2"
    plain = {name: service(name)[file.format(name)] for name in ("orders", "stock")}
    ours = plain["orders"] + INTAKE + TRIGGER.replace("SOURCE", "!GetAtt Intake.Arn")
    theirs = plain["stock"] + TRIGGER.replace("SOURCE", THEIRS) + IMAGE
    world.merge("feat: both", {file.format("orders"): ours, file.format("stock"): theirs})

    refused = world.release("deploy", "dev", "--yes", ends=3)
    said = " ".join(refused.err.split())
    assert "orders and stock both consume the queue orders-intake-dev in us-east-1" in said
    for name, text in (("orders", ours), ("stock", theirs)):
        line = text.splitlines().index("  IntakeTrigger:") + 1
        assert f"{file.format(name)}:{line} (IntakeTrigger)" in said
    image = theirs.splitlines().index("  Other:") + 1
    assert "Other of stock-dev would run a container image, and release rolls out zips: " in said
    assert f"{file.format('stock')}:{image}" in said
    stacks = fleet.client("cloudformation", world.accounts["dev"], PRIMARY)
    assert stacks.list_stacks()["StackSummaries"] == []

    world.merge("fix: stock asks orders", {file.format("stock"): plain["stock"]})
    world.release("deploy", "dev", "--yes")
    functions = world.functions("dev", PRIMARY)
    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["FunctionArn"].endswith("function:orders-dev:live")
