"""What each of the four roles may do: for every call of AWS that `release` makes, the actions of IAM that it
takes, and on what.

Actions and types of resources are those of the service authorization reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
An operation that is not here is not called; a test in the sandbox holds the tool to that.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from release.core.bounds import Bounds

# build: whoever writes artifacts; read: whoever reads them; plan and deploy: of an environment.
RoleKind: TypeAlias = Literal["build", "read", "plan", "deploy"]
Subject: TypeAlias = Literal[
    "function", "version", "stack", "bucket", "artifact", "artifact-key", "topic", "parameter", "secret",
    "role", "any"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Need:
    """One action of IAM, and what kind of thing it is needed for."""

    action: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class Operation:
    """What one operation, named as botocore names it, needs, and which roles make it."""

    service: str
    name: str
    needs: tuple[Need, ...]
    roles: frozenset[RoleKind]


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions that a role may take on resources. `condition` as in a statement of IAM."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, Any]] | None = None

    def statement(self) -> Mapping[str, Any]:
        condition = {} if self.condition is None else {"Condition": self.condition}
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **condition,
        }


def _operation(service: str, name: str, roles: Iterable[RoleKind], **needs: Subject) -> Operation:
    """`needs`: action with `__` for the colon -> subject."""
    wanted = tuple(Need(action.replace("__", ":", 1), subject) for action, subject in needs.items())
    return Operation(service, name, wanted, frozenset(roles))


_PLAN: Final[tuple[RoleKind, ...]] = ("plan", "deploy")
_DEPLOY: Final[tuple[RoleKind, ...]] = ("deploy",)
_STORE: Final[tuple[RoleKind, ...]] = ("build", "read")
_BUILD: Final[tuple[RoleKind, ...]] = ("build",)

# Characters without white space: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MANAGED_POLICY: Final = 6_144

OPERATIONS: Final[tuple[Operation, ...]] = (
    _operation("lambda", "GetFunction", _PLAN, lambda__GetFunction="version"),
    _operation("lambda", "GetAlias", _PLAN, lambda__GetAlias="function"),
    _operation("lambda", "ListVersionsByFunction", _PLAN, lambda__ListVersionsByFunction="function"),
    # What `release drift` looks at; mappings are listed for a whole region, which is no resource of IAM.
    _operation("lambda", "ListEventSourceMappings", _PLAN, lambda__ListEventSourceMappings="any"),
    _operation(
        "lambda",
        "GetProvisionedConcurrencyConfig",
        _PLAN,
        lambda__GetProvisionedConcurrencyConfig="version",
    ),
    # The target of a rollback is smoke-tested before the plan is shown.
    _operation("lambda", "Invoke", _PLAN, lambda__InvokeFunction="version"),
    # Lambda fetches the code in the name of the caller.
    _operation(
        "lambda",
        "UpdateFunctionCode",
        _DEPLOY,
        lambda__UpdateFunctionCode="function",
        s3__GetObject="artifact",
        kms__Decrypt="artifact-key",
    ),
    _operation("lambda", "PublishVersion", _DEPLOY, lambda__PublishVersion="function"),
    _operation("lambda", "CreateAlias", _DEPLOY, lambda__CreateAlias="function"),
    _operation("lambda", "UpdateAlias", _DEPLOY, lambda__UpdateAlias="function"),
    _operation("lambda", "DeleteAlias", _DEPLOY, lambda__DeleteAlias="function"),
    _operation("cloudformation", "DescribeStacks", _PLAN, cloudformation__DescribeStacks="stack"),
    # `release status` and `release drift` look for what removed services have left: by the names of stacks.
    _operation("cloudformation", "ListStacks", _PLAN, cloudformation__ListStacks="any"),
    _operation("cloudformation", "GetTemplate", _PLAN, cloudformation__GetTemplate="stack"),
    # `release drift --detect`. A detection has an id of its own, which is no resource of IAM.
    _operation("cloudformation", "DetectStackDrift", _PLAN, cloudformation__DetectStackDrift="stack"),
    _operation(
        "cloudformation",
        "DescribeStackDriftDetectionStatus",
        _PLAN,
        cloudformation__DescribeStackDriftDetectionStatus="any",
    ),
    _operation(
        "cloudformation",
        "DescribeStackResourceDrifts",
        _PLAN,
        cloudformation__DescribeStackResourceDrifts="stack",
    ),
    _operation(
        "cloudformation",
        "CreateStack",
        _DEPLOY,
        cloudformation__CreateStack="stack",
        cloudformation__TagResource="stack",
    ),
    _operation(
        "cloudformation",
        "UpdateStack",
        _DEPLOY,
        cloudformation__UpdateStack="stack",
        cloudformation__TagResource="stack",
    ),
    _operation(
        "cloudformation",
        "CreateChangeSet",
        _DEPLOY,
        cloudformation__CreateChangeSet="stack",
        cloudformation__TagResource="stack",
    ),
    _operation("cloudformation", "DescribeChangeSet", _DEPLOY, cloudformation__DescribeChangeSet="stack"),
    _operation("cloudformation", "ExecuteChangeSet", _DEPLOY, cloudformation__ExecuteChangeSet="stack"),
    _operation("cloudformation", "DeleteChangeSet", _DEPLOY, cloudformation__DeleteChangeSet="stack"),
    _operation("cloudformation", "DeleteStack", _DEPLOY, cloudformation__DeleteStack="stack"),
    _operation("cloudformation", "DescribeStackEvents", _DEPLOY, cloudformation__DescribeStackEvents="stack"),
    # Composite alarms are shown to nobody whose right is narrower:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    _operation("cloudwatch", "DescribeAlarms", _PLAN, cloudwatch__DescribeAlarms="any"),
    # Metrics are no resources of IAM.
    _operation("cloudwatch", "GetMetricData", _DEPLOY, cloudwatch__GetMetricData="any"),
    _operation("s3", "GetObject", _STORE, s3__GetObject="artifact", kms__Decrypt="artifact-key"),
    _operation("s3", "HeadObject", _STORE, s3__GetObject="artifact", kms__Decrypt="artifact-key"),
    # Without it S3 answers 403 for what is not there, and nobody could tell lost from forbidden.
    _operation("s3", "ListObjectsV2", _STORE, s3__ListBucket="bucket"),
    _operation("s3", "PutObject", _BUILD, s3__PutObject="artifact", kms__GenerateDataKey="artifact-key"),
    _operation(
        "s3",
        "CopyObject",
        _BUILD,
        s3__GetObject="artifact",
        s3__PutObject="artifact",
        kms__Decrypt="artifact-key",
        kms__GenerateDataKey="artifact-key",
    ),
    # What `release doctor` looks at.
    _operation("s3", "HeadBucket", _STORE, s3__ListBucket="bucket"),
    _operation("s3", "GetBucketLocation", _STORE, s3__GetBucketLocation="bucket"),
    _operation("s3", "GetBucketVersioning", _STORE, s3__GetBucketVersioning="bucket"),
    _operation("s3", "GetBucketEncryption", _STORE, s3__GetEncryptionConfiguration="bucket"),
    _operation("s3", "GetPublicAccessBlock", _STORE, s3__GetBucketPublicAccessBlock="bucket"),
    # A setting of the whole account.
    _operation("s3control", "GetPublicAccessBlock", _STORE, s3__GetAccountPublicAccessBlock="any"),
    _operation("iam", "GetRole", ("build", "read", "plan", "deploy"), iam__GetRole="role"),
    # Whom to tell, and where addresses of webhooks are kept.
    _operation("sns", "Publish", _PLAN, sns__Publish="topic"),
    _operation("ssm", "GetParameter", _PLAN, ssm__GetParameter="parameter"),
    _operation("secretsmanager", "GetSecretValue", _PLAN, secretsmanager__GetSecretValue="secret"),
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html: needs no permission
    _operation("sts", "GetCallerIdentity", ("build", "read", "plan", "deploy")),
)

_SIDS: Final[Mapping[Subject, str]] = {
    "function": "Functions",
    "version": "FunctionsAndVersions",
    "stack": "Stacks",
    "bucket": "ArtifactBuckets",
    "artifact": "Artifacts",
    "artifact-key": "ArtifactKey",
    "topic": "Topics",
    "parameter": "Parameters",
    "secret": "Secrets",
    "role": "RolesOfTheTool",
    "any": "WithoutResource",
}


def needs_of(service: str, name: str, role: RoleKind) -> Sequence[Need] | None:
    """What a call needs of a role that makes it. None: that role does not make such calls."""
    for operation in OPERATIONS:
        if (operation.service, operation.name) == (service, name) and role in operation.roles:
            return operation.needs
    return None


def actions_of(role: RoleKind) -> Sequence[str]:
    """Every action that calls of this role need, sorted; without those that CloudFormation takes for it."""
    return sorted({need.action for one in OPERATIONS if role in one.roles for need in one.needs})


def grants(role: RoleKind, bounds: Bounds) -> Sequence[Grant]:
    """What the role's own calls need, on the names that the fleet has and no others."""
    wanted: dict[Subject, set[str]] = {}
    for operation in OPERATIONS:
        if role in operation.roles:
            for need in operation.needs:
                wanted.setdefault(need.subject, set()).add(need.action)
    found = []
    for subject, sid in _SIDS.items():
        resources = bounds.resources(subject)
        if subject in wanted and resources:
            condition = bounds.by_s3 if subject == "artifact-key" else None
            found.append(Grant(sid, tuple(sorted(wanted[subject])), resources, condition))
    return found


def policies(granted: Iterable[Grant]) -> Sequence[Mapping[str, Any]]:
    """The same in as many documents as it takes, each within what a managed policy may have."""
    documents: list[Mapping[str, Any]] = []
    filled: list[Grant] = []
    for one in (part for each in granted for part in _short(each)):
        if filled and _length([*filled, one]) > MANAGED_POLICY:
            documents.append(policy(filled))
            filled = []
        filled.append(one)
    return [*documents, policy(filled)] if filled else documents


def _short(one: Grant) -> Iterator[Grant]:
    """The grant, or halves of it where its resources alone are too many."""
    if len(one.resources) < 2 or _length([one]) <= MANAGED_POLICY:
        yield one
        return
    half = len(one.resources) // 2
    for letter, resources in (("A", one.resources[:half]), ("B", one.resources[half:])):
        yield from _short(replace(one, sid=f"{one.sid}{letter}", resources=resources))


def _length(granted: Iterable[Grant]) -> int:
    return len(json.dumps(policy(granted), separators=(",", ":")))


def policy(granted: Iterable[Grant]) -> Mapping[str, Any]:
    return {"Version": "2012-10-17", "Statement": [one.statement() for one in granted]}
