"""One story of a fleet's stacks in two regions: what is refused, allowed, kept, taken away, and fails."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.fleet import Fleet, World
from tests.e2e.texts import PRIMARY, REGIONS, REPLICA, TEMPLATE, service

# one story, told in order: its tests go to one worker
pytestmark = [pytest.mark.prove, pytest.mark.xdist_group("infra-apply")]

STAGE = {"prod": "{name: prod, on: push, rollout: all-at-once}"}
TABLE = """\
  Ledger:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: {{ service.name }}-{{ stage }}-NAME
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
"""
QUEUE = """\
  ID:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: SECONDS}
"""
WHY = ("--reason", "the table gets its proper name")


def template(*, table: str = "ledger", queues: Mapping[str, int] = {"Jobs": 30}) -> str:
    queue = "".join(
        QUEUE.replace("ID", name).replace("SECONDS", str(seconds)) for name, seconds in queues.items()
    )
    return TEMPLATE + TABLE.replace("NAME", table) + queue


def files(name: str) -> dict[str, str]:
    text = template() if name == "orders" else TEMPLATE
    return service(name) | {f"services/{name}/template.yaml.j2": text}


class Stacks:
    """The stacks of production, as AWS has them."""

    def __init__(self, world: World) -> None:
        self.world = world

    def client(self, name: str, region: str) -> Any:
        return self.world.fleet.client(name, self.world.accounts["prod"], region)

    def merge(self, message: str, text: str) -> None:
        self.world.merge(message, {"services/orders/template.yaml.j2": text})
        self.world.release("build")

    def apply(self, *words: str, ends: int = 0) -> str:
        ended = self.world.release("infra", "apply", *words, "--yes", ends=ends)
        return str(ended.out) + str(ended.err)

    def resources(self, region: str) -> set[str]:
        shown = self.client("cloudformation", region).describe_stack_resources(StackName="orders-prod")
        return {one["LogicalResourceId"] for one in shown["StackResources"]}

    def tables(self, region: str) -> list[str]:
        names: list[str] = self.client("dynamodb", region).list_tables()["TableNames"]
        return names

    def status(self, region: str) -> str:
        shown = self.client("cloudformation", region).describe_stacks(StackName="orders-prod")["Stacks"][0]
        return str(shown["StackStatus"])

    def events(self, name: str, region: str) -> int:
        events = self.client("cloudformation", region).describe_stack_events(StackName=name)["StackEvents"]
        return len(events)

    def sets(self) -> list[str]:
        return [
            one["ChangeSetName"]
            for region in REGIONS
            for one in self.client("cloudformation", region).list_change_sets(StackName="orders-prod")[
                "Summaries"
            ]
            if one["ExecutionStatus"] == "AVAILABLE"
        ]


@pytest.fixture(scope="module")
def stacks(fleet: Fleet) -> Stacks:
    world = fleet.world(STAGE, files=files)
    world.release("deploy", "prod", "--yes")
    return Stacks(world)


def test_a_renamed_table_is_shown_refused_and_replaced_when_it_is_allowed(stacks: Stacks) -> None:
    world = stacks.world
    stacks.merge("feat: a better name", template(table="audit"))
    untouched = {region: stacks.events("stock-prod", region) for region in REGIONS}

    shown = world.release("infra", "diff", "orders", "--stage", "prod").out
    assert "± Ledger  AWS::DynamoDB::Table  (replaced, and its data is lost)" in shown
    assert "TableName  orders-prod-ledger → orders-prod-audit  replaces the resource" in shown
    planned = json.loads(world.release("plan", "deploy", "prod", "--json", ends=3).out)["plan"]
    blocked = [one for one in planned["blockers"] if one["code"] == "data-at-risk"]
    assert len(blocked) == 2 and "release infra apply orders prod --next" in blocked[0]["fix"]
    assert stacks.sets() == []  # planning makes none

    assert "its data is lost" in stacks.apply("orders", "prod", "--next", ends=3)
    assert "add --reason" in stacks.apply("orders", "prod", "--next", "--allow-replacement", "Ledger", ends=2)
    unknown = stacks.apply("orders", "prod", "--next", "--allow-replacement", "ledger", *WHY, ends=2)
    assert "no stack of this plan has such a resource" in unknown and "orders/Ledger" in unknown
    assert stacks.tables(PRIMARY) == stacks.tables(REPLICA) == ["orders-prod-ledger"]
    assert stacks.sets() == []

    stacks.apply("prod", "--next", "--allow-replacement", "orders/Ledger", *WHY)
    assert stacks.tables(PRIMARY) == stacks.tables(REPLICA) == ["orders-prod-audit"]
    assert {region: stacks.events("stock-prod", region) for region in REGIONS} == untouched
    log = json.loads(world.release("audit", "log", "--json").out)
    mine = [one for one in log if one["verb"] == "infra"]
    assert {(one["kind"], one["reason"]) for one in mine} == {("infra", WHY[1]), ("infra-ended", WHY[1])}
    assert any("replaces or removes Ledger" in line for one in mine for line in one["notes"])

    steps = json.loads(world.release("plan", "deploy", "prod", "--json").out)["plan"]["steps"]
    assert not any(step["action"].endswith("-stack") for step in steps)
    world.release("deploy", "prod", "--yes")
    assert "nothing to do" in stacks.apply("prod")


def test_a_rollout_keeps_what_a_release_takes_away_until_that_is_asked_for(stacks: Stacks) -> None:
    world = stacks.world
    stacks.merge("feat: no queue", template(table="audit", queues={}))
    assert "- Jobs  AWS::SQS::Queue" in world.release("infra", "diff", "orders").out

    world.release("deploy", "prod", "--yes")
    assert all("Jobs" in stacks.resources(region) for region in REGIONS)
    assert world.release("drift", "prod").code == 0
    assert "nothing to do" in world.release("deploy", "prod", "--yes").out
    assert "stays for now in orders-prod, us-east-1, us-west-2: Jobs" in stacks.apply("prod")
    world.release("infra", "apply", "prod", "--allow-contract", "--check", ends=3)

    contract = ("prod", "--allow-contract", "--reason", "nothing reads it")
    assert "add --allow-replacement Jobs" in stacks.apply(*contract, ends=3)
    assert all("Jobs" in stacks.resources(region) for region in REGIONS)
    stacks.apply(*contract, "--allow-replacement", "Jobs")
    assert not any("Jobs" in stacks.resources(region) for region in REGIONS)
    assert world.release("drift", "prod").code == 0
    assert world.says("orders", "prod", PRIMARY) == world.says("orders", "prod", REPLICA) == "1"


def test_a_failed_stack_is_as_it_was_and_one_that_cannot_go_back_says_how(stacks: Stacks) -> None:
    world, sandbox = stacks.world, stacks.world.fleet.sandbox
    stacks.merge("feat: a queue again", template(table="audit", queues={"Jobs": 30}))
    fault = {"stack": "AWS::SQS::Queue create Jobs", "region": REPLICA, "message": "no queue today"}
    sandbox.faults([fault])
    said = stacks.apply("prod", "--next", ends=5)
    assert (
        f"stack orders-prod in {world.accounts['prod']}/{REPLICA} ended in UPDATE_ROLLBACK_COMPLETE" in said
    )
    assert "Jobs (AWS::SQS::Queue): no queue today" in said and "that stack is as it was" in said
    assert f"orders-prod in {PRIMARY}: done" in said
    assert "Jobs" in stacks.resources(PRIMARY) and "Jobs" not in stacks.resources(REPLICA)
    sandbox.faults([])
    stacks.apply("prod", "--next")  # only what is left
    assert "Jobs" in stacks.resources(REPLICA)

    stacks.merge("feat: slower jobs, and more", template(table="audit", queues={"Jobs": 60, "More": 30}))
    sandbox.faults(
        [
            {"stack": "AWS::SQS::Queue create More", "region": PRIMARY, "message": "no more"},
            {"stack": "AWS::SQS::Queue update .*Jobs", "region": PRIMARY, "skip": 1, "message": "stuck"},
        ]
    )
    said = stacks.apply("prod", "--next", "--region", PRIMARY, ends=6)
    way = f"continue-update-rollback --stack-name orders-prod --region {PRIMARY}"
    assert "UPDATE_ROLLBACK_FAILED" in said and way in said and "--resources-to-skip Jobs" in said
    sandbox.faults([])
    assert way in stacks.apply("prod", "--next", ends=3)
    client = stacks.client("cloudformation", PRIMARY)
    client.continue_update_rollback(StackName="orders-prod")
    world.until(lambda: stacks.status(PRIMARY) == "UPDATE_ROLLBACK_COMPLETE")
    stacks.apply("prod", "--next")
    assert {"Jobs", "More"} <= stacks.resources(PRIMARY) & stacks.resources(REPLICA)


def test_an_apply_that_is_killed_is_finished_by_the_same_command(
    stacks: Stacks,
) -> None:
    world, sandbox = stacks.world, stacks.world.fleet.sandbox
    world.release("deploy", "prod", "--yes")
    stacks.merge("feat: a last one", template(table="audit", queues={"Jobs": 60, "More": 30, "Last": 30}))
    (rule,) = sandbox.faults([{"operation": "ExecuteChangeSet", "region": REPLICA, "hold": True}])
    running = world.start("infra", "apply", "prod", "--next", "--yes")
    world.until(lambda: any(one["rule"] == rule for one in sandbox.fired()))
    running.kill()
    sandbox.faults([])

    stacks.apply("prod", "--next")
    assert all("Last" in stacks.resources(region) for region in REGIONS)
    assert stacks.sets() == []
