"""Who may become whom, and take whose code: what a fleet of several accounts rests on."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Client
from tests.contract.planes import NAME, SandboxPlane, code_sha256, create, refused, settled, zipped
from tests.contract.sources import source


def elsewhere(account: str) -> str:
    """Another account, of no other case."""
    return str(int(account) + 600_000)


@source("STS/latest/APIReference/API_AssumeRole.html")
def test_a_role_is_assumed_only_by_whom_it_trusts(client: Client, account: str) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{elsewhere(account)}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    made = client("iam").create_role(RoleName="deploy", AssumeRolePolicyDocument=json.dumps(trust))
    wanted = {"RoleArn": made["Role"]["Arn"], "RoleSessionName": "release"}
    stranger = client("sts", account=str(int(account) + 700_000))
    assert refused(stranger.assume_role, **wanted) == (403, "AccessDenied")
    trusted = client("sts", account=elsewhere(account))
    assert f"::{account}:assumed-role/deploy/" in trusted.assume_role(**wanted)["AssumedRoleUser"]["Arn"]
    missing = {**wanted, "RoleArn": f"arn:aws:iam::{account}:role/none"}
    assert refused(trusted.assume_role, **missing) == (403, "AccessDenied")


@source("lambda/latest/api/API_FunctionCode.html")
def test_lambda_takes_code_of_another_account_only_where_its_bucket_allows_it(
    client: Client, account: str
) -> None:
    plane = SandboxPlane(client)
    before = create(plane)
    s3, bucket = client("s3", account=elsewhere(account)), f"artifacts-of-{elsewhere(account)}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k.zip", Body=zipped(1))
    wanted = {"FunctionName": NAME, "S3Bucket": bucket, "S3Key": "k.zip"}
    with pytest.raises(ClientError) as refusal:
        plane.functions.update_function_code(**wanted)
    assert refusal.value.response["Error"]["Code"] == "AccessDeniedException"
    assert settled(plane) == before

    allowed = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    plane.functions.update_function_code(**wanted)
    assert settled(plane)["CodeSha256"] == code_sha256(zipped(1))
