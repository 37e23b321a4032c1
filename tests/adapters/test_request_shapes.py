"""Requests as moto reads them: AWS's APIs by other people, who share none of our mistakes.

Shapes only. moto ignores guards, states and weights; the contract tests against the sandbox hold those.
"""

import base64
import io
import json
import zipfile
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from release.adapters.artifacts_s3 import S3Artifacts
from release.adapters.aws import Aws
from release.adapters.lambda_functions import LambdaFunctions
from release.core import canonical
from release.core.models import Place
from release.ports import S3Code

ACCOUNT = "123456789012"  # the account that moto gives everybody
REGIONS = ("us-east-1", "us-west-2")
PLACE = Place(ACCOUNT, "us-east-1")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "moto")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "moto")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        for region in REGIONS:
            where = (
                {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            )
            boto3.client("s3", region).create_bucket(Bucket=f"artifacts-{region}", **where)
        yield Aws(sleep=lambda seconds: None)


@pytest.fixture
def artifacts(aws: Aws) -> S3Artifacts:
    return S3Artifacts(
        lambda region: aws.client(Place(ACCOUNT, region), "s3"), "artifacts-{region}", REGIONS, owner=ACCOUNT
    )


def a_zip(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), text)
    return file.getvalue()


def test_an_artifact_is_stored_in_every_region_under_its_digest(artifacts: S3Artifacts) -> None:
    digest = artifacts.put(a_zip("v = 1"), kind="zip")

    assert digest == canonical.sha256(a_zip("v = 1"))
    for region in REGIONS:
        code = artifacts.code(digest, region)
        assert isinstance(code, S3Code)
        stored = boto3.client("s3", region).get_object(Bucket=code.bucket, Key=code.key)["Body"].read()
        assert canonical.sha256(stored) == digest
        assert artifacts.holds(digest, kind="zip", region=region)


def test_the_first_entry_of_the_index_wins(artifacts: S3Artifacts) -> None:
    assert artifacts.index("fingerprints", "abc") is None
    assert artifacts.index_once("fingerprints", "abc", "first") == "first"
    assert artifacts.index_once("fingerprints", "abc", "second") == "first"
    assert artifacts.index("fingerprints", "abc") == "first"


def test_code_goes_from_the_store_to_a_version_and_the_alias(aws: Aws, artifacts: S3Artifacts) -> None:
    trust = {"Version": "2012-10-17", "Statement": []}
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"][
        "Arn"
    ]
    boto3.client("lambda").create_function(
        FunctionName="orders",
        Runtime="python3.13",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": a_zip("raise RuntimeError")},
    )
    functions = LambdaFunctions(aws)
    digest = artifacts.put(a_zip("v = 1"), kind="zip")
    before = functions.function(PLACE, "orders")
    assert before is not None

    functions.update_code(
        PLACE, "orders", artifacts.code(digest, "us-east-1"), digest=digest, revision=before.revision
    )
    latest = functions.settled(PLACE, "orders")
    version = functions.publish(PLACE, "orders", code=digest, revision=latest.revision, description="v1.0.0")
    functions.create_alias(PLACE, "orders", "live", lambda_version=version, description="v1.0.0")

    assert latest.code == digest
    served = boto3.client("lambda").get_function_configuration(FunctionName="orders", Qualifier=version)
    assert base64.b64decode(served["CodeSha256"]).hex() == digest
    alias = functions.alias(PLACE, "orders", "live")
    assert alias is not None
    assert alias.lambda_version == version
