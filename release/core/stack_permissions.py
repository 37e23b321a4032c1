"""What CloudFormation does in the name of the deploy role: by type of resource, the actions of IAM it takes.

CloudFormation acts as its caller. The actions are those that the handlers of each type declare (`aws
cloudformation describe-type --type RESOURCE --type-name T`, `handlers.*.permissions`), less what only
properties need that the tool's own macros never set.
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
    of: str = "functions"  # whose patterns: of functions, or of stacks


def _all(service: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{service}:{name}" for name in names)


_TAGS: Final = ("TagResource", "UntagResource")
# Conditions of their own: _roles().
_ROLE: Final = "AWS::IAM::Role"
_UNBOUND: Final = _all(
    "iam", "DeleteRole", "DeleteRolePolicy", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies",
    "ListRolePolicies", "ListRoleTags", "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole",
)  # fmt: skip
_BOUND: Final = _all("iam", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy")

_API: Final = (
    _Owned(_all("apigateway", "DELETE", "GET", "PATCH", "POST", "PUT")),
)
_OWNED: Final[Mapping[str, tuple[_Owned, ...]]] = {
    "AWS::Logs::LogGroup": (
        _Owned(
            _all("logs", "CreateLogGroup", "DeleteLogGroup", "DeleteRetentionPolicy", "ListTagsForResource",
                 "PutRetentionPolicy", *_TAGS, "AssociateKmsKey", "DisassociateKmsKey"),
            "logs", ("log-group:/aws/lambda/{}", "log-group:/aws/lambda/{}:*"),
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
    ),
    "AWS::DynamoDB::Table": (
        _Owned(
            _all("dynamodb", "CreateTable", "DeleteTable", "DescribeContinuousBackups",
                 "DescribeContributorInsights", "DescribeKinesisStreamingDestination", "DescribeTable",
                 "DescribeTimeToLive", "GetResourcePolicy", "ListTagsOfResource", *_TAGS,
                 "UpdateContinuousBackups", "UpdateTable", "UpdateTimeToLive"),
            "dynamodb", ("table/{}-*",), of="stacks",
        ),
    ),
    # Names of APIs are in no ARN: ids are, and AWS gives them.
    "AWS::ApiGatewayV2::Api": _API,
    "AWS::ApiGatewayV2::Stage": _API,
    "AWS::ApiGatewayV2::Integration": _API,
    "AWS::ApiGatewayV2::Route": _API,
}  # fmt: skip
KNOWN: Final = frozenset({*_OWNED, _ROLE})


def stack_grants(types: Collection[str], bounds: Bounds, *, boundary: str | None) -> Sequence[Grant]:
    """What stacks of these types need, beside `permissions.grants`. Types that are not KNOWN give nothing.

    `boundary`: ARN of the policy that every role must have as its permissions boundary; None: any role may
    be made, so that whoever changes a template may do whatever such a role could.
    """
    found: dict[tuple[str, ...], set[str]] = {}
    for kind in types:
        for owned in _OWNED.get(kind, ()):
            found.setdefault(_resources(kind, owned, bounds), set()).update(owned.actions)
    plain = [
        Grant(f"Stacks{number}", tuple(sorted(actions)), resources)
        for number, (resources, actions) in enumerate(sorted(found.items()), start=1)
        if resources
    ]
    return [*plain, *(_roles(bounds, boundary) if _ROLE in types else ())]


def _resources(kind: str, owned: _Owned, bounds: Bounds) -> tuple[str, ...]:
    if kind.startswith("AWS::ApiGatewayV2::"):
        return tuple(
            f"arn:{bounds.partition}:apigateway:{region}::{path}"
            for region in bounds.regions
            for path in ("/apis", "/apis/*", "/tags/*")
        )
    if not owned.forms:
        return ("*",)  # DescribeLogGroups lists, and filters what it lists afterwards
    names = bounds.functions if owned.of == "functions" else bounds.stacks
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
    yield Grant("RolesOfFunctions", _UNBOUND, roles)
    yield Grant("BoundRolesOfFunctions", _BOUND, roles, condition)
    yield Grant(
        "RolesForLambda",
        ("iam:PassRole",),
        roles,
        {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    )
