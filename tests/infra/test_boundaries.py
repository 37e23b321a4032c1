"""What bounds the roles of functions: every role of the macros has it, and it cuts off nothing they need."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from release.core.permissions import MANAGED_POLICY
from release.core.platform import BOUNDARY, boundary_policy
from tests.infra.policy_cases import IMPORTS, RESOURCES, SETTINGS
from tests.infra.rendered import REPOSITORY, STAGES, SYSTEMS, calling, configured, system, template

KEPT = [
    (path.parent.name, path.parents[1])
    for top in (REPOSITORY, SYSTEMS)
    for path in top.glob("*/service.yaml")
]
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ of what function.j2 adds for VPC and X-Ray
OF_AWS = {
    "AWSLambdaENIManagementAccess": {
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    },
    "AWSXRayDaemonWriteAccess": {
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:GetSamplingStatisticSummaries",
    },
}


def roles(resources: Any) -> Iterator[dict[str, Any]]:
    return (one["Properties"] for one in resources.values() if one["Type"] == "AWS::IAM::Role")


def allowed(role: Any) -> Iterator[str]:
    for each in role["Policies"]:
        for statement in each["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            yield from [actions] if isinstance(actions, str) else actions
    for arn in role.get("ManagedPolicyArns", ()):
        yield from OF_AWS[arn["Fn::Sub"].rpartition("/")[2]]


@pytest.mark.parametrize(("name", "folder"), KEPT, ids=[name for name, _ in KEPT])
def test_every_role_of_our_services_and_systems_is_bound_where_the_environment_says_so(
    name: str, folder: Path
) -> None:
    arn = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{BOUNDARY}"
    bound = list(roles(template(*system(name, folder), boundary=BOUNDARY)["Resources"]))
    free = list(roles(template(*system(name, folder))["Resources"]))

    assert bound and all(role["PermissionsBoundary"] == {"Fn::Sub": arn} for role in bound)
    assert free and not any("PermissionsBoundary" in role for role in free)


@pytest.mark.parametrize(("name", "folder"), KEPT, ids=[name for name, _ in KEPT])
def test_the_boundary_cuts_off_nothing_that_our_services_and_systems_need(name: str, folder: Path) -> None:
    (statement,) = boundary_policy()["Statement"]
    for stage in STAGES:
        for role in roles(template(*system(name, folder), stage)["Resources"]):
            assert set(allowed(role)) <= set(statement["Action"])


def test_the_boundary_cuts_off_nothing_that_the_macros_give() -> None:
    uses = (
        'uses=[{"stream": "Table"}, {"queue": "Jobs"}, {"send": "Jobs"}, {"write": "Bucket"},'
        ' {"read": "Bucket"}, {"publish": "Topic"}, {"key": "TopicKey"}]'
    )
    resources = RESOURCES.replace(
        'uses=[{"stream": "Table"}, {"queue": "Jobs"}, {"send": "JobsFailed"}]', uses
    )
    assert uses in resources
    secret = "arn:aws:secretsmanager:us-east-1:111111111111:secret:a"
    settings = SETTINGS.replace(
        "default: {", f'default: {{vpc: true, tracing: 5%, secrets: {{ORACLE: "{secret}"}}, '
    )
    service = configured(text=settings)
    (role,) = roles(template(service, calling(IMPORTS, resources), "prod")["Resources"])
    (statement,) = boundary_policy()["Statement"]

    assert len(set(allowed(role))) > 20
    assert set(allowed(role)) <= set(statement["Action"])


@pytest.mark.parametrize(
    "group", ["iam", "organizations", "sts", "cloudformation", "lambda:Update", "kms:Create"]
)
def test_nothing_of_what_would_let_a_function_change_its_own_rights_is_in_the_boundary(group: str) -> None:
    (statement,) = boundary_policy()["Statement"]

    assert [one for one in statement["Action"] if fnmatchcase(one, f"{group}*") or "*" in one] == []


def test_the_boundary_is_not_longer_than_a_policy_may_be() -> None:
    assert len(str(boundary_policy())) < MANAGED_POLICY
