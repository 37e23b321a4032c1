"""What CloudFormation does in the name of the deploy role: by type of resource, the actions of IAM it takes.

CloudFormation acts as its caller. The actions are those that the handlers of each type declare (`aws
cloudformation describe-type --type RESOURCE --type-name T`, `handlers.*.permissions`), less what only
properties need that the tool's own macros never set. `tests/core/stack_calls.py` says which call takes which.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from release.core.bounds import Bounds
from release.core.permissions import Grant


@dataclass(frozen=True, slots=True)
class _Owned:
    """Actions on things whose ARN is `service:region:account:form`, with {} for a pattern of names."""

    actions: tuple[str, ...]
    service: str = ""
    forms: tuple[str, ...] = ()  # none: AWS knows no resource for these actions
    of: str = "functions"  # whose patterns: of functions, stacks, buckets, or things that `naming` names
    tagged: bool = False  # only where the thing has the tag `env`, as all of the fleet's have


def _all(service: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{service}:{name}" for name in names)


_TAGS: Final = ("TagResource", "UntagResource")
# Conditions of their own: _roles().
_ROLE: Final = "AWS::IAM::Role"
_UNBOUND: Final = _all(
    "iam", "DeleteRole", "DeleteRolePolicy", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies",
    "ListRolePolicies", "ListRoleTags", "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole",
)  # fmt: skip
# For VPC and X-Ray (function.j2), whose actions know no resources.
_OF_AWS: Final = ("AWSXRayDaemonWriteAccess", "service-role/AWSLambdaENIManagementAccess")
_ATTACHES: Final = _all("iam", "AttachRolePolicy", "DetachRolePolicy")
_BOUND: Final = _all("iam", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy")

_TAGGED: Final[Mapping[str, Mapping[str, Any]]] = {"Null": {"aws:ResourceTag/env": "false"}}

_API: Final = (_Owned(_all("apigateway", "DELETE", "GET", "PATCH", "POST", "PUT")),)
_OWNED: Final[Mapping[str, tuple[_Owned, ...]]] = {
    "AWS::Logs::LogGroup": (
        _Owned(
            _all("logs", "CreateLogGroup", "DeleteLogGroup", "DeleteRetentionPolicy", "ListTagsForResource",
                 "PutRetentionPolicy", *_TAGS, "AssociateKmsKey", "DisassociateKmsKey"),
            "logs",
            ("log-group:/aws/lambda/{}", "log-group:/aws/lambda/{}:*",
             "log-group:/aws/apigateway/{}", "log-group:/aws/apigateway/{}:*"),
        ),
        _Owned(_all("logs", "DescribeLogGroups")),
    ),
    "AWS::Lambda::Function": (
        _Owned(
            _all("lambda", "CreateFunction", "DeleteFunction", "GetFunction", "GetFunctionCodeSigningConfig",
                 "GetFunctionConfiguration", "GetFunctionRecursionConfig", "GetRuntimeManagementConfig",
                 "ListTags", "PutFunctionConcurrency", "DeleteFunctionConcurrency", *_TAGS,
                 "UpdateFunctionConfiguration"),
            "lambda", ("function:{}",),
        ),
    ),
    "AWS::Lambda::Permission": (
        _Owned(_all("lambda", "AddPermission", "GetPolicy", "RemovePermission"), "lambda",
               ("function:{}", "function:{}:*")),
    ),
    "AWS::CloudWatch::Alarm": (
        _Owned(
            _all("cloudwatch", "DeleteAlarms", "ListTagsForResource", "PutMetricAlarm", *_TAGS),
            "cloudwatch", ("alarm:{}-*",),
        ),
        _Owned(
            _all("cloudwatch", "DeleteAlarms", "ListTagsForResource", "PutMetricAlarm", *_TAGS),
            "cloudwatch", ("alarm:{}",), of="things",
        ),
        _Owned(_all("cloudwatch", "DescribeAlarms")),
    ),
    "AWS::Budgets::Budget": (
        _Owned(
            _all("budgets", "ListTagsForResource", "ModifyBudget", *_TAGS, "ViewBudget"), "budgets",
            ("budget/{}",), of="global things",
        ),
    ),
    # What a function in a VPC is behind. AWS gives the id; what is not the fleet's has no tag `env`, but a
    # new one gets its tag and its rules in an order that nobody documents. No rule lets anything in.
    "AWS::EC2::SecurityGroup": (
        _Owned(_all("ec2", "CreateSecurityGroup"), "ec2", ("security-group/*", "vpc/*"), of="one"),
        _Owned(
            _all("ec2", "AuthorizeSecurityGroupEgress", "CreateTags", "RevokeSecurityGroupEgress"), "ec2",
            ("security-group/*",), of="one",
        ),
        _Owned(
            _all("ec2", "DeleteSecurityGroup", "DeleteTags", "UpdateSecurityGroupRuleDescriptionsEgress"),
            "ec2", ("security-group/*",), of="one", tagged=True,
        ),
        _Owned(_all("ec2", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs")),
    ),
    # `things` with account and region behind them, in small letters (bucket.j2).
    "AWS::S3::Bucket": (
        _Owned(
            _all("s3", "CreateBucket", "DeleteBucket", "GetAccelerateConfiguration",
                 "GetAnalyticsConfiguration", "GetBucketAcl", "GetBucketCORS", "GetBucketLogging",
                 "GetBucketNotification",
                 "GetBucketObjectLockConfiguration", "GetBucketOwnershipControls",
                 "GetBucketPublicAccessBlock", "GetBucketTagging", "GetBucketVersioning", "GetBucketWebsite",
                 "GetEncryptionConfiguration", "GetIntelligentTieringConfiguration",
                 "GetInventoryConfiguration", "GetLifecycleConfiguration", "GetMetricsConfiguration",
                 "GetReplicationConfiguration", "ListBucket", "ListTagsForResource",
                 "PutBucketOwnershipControls", "PutBucketPublicAccessBlock", "PutBucketTagging",
                 "PutBucketVersioning", "PutEncryptionConfiguration", "PutLifecycleConfiguration", *_TAGS),
            "s3", ("{}",), of="buckets",
        ),
    ),
    "AWS::S3::BucketPolicy": (
        _Owned(_all("s3", "DeleteBucketPolicy", "GetBucketPolicy", "PutBucketPolicy"), "s3", ("{}",),
               of="buckets"),
    ),
    "AWS::DynamoDB::Table": (
        _Owned(
            _all("dynamodb", "CreateTable", "DeleteTable", "DescribeContinuousBackups",
                 "DescribeContributorInsights", "DescribeKinesisStreamingDestination", "DescribeTable",
                 "DescribeTimeToLive", "GetResourcePolicy", "ListTagsOfResource", *_TAGS,
                 "UpdateContinuousBackups", "UpdateTable", "UpdateTimeToLive"),
            "dynamodb", ("table/{}",), of="things",
        ),
    ),
    "AWS::SQS::Queue": (
        _Owned(
            _all("sqs", "CreateQueue", "DeleteQueue", "GetQueueAttributes", "GetQueueUrl", "ListQueueTags",
                 "SetQueueAttributes", "TagQueue", "UntagQueue"),
            "sqs", ("{}",), of="things",
        ),
    ),
    "AWS::SNS::Topic": (
        _Owned(
            _all("sns", "CreateTopic", "DeleteTopic", "GetDataProtectionPolicy", "GetTopicAttributes",
                 "ListSubscriptionsByTopic", "ListTagsForResource", "SetTopicAttributes", *_TAGS),
            "sns", ("{}",), of="things",
        ),
    ),
    "AWS::SQS::QueuePolicy": (
        _Owned(_all("sqs", "GetQueueAttributes", "SetQueueAttributes"), "sqs", ("{}",), of="things"),
    ),
    "AWS::SNS::TopicPolicy": (
        _Owned(_all("sns", "GetTopicAttributes", "SetTopicAttributes"), "sns", ("{}",), of="things"),
    ),
    "AWS::CloudWatch::Dashboard": (
        _Owned(_all("cloudwatch", "DeleteDashboards", "GetDashboard", "PutDashboard"), "cloudwatch",
               ("dashboard/{}-*",), of="stacks"),
    ),
    # AWS gives the id of a key: what is not the fleet's has no tag `env`, and is out of reach.
    "AWS::KMS::Key": (
        _Owned(_all("kms", "CreateKey")),
        _Owned(
            _all("kms", "DescribeKey", "EnableKeyRotation", "GetKeyPolicy", "GetKeyRotationStatus",
                 "ListResourceTags", "PutKeyPolicy", "ScheduleKeyDeletion", *_TAGS, "UpdateKeyDescription"),
            "kms", ("key/*",), of="one", tagged=True,
        ),
    ),
    "AWS::KMS::Alias": (
        _Owned(_all("kms", "CreateAlias", "DeleteAlias", "UpdateAlias"), "kms", ("alias/{}",), of="things"),
        _Owned(_all("kms", "CreateAlias", "DeleteAlias", "UpdateAlias"), "kms", ("key/*",), of="one",
               tagged=True),
        _Owned(_all("kms", "ListAliases")),
    ),
    # A mapping has an id of AWS's alone.
    "AWS::Lambda::EventSourceMapping": (
        _Owned(
            _all("lambda", "CreateEventSourceMapping", "DeleteEventSourceMapping", "GetEventSourceMapping",
                 "ListTags", *_TAGS, "UpdateEventSourceMapping"),
            "lambda", ("event-source-mapping:*",), of="one",
        ),
    ),
    "AWS::Events::Rule": (
        _Owned(
            _all("events", "DeleteRule", "DescribeRule", "ListTagsForResource", "ListTargetsByRule",
                 "PutRule", "PutTargets", "RemoveTargets", *_TAGS),
            "events", ("rule/{}",), of="things",
        ),
    ),
    # Names of APIs are in no ARN: ids are, and AWS gives them.
    "AWS::ApiGatewayV2::Api": _API,
    # Access logs are delivered by a service of its own, which has no resources.
    "AWS::ApiGatewayV2::Stage": (
        *_API,
        _Owned(
            _all("logs", "CreateLogDelivery", "DeleteLogDelivery", "DescribeResourcePolicies",
                 "GetLogDelivery", "ListLogDeliveries", "PutResourcePolicy", "UpdateLogDelivery"),
        ),
    ),
    "AWS::ApiGatewayV2::Integration": _API,
    "AWS::ApiGatewayV2::Route": _API,
}  # fmt: skip
KNOWN: Final = frozenset({*_OWNED, _ROLE})
# Of the platform's own stacks: who is trusted, what bounds roles, what is backed up, networks. Administrators
# make them (`release infra bootstrap`); the deploy role never may, whatever a template of a service has.
BY_ADMINISTRATORS: Final = frozenset(
    {
        "AWS::Backup::BackupPlan",
        "AWS::Backup::BackupSelection",
        "AWS::Backup::BackupVault",
        "AWS::CE::AnomalyMonitor",
        "AWS::CE::AnomalySubscription",
        "AWS::EC2::RouteTable",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::OIDCProvider",
        "AWS::SNS::Subscription",
        "AWS::XRay::SamplingRule",
    }
)


def stack_grants(types: Collection[str], bounds: Bounds, *, boundary: str | None) -> Sequence[Grant]:
    """What stacks of these types need, beside `permissions.grants`. Types that are not KNOWN give nothing.

    `boundary`: ARN of the policy that every role must have as its permissions boundary; None: any role may
    be made, so that whoever changes a template may do whatever such a role could.
    """
    found: dict[tuple[tuple[str, ...], bool], set[str]] = {}
    for kind in types:
        for owned in _OWNED.get(kind, ()):
            found.setdefault((_resources(kind, owned, bounds), owned.tagged), set()).update(owned.actions)
    plain = [
        Grant(f"Stacks{number}", tuple(sorted(actions)), resources, _TAGGED if tagged else None)
        for number, ((resources, tagged), actions) in enumerate(sorted(found.items()), start=1)
        if resources
    ]
    return [*plain, *(_roles(bounds, boundary) if _ROLE in types else ())]


def _resources(kind: str, owned: _Owned, bounds: Bounds) -> tuple[str, ...]:
    if owned in _API:
        return tuple(
            f"arn:{bounds.partition}:apigateway:{region}::{path}"
            for region in bounds.regions
            for path in ("/apis", "/apis/*", "/tags/*")
        )
    if kind == "AWS::CloudWatch::Dashboard":  # whose ARN has no region
        start = f"arn:{bounds.partition}:cloudwatch::{bounds.account}:dashboard"
        return tuple(f"{start}/{name}-*" for name in bounds.stacks)
    if not owned.forms:
        return ("*",)
    if owned.of == "buckets":  # whose ARN has neither region nor account, so that their names have
        return tuple(
            f"arn:{bounds.partition}:s3:::{name.lower()}-{bounds.account}-{region}"
            for name in bounds.things
            for region in bounds.regions
        )
    if owned.of == "global things":
        start = f"arn:{bounds.partition}:{owned.service}::{bounds.account}"
        return tuple(f"{start}:{form.format(name)}" for form in owned.forms for name in bounds.things)
    names = {"functions": bounds.functions, "stacks": bounds.stacks, "things": bounds.things, "one": ("",)}[
        owned.of
    ]
    return tuple(arn for form in owned.forms for arn in bounds.named(owned.service, form, names))


def _roles(bounds: Bounds, boundary: str | None) -> Iterable[Grant]:
    """Roles of functions: `{function}-{region}` (function.j2)."""
    roles = tuple(
        f"arn:{bounds.partition}:iam::{bounds.account}:role/{name}-{region}"
        for name in bounds.functions
        for region in bounds.regions
    )
    condition: Mapping[str, Any] | None = (
        None if boundary is None else {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    )
    named = [f"arn:{bounds.partition}:iam::aws:policy/{one}" for one in _OF_AWS]
    yield Grant("RolesOfFunctions", _UNBOUND, roles)
    yield Grant("BoundRolesOfFunctions", _BOUND, roles, condition)
    yield Grant(
        "PoliciesOfAwsForFunctions",
        _ATTACHES,
        roles,
        {**(condition or {}), "ArnEquals": {"iam:PolicyARN": named}},
    )
    yield Grant(
        "RolesForLambda",
        ("iam:PassRole",),
        roles,
        {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    )
