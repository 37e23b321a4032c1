"""Every call that reaches the sandbox is noted: who called what, about what, and how it ended."""

import json

import boto3
import pytest
from botocore.config import Config

from release.sandbox.session import Sandbox
from tests.sandbox.calls import ECHO, create_function, publish
from tests.sandbox.conftest import Client
from tests.sandbox.wire import is_refused, raw

pytestmark = pytest.mark.usefixtures("no_faults_left")


def test_every_call_is_noted_with_account_and_region(sandbox: Sandbox, client: Client, account: str) -> None:
    functions = client("lambda", "us-west-2")
    create_function(functions, account, ECHO % 1)
    sandbox.forget_calls()
    publish(functions, ECHO % 2)
    client("cloudformation").describe_stacks()

    calls = sandbox.calls()
    assert {(call["account"], call["region"]) for call in calls[:-1]} == {(account, "us-west-2")}
    writes = [(call["method"], call["path"].rpartition("/")[2]) for call in calls if call["method"] != "GET"]
    assert writes == [("PUT", "code"), ("POST", "versions"), ("POST", "")]
    assert (calls[-1]["service"], calls[-1]["operation"]) == ("cloudformation", "DescribeStacks")


def test_the_log_says_how_calls_ended(sandbox: Sandbox, client: Client) -> None:
    sts = client("sts")
    sandbox.forget_calls()
    sts.get_caller_identity()
    (fault,) = sandbox.faults([{"service": "sts", "status": 403}])
    is_refused(sts.get_caller_identity)
    is_refused(client("lambda").get_function, FunctionName="none")

    calls = sandbox.calls()
    assert [(call["operation"], call["status"], call["fault"]) for call in calls] == [
        ("GetCallerIdentity", 200, None),
        ("GetCallerIdentity", 403, fault),
        ("GetFunction", 404, None),
    ]
    assert [call["number"] - calls[0]["number"] for call in calls] == [0, 1, 2]


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_a_presigned_url_is_a_call_of_whoever_signed_it(
    sandbox: Sandbox, account: str, session: boto3.session.Session, signature: str
) -> None:
    s3 = session.client(
        "s3",
        "us-east-1",
        endpoint_url=sandbox.endpoint,
        aws_access_key_id=account,
        aws_secret_access_key="sandbox",
        config=Config(signature_version=signature),
    )
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    sandbox.faults([{"account": account, "operation": "GetObject", "resource": "b/k", "status": 503}])

    status, _, body = raw(sandbox, "GET", url.removeprefix(sandbox.endpoint))
    assert status == 503 and b"<Code>SlowDown</Code>" in body


def test_a_call_tells_the_role_whose_session_made_it(
    sandbox: Sandbox, client: Client, account: str, session: boto3.session.Session
) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "sts:AssumeRole",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    client("iam").create_role(RoleName="reader", Path="/some/", AssumeRolePolicyDocument=policy)
    arn = f"arn:aws:iam::{account}:role/some/reader"
    keys = client("sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
    sandbox.forget_calls()
    session.client(
        "lambda",
        "us-east-1",
        endpoint_url=sandbox.endpoint,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        config=Config(proxies={}),
    ).list_functions()
    client("lambda").list_functions()

    assert [(call["account"], call["role"]) for call in sandbox.calls()] == [
        (account, "reader"),
        (account, ""),
    ]
