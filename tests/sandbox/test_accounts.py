"""Several accounts in one sandbox: who is who, who may become whom, and who reads whose artifacts."""

import json
from typing import Any

import pytest

from release.sandbox.session import DEFAULT_ACCOUNT, Sandbox
from tests.sandbox.calls import ECHO, create_function, digest, refused, settled, zipped
from tests.sandbox.conftest import Client

REGIONS = ("us-east-1", "us-west-2")


def assume(client: Client, role_arn: str) -> dict[str, str]:
    """Credentials of the role, as arguments of `client`, taken from the account that runs `release`."""
    sts = client("sts", account=DEFAULT_ACCOUNT)
    given = sts.assume_role(RoleArn=role_arn, RoleSessionName="release")["Credentials"]
    return {
        "account": given["AccessKeyId"],
        "secret": given["SecretAccessKey"],
        "token": given["SessionToken"],
    }


def provisioned(sandbox: Sandbox, account: str, name: str = "artifacts") -> str:
    """The deploy role of `account`, with buckets `NAME-ACCOUNT-REGION` in the artifact account."""
    role = f"arn:aws:iam::{account}:role/release-deploy"
    sandbox.provision(
        environments=[(account, REGIONS, role)],
        artifact_account=DEFAULT_ACCOUNT,
        bucket_pattern=f"{name}-{account}-{{region}}",
    )
    return role


def test_an_access_key_of_twelve_digits_is_that_account(client: Client, account: str) -> None:
    assert client("sts").get_caller_identity()["Account"] == account


def test_a_role_of_another_account_is_that_account(sandbox: Sandbox, client: Client, account: str) -> None:
    role = assume(client, provisioned(sandbox, account))

    identity = client("sts", **role).get_caller_identity()
    assert identity["Account"] == account
    assert identity["Arn"] == f"arn:aws:sts::{account}:assumed-role/release-deploy/release"
    create_function(client("lambda", **role), account, ECHO % 1)
    assert settled(client("lambda"), "orders")["FunctionArn"].split(":")[4] == account
    missing = refused(client("lambda", account=DEFAULT_ACCOUNT).get_function, FunctionName="orders")
    assert missing[:2] == ("ResourceNotFoundException", 404)


def test_a_role_that_does_not_exist_is_not_assumed(client: Client, account: str) -> None:
    answer = refused(
        client("sts").assume_role, RoleArn=f"arn:aws:iam::{account}:role/none", RoleSessionName="release"
    )
    assert answer[:2] == ("AccessDenied", 403)
    assert "is not authorized to perform: sts:AssumeRole" in answer[2]


def test_a_role_is_assumed_only_by_whom_it_trusts(sandbox: Sandbox, client: Client, account: str) -> None:
    role = provisioned(sandbox, account)
    stranger = client("sts", account="123412341234")

    assert refused(stranger.assume_role, RoleArn=role, RoleSessionName="release")[:2] == ("AccessDenied", 403)


def test_provisioning_again_changes_nothing(sandbox: Sandbox, client: Client, account: str) -> None:
    provisioned(sandbox, account)
    s3 = client("s3", account=DEFAULT_ACCOUNT)
    s3.put_object(Bucket=f"artifacts-{account}-us-east-1", Key="kept", Body=b"kept")
    provisioned(sandbox, account)

    assert s3.get_object(Bucket=f"artifacts-{account}-us-east-1", Key="kept")["Body"].read() == b"kept"


def test_artifact_buckets_stand_in_every_region_and_keep_versions(
    sandbox: Sandbox, client: Client, account: str
) -> None:
    provisioned(sandbox, account)

    for region in REGIONS:
        s3 = client("s3", region, account=DEFAULT_ACCOUNT)
        bucket = f"artifacts-{account}-{region}"
        assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == region
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def test_an_environment_account_reads_artifacts_and_does_not_write_them(
    sandbox: Sandbox, client: Client, account: str
) -> None:
    role = assume(client, provisioned(sandbox, account))
    bucket = f"artifacts-{account}-us-east-1"
    client("s3", account=DEFAULT_ACCOUNT).put_object(Bucket=bucket, Key="a.zip", Body=b"bytes")
    deployer = client("s3", **role)

    assert deployer.get_object(Bucket=bucket, Key="a.zip")["Body"].read() == b"bytes"
    assert refused(deployer.put_object, Bucket=bucket, Key="a.zip", Body=b"other")[1] == 403
    assert refused(deployer.delete_object, Bucket=bucket, Key="a.zip")[1] == 403


@pytest.mark.parametrize("region", REGIONS)
def test_lambda_takes_code_from_a_bucket_of_another_account_that_lets_it(
    sandbox: Sandbox, client: Client, account: str, region: str
) -> None:
    role = assume(client, provisioned(sandbox, account))
    bucket, functions = f"artifacts-{account}-{region}", client("lambda", region, **role)
    client("s3", region, account=DEFAULT_ACCOUNT).put_object(
        Bucket=bucket, Key="a.zip", Body=zipped(ECHO % 2)
    )
    create_function(functions, account, ECHO % 1)
    functions.update_function_code(FunctionName="orders", S3Bucket=bucket, S3Key="a.zip")

    assert settled(functions, "orders")["CodeSha256"] == digest(zipped(ECHO % 2))
    assert json.load(functions.invoke(FunctionName="orders")["Payload"])["release"] == 2


def test_lambda_does_not_take_code_from_a_bucket_of_another_account_that_does_not(
    client: Client, account: str
) -> None:
    bucket, functions = f"private-{account}", client("lambda")
    s3 = client("s3", account=DEFAULT_ACCOUNT)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a.zip", Body=zipped(ECHO % 2))
    create_function(functions, account, ECHO % 1)

    answer = refused(functions.update_function_code, FunctionName="orders", S3Bucket=bucket, S3Key="a.zip")
    assert answer[:2] == ("AccessDeniedException", 403)
    assert "S3 Error Code: AccessDenied" in answer[2]
    assert settled(functions, "orders")["CodeSha256"] == digest(zipped(ECHO % 1))


def test_regions_and_accounts_do_not_see_each_others_functions(client: Client, account: str) -> None:
    create_function(client("lambda"), account, ECHO % 1)

    elsewhere: tuple[Any, ...] = (client("lambda", "us-west-2"), client("lambda", account="123412341234"))
    for functions in elsewhere:
        assert functions.list_functions()["Functions"] == []


def test_an_object_is_put_once_when_it_must_not_exist(client: Client, account: str) -> None:
    s3, bucket = client("s3"), f"store-{account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*", Metadata={"digest": "d1"})

    answer = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert answer[:2] == ("PreconditionFailed", 412)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["Metadata"]) == (5, {"digest": "d1"})
    assert refused(s3.head_object, Bucket=bucket, Key="missing")[1] == 404
