"""What roles may do."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from release.core.infra_values import Template, Value, mapping
from release.core.policies.exposure import KEYS, shared
from release.core.policies.policy import (
    Breach,
    Node,
    Path,
    Policy,
    Resource,
    each,
    elements,
    may_allow,
    possible,
    resources,
    said,
    statements,
)

_POLICY_KINDS: Final = (
    *("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy"),
    "AWS::IAM::GroupPolicy",
)
_WILD: Final = re.compile(r"[*?]+")  # as many of both as there are: any text that is long enough
# What a function cannot have in statements of its own without a star: both are in function.j2.
_OF_AWS: Final = ("AWSXRayDaemonWriteAccess", "service-role/AWSLambdaENIManagementAccess")
# What AWS Backup needs to reach tables of any name; no other service may become a role that has them.
_OF_BACKUP: Final = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
)
_TOO_MUCH: Final = ("AdministratorAccess", "PowerUserAccess", "FullAccess", "IAMFullAccess")
# AWS's own policies that give a role more than the rules below would let a policy say.
_WILD_LOGS: Final = ("AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole")


def _allowed(template: Template) -> Iterator[tuple[Resource, tuple[str | int, ...], Mapping[str, Value]]]:
    """Every statement that allows something, and where it is below Properties."""
    for role in resources(template, "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        for place, policy in enumerate(elements(role.properties.get("Policies"))):
            for branch in possible(policy):
                where: Path = ("Policies", place, "PolicyDocument", "Statement")
                yield from _of(role, where, mapping(branch).get("PolicyDocument"))
    for alone in resources(template, *_POLICY_KINDS):
        where = ("PolicyDocument", "Statement")
        yield from _of(alone, where, alone.properties.get("PolicyDocument"))


def _of(
    resource: Resource, where: Path, document: Node
) -> Iterator[tuple[Resource, Path, Mapping[str, Value]]]:
    for place, statement in statements(document):
        if may_allow(statement):
            yield resource, where if place is None else (*where, place), statement


def _actions(template: Template) -> Iterator[Breach]:
    for resource, where, statement in _allowed(template):
        for action in each(statement.get("Action")):
            if _is_pattern(said(action)):
                yield resource.breach(f"may do {said(action)}", *where, "Action")
    for resource, where, statement in shared(template):
        # In the policy of a key nothing else can be said of the account, which may always do everything.
        if resource.kind not in KEYS and may_allow(statement):
            for action in each(statement.get("Action")):
                if _is_pattern(said(action)):
                    yield resource.breach(f"lets others do {said(action)}", *where, "Action")
    for permission in resources(template, "AWS::Lambda::Permission"):
        for granted in permission.values("Action"):
            if _is_pattern(said(granted)):
                yield permission.breach(f"lets others do {said(granted)}", "Action")


def _is_pattern(action: str) -> bool:
    """Both match any text: IAM's `?` one character, `*` as many as there are."""
    return "*" in action or "?" in action


def _resources(template: Template) -> Iterator[Breach]:
    for resource, where, statement in _allowed(template):
        for arn in each(statement.get("Resource")):
            if _is_everything(said(arn)):
                yield resource.breach(f"may do so to {said(arn)}", *where, "Resource")


def _is_everything(arn: str) -> bool:
    """`*` itself, an ARN that ends in it too early (arn:aws:dynamodb:*), or one whose resource is nothing
    but `*`: arn:aws:s3:::*, arn:aws:s3:::?*/*, arn:aws:dynamodb:…:table/*.
    """
    stars = _WILD.sub("*", arn)
    if not stars.strip("*:/"):
        return bool(stars)
    parts = stars.replace("${AWS::", "${AWS.").split(":", 5)
    if parts[0] not in ("arn", "arn*"):
        return False
    if len(parts) < 6:
        return parts[-1].endswith("*")
    named = parts[5].replace("/", ":").split(":")
    return all(part == "*" for part in named) or (
        len(named) > 1 and set(named[1:]) == {"*"} and parts[2] != "s3"
    )


def _reversed(template: Template) -> Iterator[Breach]:
    for resource, where, statement in _allowed(template):
        for key in ("NotAction", "NotResource"):
            if key in statement:
                yield resource.breach(f"may do everything but what {key} names", *where, key)


def _managed(template: Template) -> Iterator[Breach]:
    for role in resources(template, "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        known = (*_OF_AWS, *_OF_BACKUP) if _is_of_backup(role) else _OF_AWS
        for place, arn in enumerate(elements(role.properties.get("ManagedPolicyArns"))):
            for one in each(arn):
                _, is_of_aws, path = said(one).partition(":iam::aws:policy/")
                name = said(one).rpartition("/")[2]
                if name in _WILD_LOGS:
                    yield role.breach(f"may write every log group by {name}", "ManagedPolicyArns", place)
                elif name.endswith(_TOO_MUCH) or (is_of_aws and path not in known):
                    yield role.breach(f"gets {name}", "ManagedPolicyArns", place)


def _is_of_backup(role: Resource) -> bool:
    trusted = [one for _, one in statements(role.properties.get("AssumeRolePolicyDocument"))]
    return bool(trusted) and all(
        mapping(one.get("Principal")) == {"Service": "backup.amazonaws.com"} for one in trusted
    )


def _callers(template: Template) -> Iterator[Breach]:
    for permission in resources(template, "AWS::Lambda::Permission"):
        principal = said(permission.properties.get("Principal"))
        limits = ("SourceArn", "SourceAccount", "PrincipalOrgID")
        limited = any(all(permission.values(one)) for one in limits)
        if (principal == "*" or principal.endswith(".amazonaws.com")) and not limited:
            yield permission.breach(f"lets {principal} call from any account", "Principal")


def _passing(template: Template) -> Iterator[Breach]:
    for resource, where, statement in _allowed(template):
        passes = any(said(one).lower() == "iam:passrole" for one in each(statement.get("Action")))
        if passes and "iam:PassedToService" not in mapping(
            mapping(statement.get("Condition")).get("StringEquals")
        ):
            yield resource.breach("may pass a role to any service", *where)


def _anybodys_jobs(template: Template) -> Iterator[Breach]:
    """https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws"""
    for role in resources(template, "AWS::IAM::Role"):
        for place, one in statements(role.properties.get("AssumeRolePolicyDocument")):
            actions = {said(action).lower() for action in each(one.get("Action"))}
            if may_allow(one) and "sts:assumerolewithwebidentity" in actions and not _names_subject(one):
                below = ("Statement",) if place is None else ("Statement", place)
                yield role.breach(
                    "is for everybody whom the provider knows", "AssumeRolePolicyDocument", *below
                )


def _names_subject(statement: Mapping[str, Value]) -> bool:
    for operator, test in mapping(statement.get("Condition")).items():
        for key, values in mapping(test).items():
            named = [said(one) for one in each(values)]
            fixed = all(one.strip("*").removeprefix("repo:").strip("*/:") for one in named)
            if "not" not in operator.lower() and key.lower().endswith(":sub") and named and fixed:
                return True
    return False


def _unbound(template: Template) -> Iterator[Breach]:
    roles = list(resources(template, "AWS::IAM::Role"))
    bound = [all(role.values("PermissionsBoundary")) for role in roles]
    for role, is_bound in zip(roles, bound, strict=True):
        if any(bound) and not is_bound:
            yield role.breach(
                "has no boundary, which others here have: it cannot be made", "PermissionsBoundary"
            )


def _lasting(template: Template) -> Iterator[Breach]:
    for key in resources(template, "AWS::IAM::AccessKey"):
        yield Breach((*key.path, "Type"), f"{key.name} is a key that works until somebody thinks of it")
    for user in resources(template, "AWS::IAM::User"):
        if any(user.values("LoginProfile")):
            yield user.breach("signs in with a password of the template", "LoginProfile")


POLICIES: Final = (
    Policy("R0601", "No action is a pattern", "name the actions one by one", _actions),
    Policy("R0602", "No resource is everything", "name the resource by Fn::GetAtt or its ARN", _resources),
    Policy("R0603", "No statement allows by exception", "use Action and Resource", _reversed),
    Policy(
        "R0604",
        "No role gets a policy of AWS that allows too much",
        "write the statements that it needs (function.j2)",
        _managed,
    ),
    Policy(
        "R0605",
        "A service calls a function from one source",
        "set SourceArn, or SourceAccount where there is no ARN",
        _callers,
    ),
    Policy(
        "R0606",
        "A role is passed to one service",
        "add the condition StringEquals iam:PassedToService",
        _passing,
    ),
    Policy(
        "R0607",
        "A role is for subjects that are named",
        "add the condition StringLike PROVIDER:sub with a repository and environment",
        _anybodys_jobs,
    ),
    Policy(
        "R0608",
        "Nobody has a key or a password that lasts",
        "use a role, which people and jobs assume for an hour",
        _lasting,
    ),
    Policy(
        "R0609",
        "Every role has the boundary, or none",
        "set PermissionsBoundary as function.j2 does, to the policy that `boundary` of the environment names",
        _unbound,
    ),
)
