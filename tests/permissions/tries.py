"""For every action that a role is given, one use of the tool's own adapters that needs it."""

import json
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config

from release.adapters.artifacts_s3 import S3Artifacts
from release.adapters.aws import Aws
from release.adapters.aws_setup import AwsAccounts
from release.adapters.cloudwatch import CloudWatchMetrics
from release.adapters.lambda_functions import LambdaFunctions
from release.adapters.stacks import CloudFormationStacks
from release.adapters.surroundings import AwsSurroundings
from release.core import canonical
from release.core.bounds import Bounds
from release.core.models import BucketStore, Place
from release.core.permissions import Grant, RoleKind, policy
from release.core.store_layout import object_key
from release.errors import GateClosed, RolloutFailed
from release.ports import Compared, StackRequest, ZipFile
from release.sandbox.session import Sandbox

REGION, NAME, BUCKET = "us-east-1", "orders-dev", "tiny-artifacts"
TOPIC = "Resources: {Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: %s}}}\n"
NEVER = """\
Resources:
  Never: {Type: AWS::Lambda::Function, Properties: {FunctionName: never-dev, Role: "arn:aws:iam::1:role/none",
          Runtime: python3.13, Handler: a.b, Code: {ZipFile: ""}}}
"""


class Tried:
    """One account in which all four roles are, a function, stacks, a bucket, and whom to tell."""

    def __init__(self, sandbox: Sandbox, account: str, folder: Path) -> None:
        self.sandbox, self.account, self._folder = sandbox, account, folder
        self._number = 0
        self._sessions: dict[RoleKind, Aws] = {}
        people = _trust({"AWS": f"arn:aws:iam::{account}:root"})
        for kind in ("build", "read", "plan", "deploy"):
            self.admin("iam").create_role(RoleName=f"release-{kind}", AssumeRolePolicyDocument=people)
        self._make_things()
        start = f"{REGION}:{account}"
        self.bounds = Bounds(
            account,
            (REGION,),
            ("*-dev",),
            ("*-dev",),
            BucketStore(account, BUCKET, None),
            (REGION,),
            (f"arn:aws:sns:{start}:alerts",),
            (f"arn:aws:ssm:{start}:parameter/hook",),
            (self.secret,),
            (f"arn:aws:iam::{account}:role/release-deploy",),
        )

    def admin(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            REGION,
            endpoint_url=self.sandbox.endpoint,
            aws_access_key_id=self.account,
            aws_secret_access_key="sandbox",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def become(self, kind: RoleKind, granted: list[Grant]) -> None:
        """Everything is done as this role from now on, which may do this and no more."""
        self.admin("iam").put_role_policy(
            RoleName=f"release-{kind}", PolicyName="calls", PolicyDocument=json.dumps(policy(granted))
        )
        self.aws = self._sessions.setdefault(kind, Aws())
        self.place = Place(self.account, REGION, f"arn:aws:iam::{self.account}:role/release-{kind}")
        self.functions = LambdaFunctions(self.aws)
        self.stacks = CloudFormationStacks(self.aws)
        self.surroundings = AwsSurroundings(self.aws)
        self.metrics = CloudWatchMetrics(self.aws)
        self.setup = AwsAccounts(self.aws, None)
        self.store = S3Artifacts(lambda region: self.aws.client(self.place, "s3"), BUCKET, [REGION])

    def fresh(self, name: str = "thing") -> str:
        self._number += 1
        return f"{name}-{self._number}"

    def zipped(self) -> tuple[ZipFile, str]:
        path = self._folder / self.fresh()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("app.py", f"def handler(event, context):\n    return {path.name!r}\n")
        return ZipFile(path), canonical.sha256(path.read_bytes())

    def _make_things(self) -> None:
        admin = self.admin
        execute = _trust({"Service": "lambda.amazonaws.com"})
        role = admin("iam").create_role(RoleName="function", AssumeRolePolicyDocument=execute)
        code, _ = self.zipped()
        functions = admin("lambda")
        functions.create_function(
            FunctionName=NAME,
            Runtime="python3.13",
            Role=role["Role"]["Arn"],
            Handler="app.handler",
            Code={"ZipFile": code.path.read_bytes()},
            Publish=True,
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig={"Delay": 1})
        functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
        admin("cloudformation").create_stack(StackName=NAME, TemplateBody=TOPIC % "first")
        admin("s3").create_bucket(Bucket=BUCKET)
        admin("sns").create_topic(Name="alerts")
        admin("ssm").put_parameter(Name="/hook", Value="x", Type="String")
        self.secret = admin("secretsmanager").create_secret(Name="hook", SecretString="x")["ARN"]

    def failed_stack(self) -> str:
        """A stack whose creation was rolled back."""
        name = f"{self.fresh('failed')}-dev"
        cloudformation = self.admin("cloudformation")
        cloudformation.create_stack(StackName=name, TemplateBody=NEVER)
        while _status(cloudformation, name) != "ROLLBACK_COMPLETE":
            time.sleep(0.01)
        return name


def _status(cloudformation: Any, stack: str) -> str:
    status: str = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    return status


def _trust(principal: Mapping[str, str]) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _update_code(at: Tried) -> None:
    code, digest = at.zipped()
    facts = at.functions.function(at.place, NAME)
    assert facts is not None
    at.functions.update_code(at.place, NAME, code, digest=digest, revision=facts.revision)
    at.functions.settled(at.place, NAME)


def _publish(at: Tried) -> None:
    facts = at.functions.settled(at.place, NAME)
    at.functions.publish(at.place, NAME, code=facts.code, revision=facts.revision, description=at.fresh())


def _update_alias(at: Tried) -> None:
    facts = at.functions.alias(at.place, NAME, "live")
    assert facts is not None
    at.functions.update_alias(
        at.place, NAME, "live", lambda_version="1", revision=facts.revision, description=at.fresh()
    )


def _counts(at: Tried) -> None:
    now = datetime.now(UTC)
    at.metrics.counts(
        at.place, [Compared(NAME, "live", "1", "2")], since=now - timedelta(minutes=5), until=now
    )


def _topic(at: Tried, name: str = NAME) -> StackRequest:
    return StackRequest(name, TOPIC % at.fresh(), parameters={}, tags={})


def _create_stack(at: Tried, name: str) -> None:
    at.stacks.create(at.place, _topic(at, name))


def _update_stack(at: Tried) -> None:
    at.stacks.update(at.place, _topic(at))
    at.stacks.settled(at.place, NAME)


def _change_stack(at: Tried) -> None:
    at.stacks.change(at.place, _topic(at), agreed=lambda found: None)
    at.stacks.settled(at.place, NAME)


def _discard_change(at: Tried) -> None:
    def no(found: object) -> None:
        raise GateClosed("no", fix="yes")

    with suppress(GateClosed):
        at.stacks.change(at.place, _topic(at), agreed=no)


def _put_and_copy(at: Tried) -> None:
    at.store.put(at.fresh().encode(), kind="sbom")


def _read_object(at: Tried) -> None:
    key = at.fresh()
    data = key.encode()
    digest = canonical.sha256(data)
    at.admin("s3").put_object(Bucket=BUCKET, Key=object_key("sbom", digest), Body=data)
    assert at.store.get(digest, kind="sbom") == data


def _settle_failed(at: Tried) -> None:
    with suppress(RolloutFailed):
        at.stacks.settled(at.place, at.failed_stack())


TRIES: Final[Mapping[str, Callable[[Tried], Any]]] = {
    "lambda:GetFunction": lambda at: at.functions.function(at.place, NAME),
    "lambda:GetAlias": lambda at: at.functions.alias(at.place, NAME, "live"),
    "lambda:ListVersionsByFunction": lambda at: at.functions.versions(at.place, NAME),
    "lambda:ListEventSourceMappings": lambda at: at.surroundings.mappings(at.place),
    "lambda:InvokeFunction": lambda at: at.functions.invoke(at.place, NAME, "live", b"{}", timeout=10),
    "lambda:UpdateFunctionCode": _update_code,
    "lambda:PublishVersion": _publish,
    "lambda:CreateAlias": lambda at: at.functions.create_alias(
        at.place, NAME, at.fresh(), lambda_version="1", description=""
    ),
    "lambda:UpdateAlias": _update_alias,
    "lambda:DeleteAlias": lambda at: at.functions.delete_alias(at.place, NAME, "none"),
    "cloudformation:DescribeStacks": lambda at: at.stacks.stack(at.place, NAME),
    "cloudformation:GetTemplate": lambda at: at.stacks.stack(at.place, NAME),
    "cloudformation:ListStacks": lambda at: at.surroundings.stack_names(at.place),
    "cloudformation:DetectStackDrift": lambda at: at.surroundings.changed_resources(at.place, NAME),
    "cloudformation:DescribeStackDriftDetectionStatus": lambda at: at.surroundings.changed_resources(
        at.place, NAME
    ),
    "cloudformation:DescribeStackResourceDrifts": lambda at: at.surroundings.changed_resources(
        at.place, NAME
    ),
    "cloudformation:CreateStack": lambda at: _create_stack(at, f"{at.fresh()}-dev"),
    "cloudformation:UpdateStack": _update_stack,
    "cloudformation:CreateChangeSet": _change_stack,
    "cloudformation:DescribeChangeSet": _change_stack,
    "cloudformation:ExecuteChangeSet": _change_stack,
    "cloudformation:DeleteChangeSet": _discard_change,
    # What failed to be created before is removed first.
    "cloudformation:DeleteStack": lambda at: _create_stack(at, at.failed_stack()),
    "cloudformation:DescribeStackEvents": _settle_failed,
    "cloudwatch:DescribeAlarms": lambda at: at.metrics.alarms(at.place, ["none"]),
    "cloudwatch:GetMetricData": _counts,
    "s3:ListBucket": lambda at: at.store.digests("", kind="sbom"),
    "s3:GetObject": _read_object,
    "s3:PutObject": _put_and_copy,
    "s3:GetBucketLocation": lambda at: at.setup.bucket_region(at.place, BUCKET),
    "s3:GetBucketVersioning": lambda at: at.setup.is_versioned(at.place, BUCKET),
    "s3:GetEncryptionConfiguration": lambda at: at.setup.is_encrypted(at.place, BUCKET),
    "s3:GetBucketPublicAccessBlock": lambda at: at.setup.is_private(at.place, BUCKET),
    "iam:GetRole": lambda at: at.setup.trust(at.place, f"arn:aws:iam::{at.account}:role/release-deploy"),
    "sns:Publish": lambda at: at.aws.client(at.place, "sns").publish(
        TopicArn=at.bounds.topics[0], Message="x"
    ),
    "secretsmanager:GetSecretValue": lambda at: at.aws.client(at.place, "secretsmanager").get_secret_value(
        SecretId=at.secret
    ),
}

# What AWS asks and the sandbox does not, so that nothing here can show it.
_NO_KEY: Final = "objects in the sandbox are not encrypted by a key"
UNSEEN: Final[Mapping[tuple[str, str], str]] = {
    ("deploy", "s3:GetObject"): "of code, Lambda in the sandbox asks the policy of the bucket alone",
    ("deploy", "kms:Decrypt"): _NO_KEY,
    ("read", "kms:Decrypt"): _NO_KEY,
    ("build", "kms:Decrypt"): _NO_KEY,
    ("build", "kms:GenerateDataKey"): _NO_KEY,
    ("deploy", "cloudformation:TagResource"): "no operation: it is asked for the tags of a stack",
    ("build", "s3:GetAccountPublicAccessBlock"): "the sandbox asks nobody's policy for it",
    ("read", "s3:GetAccountPublicAccessBlock"): "the sandbox asks nobody's policy for it",
    ("plan", "lambda:GetProvisionedConcurrencyConfig"): "the sandbox asks without the query, which tells it",
    (
        "deploy",
        "lambda:GetProvisionedConcurrencyConfig",
    ): "the sandbox asks without the query, which tells it",
    ("plan", "ssm:GetParameter"): "the sandbox takes the ARN of a parameter for its name",
    ("deploy", "ssm:GetParameter"): "the sandbox takes the ARN of a parameter for its name",
}
