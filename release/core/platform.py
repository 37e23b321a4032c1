"""The platform stacks of accounts: whom their roles trust, what those may do, what they are rendered with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from release.core.bounds import Bounds
from release.core.doctor.aws import ISSUER, Jobs
from release.core.models import Environment, Place
from release.core.permissions import RoleKind, grants, policy
from release.core.stack_permissions import stack_grants

STACK: Final = "release-platform"
STORE_STACK: Final = "release-artifacts"
BOUNDARY: Final = "release-boundary"
# What functions of a fleet do at run time. Resources stay open: a boundary allows nothing by itself, it only
# cuts off what a role says, and roles name their resources.
_AT_RUN_TIME: Final = (
    "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem",
    "dynamodb:DescribeStream", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:GetRecords",
    "dynamodb:GetShardIterator", "dynamodb:ListStreams", "dynamodb:PutItem", "dynamodb:Query",
    "dynamodb:Scan", "dynamodb:UpdateItem", "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses", "events:PutEvents", "execute-api:Invoke", "kinesis:DescribeStream",
    "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:PutRecord",
    "kinesis:PutRecords", "kms:Decrypt", "kms:GenerateDataKey", "lambda:InvokeFunction",
    "logs:CreateLogStream", "logs:PutLogEvents", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket",
    "s3:PutObject", "secretsmanager:GetSecretValue", "sns:Publish", "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
    "ssm:GetParameter", "ssm:GetParameters", "states:StartExecution", "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlatformStack:
    """One stack in one account and region. `place` has no role: an administrator makes it."""

    place: Place
    name: str
    template: str  # file below templates/bootstrap
    words: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Jobber:
    """A role, and the environments of GitHub whose jobs become it."""

    kind: RoleKind
    arn: str
    environments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stacked:
    """What the stacks of services need of the deploy role, by the templates of a commit."""

    types: Collection[str]
    roles_are_bound: bool  # every role in them has the boundary
    vpc: bool


def environment_stacks(
    environment: Environment, bounds: Bounds, jobbers: Sequence[Jobber], stacked: Stacked, repository: str
) -> tuple[PlatformStack, ...]:
    """Replicas first: the first region copies its backups into vaults that have to be there."""
    first, *replicas = environment.regions
    boundary = f"arn:{bounds.partition}:iam::{environment.account}:policy/{BOUNDARY}"
    bound = boundary if stacked.roles_are_bound else None
    roles = [_role(one, repository, bounds, _stack_policy(one, stacked, bounds, bound)) for one in jobbers]
    words = {
        "environment": environment.name,
        "vpc": stacked.vpc,
        "replicas": replicas,
        "issuer": ISSUER,
        "boundary_name": BOUNDARY,
        "boundary": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(_AT_RUN_TIME), "Resource": "*"}],
        },
        "roles": roles,
    }
    return tuple(
        PlatformStack(
            Place(environment.account, region),
            STACK,
            "environment.yaml.j2",
            {**words, "primary": region == first},
        )
        for region in (*replicas, first)
    )


def store_stacks(
    bounds: Bounds, jobbers: Sequence[Jobber], readers: Sequence[str], repository: str
) -> tuple[PlatformStack, ...]:
    """`readers`: ARNs of the roles that deploy, in whose name Lambda reads artifacts."""
    foreign = sorted({arn for arn in readers if arn.split(":")[4] != bounds.account})
    accounts = sorted({arn.split(":")[4] for arn in foreign})
    words = {
        "issuer": ISSUER,
        "readers": foreign,
        "reader_accounts": [f"arn:{bounds.partition}:iam::{one}:root" for one in accounts],
        "roles": [_role(one, repository, bounds, {}) for one in jobbers],
    }
    return tuple(
        PlatformStack(
            Place(bounds.account, region),
            STORE_STACK,
            "artifacts.yaml.j2",
            {**words, "primary": number == 0, "bucket": bucket},
        )
        for number, (region, bucket) in enumerate(zip(bounds.regions, bounds.buckets, strict=True))
    )


def _role(jobber: Jobber, repository: str, bounds: Bounds, more: Mapping[str, Any]) -> Mapping[str, Any]:
    path, _, name = jobber.arn.split(":", 5)[5].removeprefix("role").rpartition("/")
    return {
        "id": f"{jobber.kind.capitalize()}Role",
        "name": name,
        "path": f"{path}/",
        "trust": trust(jobber, repository, bounds.partition),
        "policies": {"calls": policy(grants(jobber.kind, bounds)), **more},
    }


def _stack_policy(
    jobber: Jobber, stacked: Stacked, bounds: Bounds, boundary: str | None
) -> Mapping[str, Any]:
    granted = stack_grants(stacked.types, bounds, boundary=boundary) if jobber.kind == "deploy" else ()
    return {"stacks": policy(granted)} if granted else {}


def trust(jobber: Jobber, repository: str, partition: str) -> Mapping[str, Any]:
    """Jobs of `_release.yml` in these environments, in both forms that subjects have; ids are not known here.

    https://docs.github.com/en/actions/reference/security/oidc
    """
    jobs = Jobs(repository, None)
    subjects = [form for one in jobber.environments for form in jobs.subjects(f"environment:{one}", "*")]
    account = jobber.arn.split(":")[4]
    return {
        "Sid": "JobsOfTheWorkflow",
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:{partition}:iam::{account}:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"},
            "StringLike": {
                f"{ISSUER}:sub": subjects,
                f"{ISSUER}:job_workflow_ref": f"{repository}/.github/workflows/_release.yml@*",
            },
        },
    }
