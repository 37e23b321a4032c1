"""The platform stacks of accounts: whom their roles trust, what those may do, what they are rendered with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from release.core.bounds import Bounds
from release.core.doctor.trust import ISSUER, Jobs
from release.core.models import Environment, Place
from release.core.permissions import RoleKind, grants, policies, policy
from release.core.stack_permissions import stack_grants

STACK: Final = "release-platform"
STORE_STACK: Final = "release-artifacts"
BOUNDARY: Final = "release-boundary"
# What functions of a fleet do at run time. Resources stay open: a boundary allows nothing by itself, it only
# cuts off what a role says, and roles name their resources.
_AT_RUN_TIME: Final = (
    "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem",
    "dynamodb:DescribeStream", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:GetRecords",
    "dynamodb:GetShardIterator", "dynamodb:ListStreams", "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLInsert", "dynamodb:PartiQLSelect", "dynamodb:PartiQLUpdate", "dynamodb:PutItem",
    "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem", "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses", "events:PutEvents", "execute-api:Invoke", "kinesis:DescribeStream",
    "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:PutRecord",
    "kinesis:PutRecords", "kms:Decrypt", "kms:GenerateDataKey", "lambda:InvokeFunction",
    "logs:CreateLogStream", "logs:PutLogEvents", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket",
    "s3:PutObject", "s3:PutObjectAcl",
    "secretsmanager:GetSecretValue", "sns:Publish", "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
    "ssm:GetParameter", "ssm:GetParameters", "states:StartExecution",
    "xray:GetSamplingRules", "xray:GetSamplingStatisticSummaries", "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords", "xray:PutTraceSegments",
)  # fmt: skip


def boundary_policy() -> Mapping[str, Any]:
    """The most that a function of the fleet may ever do, whatever its own role says."""
    statement = {"Effect": "Allow", "Action": list(_AT_RUN_TIME), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


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
    name = environment.boundary or BOUNDARY
    boundary = f"arn:{bounds.partition}:iam::{environment.account}:policy/{name}"
    # Where the environment asks for it, a template without it is refused by AWS; where templates have it by
    # themselves, too. Elsewhere nothing could be deployed any more.
    bound = boundary if environment.boundary or stacked.roles_are_bound else None
    roles = [_role(one, repository, bounds, _stack_policies(one, stacked, bounds, bound)) for one in jobbers]
    words = {
        "environment": environment.name,
        "vpc": stacked.vpc,
        "replicas": replicas,
        "issuer": ISSUER,
        "boundary_name": name,
        "boundary": boundary_policy(),
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
        "roles": [_role(one, repository, bounds, ()) for one in jobbers],
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


def _role(
    jobber: Jobber, repository: str, bounds: Bounds, managed: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    path, _, name = jobber.arn.split(":", 5)[5].removeprefix("role").rpartition("/")
    return {
        "id": f"{jobber.kind.capitalize()}Role",
        "name": name,
        "path": f"{path}/",
        "trust": trust(jobber, repository, bounds.partition),
        "calls": policy(grants(jobber.kind, bounds)),
        "managed": managed,  # beside it there is not room for every type that templates may have
    }


def _stack_policies(
    jobber: Jobber, stacked: Stacked, bounds: Bounds, boundary: str | None
) -> Sequence[Mapping[str, Any]]:
    if jobber.kind != "deploy":
        return ()
    return policies(stack_grants(stacked.types, bounds, boundary=boundary))


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
