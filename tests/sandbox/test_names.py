"""Names that are global: a bucket's in the world, a role's in its account, whoever makes them."""

import json
from typing import Any

import pytest

from tests.sandbox.calls import ECHO, create_function, refused, trust, zipped
from tests.sandbox.conftest import Client
from tests.sandbox.test_stacks import Stack


def template(resource_type: str, **properties: Any) -> dict[str, Any]:
    resources = {"Thing": {"Type": resource_type, "Properties": properties}}
    return {"TemplateBody": json.dumps({"Resources": resources})}


def role(name: str | None) -> dict[str, Any]:
    policy = {"AssumeRolePolicyDocument": json.loads(trust("lambda.amazonaws.com"))}
    return template("AWS::IAM::Role", **(policy | ({"RoleName": name} if name else {})))


def reasons(stack: Stack) -> str:
    """Why the stack failed, in events and in the operation's events."""
    operation = stack.client.describe_events(StackName=stack.describe()["StackId"])["OperationEvents"]
    return json.dumps([stack.events(), operation], default=str)


def test_a_bucket_of_another_account_takes_the_name_from_everybody(client: Client, account: str) -> None:
    name = f"taken-{account}"
    client("s3").create_bucket(Bucket=name)

    for region in ("us-east-1", "us-west-2"):
        location = {} if region == "us-east-1" else {"LocationConstraint": region}
        answer = refused(
            client("s3", region, account="123412341234").create_bucket,
            Bucket=name,
            **({"CreateBucketConfiguration": location} if location else {}),
        )
        assert answer[:2] == ("BucketAlreadyExists", 409)


def test_ones_own_bucket_is_made_again_in_virginia_only(client: Client, account: str) -> None:
    location = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
    east, west = f"east-{account}", f"west-{account}"
    client("s3").create_bucket(Bucket=east)
    client("s3", "us-west-2").create_bucket(Bucket=west, **location)

    again = client("s3").create_bucket(Bucket=east)
    assert again["ResponseMetadata"]["HTTPStatusCode"] == 200
    for name in (east, west):
        answer = refused(client("s3", "us-west-2").create_bucket, Bucket=name, **location)
        assert answer[:2] == ("BucketAlreadyOwnedByYou", 409)


def test_a_stack_does_not_take_over_a_bucket(client: Client, account: str) -> None:
    name = f"taken-{account}"
    client("s3", account="123412341234").create_bucket(Bucket=name)
    stack = Stack(client("cloudformation", "us-west-2"))

    assert stack.create(**template("AWS::S3::Bucket", BucketName=name)) == "ROLLBACK_COMPLETE"
    assert "already exists" in reasons(stack)
    other = client("s3", account="123412341234")
    assert other.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_role_is_one_in_all_regions_of_an_account(client: Client) -> None:
    east, west = Stack(client("cloudformation")), Stack(client("cloudformation", "us-west-2"))
    assert east.create(**role("orders")) == "CREATE_COMPLETE"
    made = client("iam").get_role(RoleName="orders")["Role"]["RoleId"]

    assert west.create(**role("orders")) == "ROLLBACK_COMPLETE"
    assert "'AWS::IAM::Role' with identifier 'orders' already exists." in reasons(west)
    assert client("iam").get_role(RoleName="orders")["Role"]["RoleId"] == made
    elsewhere = Stack(client("cloudformation", account="123412341234"))
    assert elsewhere.create(**role("orders")) == "CREATE_COMPLETE"
    elsewhere.client.delete_stack(StackName="orders")


def test_a_role_that_a_stack_names_itself_is_in_nobodys_way(client: Client) -> None:
    assert Stack(client("cloudformation")).create(**role(None)) == "CREATE_COMPLETE"
    stack = Stack(client("cloudformation"))
    assert stack.update(**role(None), Tags=[{"Key": "stage", "Value": "qa"}]) == "UPDATE_COMPLETE"


@pytest.mark.parametrize("kind", ["function", "table"])
def test_a_stack_does_not_take_over_what_somebody_made_by_hand(
    client: Client, account: str, kind: str
) -> None:
    stack = Stack(client("cloudformation"))
    if kind == "function":
        functions = client("lambda")
        made = create_function(functions, account, ECHO % 1)
        code = {"ZipFile": ECHO % 2}
        body = template(
            "AWS::Lambda::Function",
            **{"FunctionName": "orders", "Role": made["Role"], "Code": code},
            **{"Runtime": "python3.13", "Handler": "index.handler"},
        )
    else:
        key = {"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "id", "KeyType": "HASH"}
        table = {"AttributeDefinitions": [key[0]], "KeySchema": [key[1]], "BillingMode": "PAY_PER_REQUEST"}
        client("dynamodb").create_table(TableName="orders", **table)
        body = template("AWS::DynamoDB::Table", TableName="orders", **table)

    assert stack.create(**body) == "ROLLBACK_COMPLETE"
    assert "already exists" in reasons(stack)
    if kind == "function":
        assert functions.get_function_configuration(FunctionName="orders")["CodeSha256"] == made["CodeSha256"]
    else:
        assert client("dynamodb").list_tables()["TableNames"] == ["orders"]


@pytest.mark.parametrize("given", [[], ["CAPABILITY_IAM"], ["CAPABILITY_NAMED_IAM"]], ids="-".join)
@pytest.mark.parametrize("named", [False, True], ids=["a role", "a named role"])
def test_iam_in_a_template_has_to_be_acknowledged_in_every_way_to_it(
    client: Client, given: list[str], named: bool
) -> None:
    api, body = client("cloudformation"), role("orders" if named else None)["TemplateBody"]
    needed = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
    enough = needed in given or "CAPABILITY_NAMED_IAM" in given
    harmless = template("AWS::SQS::Queue")["TemplateBody"]
    api.create_stack(StackName="there", TemplateBody=harmless)
    Stack(api)
    api.get_waiter("stack_create_complete").wait(
        StackName="there", WaiterConfig={"Delay": 0, "MaxAttempts": 500}
    )

    for call, arguments in (
        (api.create_stack, {"StackName": "new"}),
        (api.update_stack, {"StackName": "there"}),
        (api.create_change_set, {"StackName": "there", "ChangeSetName": "change"}),
    ):
        if enough:
            call(TemplateBody=body, Capabilities=given, **arguments)
            continue
        code, status, message = refused(call, TemplateBody=body, Capabilities=given, **arguments)
        assert (code, status) == ("InsufficientCapabilitiesException", 400)
        assert message == f"Requires capabilities : [{needed}]"


def test_a_failed_stack_keeps_its_name_until_it_is_deleted(client: Client, account: str) -> None:
    stack = Stack(client("cloudformation"))
    missing = template(
        "AWS::Lambda::Function",
        **{"Role": f"arn:aws:iam::{account}:role/none", "Code": {"ZipFile": ECHO % 1}},
        **{"Runtime": "python3.13", "Handler": "index.handler"},
    )
    assert stack.create(**missing) == "ROLLBACK_COMPLETE"
    assert "cannot be assumed by Lambda" in reasons(stack)
    again = refused(stack.client.create_stack, StackName="orders", **role(None))
    assert again[:2] == ("AlreadyExistsException", 400)
    stack.client.delete_stack(StackName="orders")
    stack.client.get_waiter("stack_delete_complete").wait(
        StackName="orders", WaiterConfig={"Delay": 0, "MaxAttempts": 500}
    )
    assert stack.create(**role(None)) == "CREATE_COMPLETE"


def test_zips_of_stacks_are_held_to_what_lambda_takes(client: Client, account: str) -> None:
    s3, bucket = client("s3"), f"code-{account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="good.zip", Body=zipped(ECHO % 1))
    s3.put_object(Bucket=bucket, Key="bad.zip", Body=b"no zip")
    made = create_function(client("lambda"), account, ECHO % 1, name="another")
    wanted = {"Role": made["Role"], "Runtime": "python3.13", "Handler": "app.handler"}
    stack = Stack(client("cloudformation"))

    bad = template("AWS::Lambda::Function", Code={"S3Bucket": bucket, "S3Key": "bad.zip"}, **wanted)
    assert stack.create(**bad) == "ROLLBACK_COMPLETE"
    assert "Could not unzip uploaded file" in reasons(stack)
