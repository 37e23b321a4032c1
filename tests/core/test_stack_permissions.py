"""What CloudFormation does as the deploy role: for the types of templates, on the fleet's names.

Policies are judged by the sandbox's evaluation of IAM, which is not ours.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from ministack.core import iam_evaluator

from release.core.bounds import Bounds
from release.core.permissions import MANAGED_POLICY, grants, policies, policy
from release.core.stack_permissions import BY_ADMINISTRATORS, KNOWN, stack_grants
from tests.core.stack_calls import ACCOUNT, CALLS, PERMISSIONS, REGION

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
BOUNDS = Bounds(ACCOUNT, ("us-east-1", REGION), ("*-prod",), ("*-prod",), things=("*-prod-*",))
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/release-boundary"
# What a request brings where all is as it should be.
OURS = {
    "aws:resourcetag/env": "prod",
    "iam:permissionsboundary": BOUNDARY,
    "iam:passedtoservice": "lambda.amazonaws.com",
    "iam:policyarn": "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess",
}


def types_in(folder: str) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (TEMPLATES / folder).glob("*.j2")]
    return {kind for text in texts for kind in re.findall(r"^ +Type: (AWS::\w+::\w+)$", text, re.MULTILINE)}


SESSION = botocore.session.get_session()


@cache
def service_model(service: str) -> Any:
    return SESSION.get_service_model(service)


def needed(kind: str) -> Iterator[tuple[str, str]]:
    """(action, ARN) of every call."""
    for service, arn, names in CALLS[kind]:
        for name in names.split():
            if name.startswith("="):
                yield name[1:], arn
                continue
            model = service_model(service).operation_model(name)  # raises for one that there is not
            if service == "apigatewayv2":  # its actions are methods
                yield f"apigateway:{model.http['method']}", arn
            else:
                yield PERMISSIONS.get(f"{service}:{name}", f"{service}:{name}"), arn


def may(kind: str, action: str, arn: str, **changed: Any) -> bool:
    """`changed`: another account or region in the ARN, or `context`."""
    context: Mapping[str, str] = changed.get("context", OURS)
    asked = iam_evaluator.EvalContext(
        f"arn:aws:sts::{ACCOUNT}:assumed-role/release-deploy/run",
        "AssumedRole",
        ACCOUNT,
        action,
        arn,
        REGION,
        service_context=dict(context),
    )
    return bool(iam_evaluator.evaluate(asked, [statements(kind)]).decision == "Allow")


@cache
def statements(kind: str) -> Any:
    document = policy(stack_grants([kind], BOUNDS, boundary=BOUNDARY))
    return iam_evaluator.parse_policy_document(json.dumps(document))


@pytest.mark.parametrize("kind", sorted(CALLS))
def test_every_call_for_a_type_is_allowed_on_the_fleets_names(kind: str) -> None:
    assert [one for one in needed(kind) if not may(kind, *one)] == []


@pytest.mark.parametrize("kind", sorted(CALLS))
def test_nothing_is_allowed_that_no_call_for_a_type_needs(kind: str) -> None:
    granted = {action for one in stack_grants([kind], BOUNDS, boundary=BOUNDARY) for action in one.actions}

    assert granted == {action for action, _ in needed(kind)}


@pytest.mark.parametrize("kind", sorted(CALLS))
def test_nothing_may_be_done_to_what_has_another_name_or_account(kind: str) -> None:
    others = [
        (action, other)
        for action, arn in needed(kind)
        for other in (arn.replace(ACCOUNT, "555555555555"), arn.replace("orders-prod", "orders-qa"))
        if other != arn
    ]

    assert [one for one in others if may(kind, *one)] == []


def test_every_type_that_a_macro_builds_has_its_row_and_no_other_has() -> None:
    assert types_in("cloudformation") == KNOWN == CALLS.keys()


def test_every_type_of_the_platform_is_known_or_made_by_administrators_alone() -> None:
    assert types_in("bootstrap") - KNOWN == BY_ADMINISTRATORS
    assert stack_grants(BY_ADMINISTRATORS, BOUNDS, boundary=BOUNDARY) == []


@pytest.mark.parametrize(
    "action", ["CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary", "AttachRolePolicy"]
)
def test_a_role_without_the_boundary_is_out_of_reach(action: str) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/orders-prod-{REGION}"
    free = {key: one for key, one in OURS.items() if key != "iam:permissionsboundary"}

    assert may("AWS::IAM::Role", f"iam:{action}", arn)
    assert not may("AWS::IAM::Role", f"iam:{action}", arn, context=free)
    other = free | {"iam:permissionsboundary": f"arn:aws:iam::{ACCOUNT}:policy/everything"}
    assert not may("AWS::IAM::Role", f"iam:{action}", arn, context=other)


def test_a_role_gets_no_policy_of_aws_but_those_that_the_macros_name() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/orders-prod-{REGION}"
    context = OURS | {"iam:policyarn": "arn:aws:iam::aws:policy/AdministratorAccess"}

    assert not may("AWS::IAM::Role", "iam:AttachRolePolicy", arn, context=context)


def test_a_boundary_can_be_set_and_not_be_taken_away() -> None:
    actions = {one for each in stack_grants(KNOWN, BOUNDS, boundary=BOUNDARY) for one in each.actions}

    assert "iam:DeleteRolePermissionsBoundary" not in actions


def test_a_fleet_without_a_boundary_makes_roles_all_the_same() -> None:
    conditions = [
        one.condition
        for one in stack_grants(["AWS::IAM::Role"], BOUNDS, boundary=None)
        if "iam:CreateRole" in one.actions
    ]

    assert conditions == [None]


def test_a_role_is_handed_to_lambda_and_to_nothing_else() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/orders-prod-{REGION}"
    context = OURS | {"iam:passedtoservice": "ec2.amazonaws.com"}

    assert not may("AWS::IAM::Role", "iam:PassRole", arn, context=context)


@pytest.mark.parametrize(
    ("kind", "action", "form"),
    [
        ("AWS::KMS::Key", "kms:PutKeyPolicy", "kms:{}:key/1"),
        ("AWS::EC2::SecurityGroup", "ec2:DeleteSecurityGroup", "ec2:{}:security-group/sg-1"),
    ],
)
def test_what_has_an_id_of_aws_and_not_the_fleets_tag_is_out_of_reach(
    kind: str, action: str, form: str
) -> None:
    arn = f"arn:aws:{form.format(f'{REGION}:{ACCOUNT}')}"

    assert may(kind, action, arn)
    assert not may(kind, action, arn, context={})


def test_all_types_together_fit_into_a_role() -> None:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: without white space
    calls = policy(grants("deploy", BOUNDS))
    managed = policies(stack_grants(KNOWN, BOUNDS, boundary=BOUNDARY))

    assert len(json.dumps(calls, separators=(",", ":"))) < 10_240
    assert 1 < len(managed) <= 10
    assert all(len(json.dumps(one, separators=(",", ":"))) <= MANAGED_POLICY for one in managed)
    every = [one for document in managed for one in document["Statement"]]
    assert every == policy(stack_grants(KNOWN, BOUNDS, boundary=BOUNDARY))["Statement"]


def test_a_fleet_of_many_names_is_spread_over_policies() -> None:
    names = tuple(f"team-{number}-*-prod" for number in range(60))
    granted = stack_grants(["AWS::Logs::LogGroup"], Bounds(ACCOUNT, (REGION,), names), boundary=None)
    managed = policies(granted)

    assert all(len(json.dumps(one, separators=(",", ":"))) <= MANAGED_POLICY for one in managed)
    every = [one for document in managed for one in document["Statement"]]
    assert {arn for one in every for arn in one["Resource"]} == {
        arn for one in granted for arn in one.resources
    }
    assert len({one["Sid"] for one in every}) == len(every) > len(granted)
