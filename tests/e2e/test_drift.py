"""Somebody changes by hand what serves, and what stands around it: drift names it."""

import base64
import io
import json
import zipfile
from typing import Any

import pytest

from tests.e2e.fleet import World
from tests.e2e.texts import HANDLER, PRIMARY, REPLICA


def settled(world: World, function: str, region: str) -> None:
    functions = world.functions("prod", region)
    world.until(
        lambda: (
            functions.get_function_configuration(FunctionName=function)["LastUpdateStatus"] == "Successful"
        )
    )


def publish_by_hand(world: World, service: str, region: str, *, live: bool = True) -> str:
    """`$LATEST` as it is becomes a version, and goes live, as in the console. Returns the lambda version."""
    functions, name = world.functions("prod", region), f"{service}-prod"
    settled(world, name, region)
    version: str = functions.publish_version(FunctionName=name, Description="hot fix")["Version"]
    world.until(
        lambda: (
            functions.get_function(FunctionName=name, Qualifier=version)["Configuration"]["State"] == "Active"
        )
    )
    if live:
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    return version


def other_code(service: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{service}/handler.py", HANDLER.replace('RELEASE = "1"', 'RELEASE = "by hand"'))
        archive.writestr(f"{service}/__init__.py", "")
    return packed.getvalue()


def hot_fix(world: World, service: str, region: str) -> str:
    """Other code goes live by hand. Returns its sha256 (hex)."""
    answer = world.functions("prod", region).update_function_code(
        FunctionName=f"{service}-prod", ZipFile=other_code(service)
    )
    publish_by_hand(world, service, region)
    return base64.b64decode(answer["CodeSha256"]).hex()


def drift(world: World, *, ends: int) -> list[dict[str, Any]]:
    (stage,) = json.loads(world.release("drift", "prod", "--json", ends=ends).out)
    found: list[dict[str, Any]] = stage["findings"]
    return found


def test_code_that_a_hand_has_put_live_is_named_with_region_digests_and_the_last_record(
    serving: World,
) -> None:
    assert drift(serving, ends=0) == []
    recorded = serving.code("orders", "prod", REPLICA)
    theirs = hot_fix(serving, "orders", REPLICA)

    ended = serving.release("drift", "prod", ends=3)
    for said in ("orders-prod", REPLICA, recorded[:10], theirs[:10], "v1.0.0", "Ana Developer"):
        assert said in ended.out, said
    assert max(map(len, ended.out.splitlines())) <= 120
    found = {one["kind"]: one for one in drift(serving, ends=3)}
    assert found.keys() == {"code", "regions"}
    code = found["code"]
    assert (code["function"], code["region"]) == ("orders-prod", REPLICA)
    assert (code["recorded"], code["found"]) == (recorded, theirs)


@pytest.mark.prove
def test_what_stands_around_functions_is_looked_at_as_well(serving: World) -> None:
    primary, replica = (serving.functions("prod", region) for region in (PRIMARY, REPLICA))
    # settings behind the alias
    replica.update_function_configuration(
        FunctionName="stock-prod",
        MemorySize=512,
        Environment={"Variables": {"LOG_LEVEL": "DEBUG", "EXTRA": "1"}},
    )
    publish_by_hand(serving, "stock", REPLICA)
    # an event source on the bare name
    account = serving.accounts["prod"]
    queues = serving.fleet.client("sqs", account, PRIMARY)
    queues.create_queue(QueueName="intake")
    primary.create_event_source_mapping(
        FunctionName="stock-prod", EventSourceArn=f"arn:aws:sqs:{PRIMARY}:{account}:intake"
    )
    # somebody stops a function, and tries something on $LATEST of it
    primary.put_function_concurrency(FunctionName="orders-prod", ReservedConcurrentExecutions=0)
    primary.update_function_code(FunctionName="orders-prod", ZipFile=other_code("orders"))
    settled(serving, "orders-prod", PRIMARY)
    # a template by hand
    stacks = serving.fleet.client("cloudformation", account, REPLICA)
    template = stacks.get_template(StackName="orders-prod", TemplateStage="Original")["TemplateBody"]
    stacks.update_stack(
        StackName="orders-prod",
        TemplateBody=f"{template}# by hand\nOutputs: {{Hand: {{Value: made}}}}\n",
        Parameters=[{"ParameterKey": "AliasExists", "ParameterValue": "true"}],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    serving.until(
        lambda: (
            stacks.describe_stacks(StackName="orders-prod")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"
        )
    )

    findings = drift(serving, ends=3)
    found = {(one["kind"], one["function"] or one["service"], one["region"]): one for one in findings}
    assert found.keys() == {
        ("settings", "stock-prod", REPLICA),
        ("version", "stock-prod", REPLICA),
        ("regions", "stock-prod", REPLICA),
        ("event source", "stock-prod", PRIMARY),
        ("concurrency", "orders-prod", PRIMARY),
        ("latest", "orders-prod", PRIMARY),
        ("stack", "orders", REPLICA),
    }
    assert [one["kind"] for one in findings if one["harmless"]] == ["latest"]
    settings = found["settings", "stock-prod", REPLICA]["what"]
    for said in ("memory 512 instead of 128", "another value of LOG_LEVEL", "EXTRA in its environment"):
        assert said in settings
    assert "DEBUG" not in json.dumps(findings)
    assert "intake feeds $LATEST" in found["event source", "stock-prod", PRIMARY]["what"]
    detected = serving.release("drift", "prod", "--detect", ends=3).out
    print(detected)
    assert "stack stock-prod: ApiFunction (AWS::Lambda::Function) was changed: " in detected
    assert "MemorySize" in detected


@pytest.mark.prove
def test_reconcile_brings_back_what_a_hand_has_moved_and_the_ledger_says_so(serving: World) -> None:
    before = serving.live("prod")
    hot_fix(serving, "orders", REPLICA)
    functions = serving.functions("prod", PRIMARY)
    functions.update_function_configuration(FunctionName="stock-prod", MemorySize=256)
    version = publish_by_hand(serving, "stock", PRIMARY, live=False)
    functions.update_alias(
        FunctionName="stock-prod", Name="live", RoutingConfig={"AdditionalVersionWeights": {version: 0.2}}
    )
    assert {one["kind"] for one in drift(serving, ends=3)} == {"code", "weights", "regions", "latest"}

    plan = serving.release("plan", "reconcile", "prod", "--reason", "the hot fix is merged")
    assert "orders-prod" in plan.out
    serving.release("reconcile", "prod", "--reason", "the hot fix is merged", "--yes")

    left = drift(serving, ends=0)  # what no alias can repair is still told
    assert {(one["kind"], one["function"], one["harmless"]) for one in left} == {
        ("latest", "orders-prod", True),
        ("latest", "stock-prod", True),
    }
    assert serving.live("prod") == before
    alias = serving.alias("stock", "prod", PRIMARY)
    assert alias is not None
    assert not alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")
    last = serving.remote.ledger()[-1]
    assert (last["verb"], last["outcome"], last["reason"]) == (
        "reconcile",
        "succeeded",
        "the hot fix is merged",
    )
    head = serving.remote.head("prod")
    assert (head["serves"]["release"]["tag"], head.get("held")) == ("v1.0.0", None)
    assert "nothing to do" in serving.release("reconcile", "prod", "--reason", "again", "--yes").out
    assert "v1.0.0" in serving.release("status", "prod").out
    # (dev and qa of this world are in accounts that it has left)
    assert "aliases that serve what is recorded: 4" in serving.release("audit", "verify", ends=None).out


HOLDING_DATA = """
  Kept: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain, Properties: {TableName: kept-stock,
    BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: id, AttributeType: S}],
    KeySchema: [{AttributeName: id, KeyType: HASH}]}}
  Intake: {Type: AWS::SQS::Queue, Properties: {QueueName: lost-stock}}
"""


def give_data(world: World, stack: str, region: str) -> None:
    """Somebody gives a stack a table that outlives it, and a queue that does not."""
    stacks = world.fleet.client("cloudformation", world.accounts["prod"], region)
    template = stacks.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    stacks.update_stack(
        StackName=stack,
        TemplateBody=template.replace("Resources:", f"Resources:{HOLDING_DATA}", 1),
        Parameters=[{"ParameterKey": "AliasExists", "UsePreviousValue": True}],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    world.until(
        lambda: stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"
    )


def orphans(world: World) -> set[tuple[str, str, str]]:
    (stage,) = json.loads(world.release("status", "prod", "--json").out)
    return {(one["service"], one["region"], one["state"]) for one in stage["orphans"]}


@pytest.mark.prove
def test_what_a_removed_service_has_left_is_an_orphan_until_it_is_retired_and_its_stack_is_gone(
    serving: World,
) -> None:
    in_both = (PRIMARY, REPLICA)
    serving.git("rm", "-r", "--quiet", "services/stock")
    serving.merge("feat!: no stock any more", {})
    for words in (("deploy", "dev"), ("promote", "qa"), ("promote", "prod")):
        serving.release(*words, "--yes")
    assert {(one["kind"], one["function"], one["region"]) for one in drift(serving, ends=3)} == {
        ("orphan", "stock-prod", PRIMARY),
        ("orphan", "stock-prod", REPLICA),
    }
    assert orphans(serving) == {("stock", region, "serves") for region in in_both}
    retire = ("retire", "stock", "prod", "--reason", "nobody asks for it")
    said = serving.release("status").out
    assert "orphan stock in us-east-1, us-west-2: the triggers of its stack stock-prod are on" in said
    assert "to end it: release retire stock prod --reason TEXT" in said
    refused = serving.release("retire", "orders", "prod", "--reason", "a slip", "--yes", ends=3)
    assert "orders is part of" in refused.err
    refused = serving.release(*retire, "--delete-stack", "--yes", ends=3)
    assert "still in service in prod" in refused.err

    records = len(serving.remote.ledger())
    planned = serving.release("plan", *retire)
    assert "triggers off" in planned.out
    assert (len(serving.remote.ledger()), orphans(serving)) == (
        records,
        {("stock", region, "serves") for region in in_both},
    )
    ended = serving.release(*retire, "--yes")
    assert "triggers off" in ended.out
    assert [serving.alias("stock", "prod", region) for region in in_both] == [None, None]
    left = drift(serving, ends=0)  # what is kept for its data is told, and no drift
    assert {(one["kind"], one["service"], one["region"], one["harmless"]) for one in left} == {
        ("orphan", "stock", region, True) for region in in_both
    }
    assert orphans(serving) == {("stock", region, "retired") for region in in_both}
    stacks = {
        region: serving.fleet.client("cloudformation", serving.accounts["prod"], region) for region in in_both
    }
    for region in in_both:
        (stack,) = stacks[region].describe_stacks(StackName="stock-prod")["Stacks"]
        assert {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]} == {
            "AliasExists": "false"
        }
    assert "nobody asks for it" in serving.release("audit", "log", "--stage", "prod").out
    verified = serving.release("audit", "verify", "--without-github").out
    assert "aliases that serve what is recorded: 2" in verified
    assert "nothing to do" in serving.release("retire", "stock", "prod", "--reason", "again", "--yes").out

    early = serving.release(*retire, "--delete-stack", "--yes", ends=3)
    assert "stays for 24 h in which somebody may miss it" in early.err
    give_data(serving, "stock-prod", PRIMARY)
    delete = (*retire, "--delete-stack", "--quiet", "0")
    refused = serving.release(*delete, "--yes", ends=3)
    assert "the data of Intake (AWS::SQS::Queue) would go" in refused.err
    assert stacks[PRIMARY].describe_stacks(StackName="stock-prod")["Stacks"]
    planned = serving.release("plan", *delete, "--delete-data", "Intake")
    for said in ("what stays of stock-prod in us-east-1: Kept (AWS::DynamoDB::Table)", "what is lost"):
        assert said in planned.out
    (done,) = [json.loads(serving.release(*delete, "--delete-data", "Intake", "--yes", "--json").out)]
    assert {one["region"]: (one["kept"], one["data_lost"]) for one in done["deleted"]} == {
        PRIMARY: (["Kept (AWS::DynamoDB::Table)"], ["Intake (AWS::SQS::Queue)"]),
        REPLICA: ([], []),
    }
    for region in in_both:
        with pytest.raises(stacks[region].exceptions.ClientError, match="does not exist"):
            stacks[region].describe_stacks(StackName="stock-prod")
        assert serving.versions("stock", "prod", region) == []
    tables = serving.fleet.client("dynamodb", serving.accounts["prod"], PRIMARY)
    assert tables.list_tables()["TableNames"] == ["kept-stock"]
    queues = serving.fleet.client("sqs", serving.accounts["prod"], PRIMARY)
    assert not queues.list_queues().get("QueueUrls")
    begun, ended = serving.remote.ledger()[-2:]
    assert (begun["kind"], begun["services"]) == ("retire", ["stock"])
    assert (ended["kind"], ended["id"], ended["outcome"]) == ("retire-ended", begun["id"], "succeeded")
    assert ended["notes"] == [f"stack stock-prod in {region}: deleted" for region in (PRIMARY, REPLICA)]
    assert begun["notes"] == [
        "deletes stack stock-prod in us-east-1, and with it Intake (AWS::SQS::Queue)",
        "deletes stack stock-prod in us-west-2",
    ]
    assert (orphans(serving), drift(serving, ends=0)) == (set(), [])
    assert "nothing to do" in serving.release(*delete, "--yes").out
    serving.release("audit", "verify", "--without-github")
