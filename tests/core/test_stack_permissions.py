"""What CloudFormation does as the deploy role: for the types of templates, on the fleet's names."""

import json
import re
from pathlib import Path

from release.core.bounds import Bounds
from release.core.permissions import grants, policy
from release.core.stack_permissions import KNOWN, stack_grants

MACROS = Path(__file__).resolve().parents[2] / "templates" / "cloudformation"
# `release infra bootstrap` says of these that the deploy role cannot make them.
NOT_YET = {
    "AWS::Budgets::Budget",
    "AWS::EC2::SecurityGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
BOUNDS = Bounds("444444444444", ("us-east-1", "us-west-2"), ("*-prod",), ("*-prod",), things=("*-prod-*",))
BOUNDARY = "arn:aws:iam::444444444444:policy/release-boundary"


def test_every_type_that_a_macro_builds_is_known_or_told_to_be_unknown() -> None:
    texts = [path.read_text(encoding="utf-8") for path in MACROS.glob("*.j2")]
    built = {kind for text in texts for kind in re.findall(r"^ +Type: (AWS::\w+::\w+)$", text, re.MULTILINE)}

    assert built - KNOWN == NOT_YET


def test_a_role_is_made_with_the_boundary_alone_where_one_is_asked_for() -> None:
    for boundary, condition in (
        (BOUNDARY, {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}),
        (None, None),
    ):
        found = [
            one
            for one in stack_grants(["AWS::IAM::Role"], BOUNDS, boundary=boundary)
            if {"iam:CreateRole", "iam:PutRolePolicy"} & set(one.actions)
        ]
        assert [one.condition for one in found] == [condition]


def test_a_role_is_handed_to_lambda_and_to_nothing_else() -> None:
    (passing,) = [one for one in stack_grants(KNOWN, BOUNDS, boundary=None) if "iam:PassRole" in one.actions]

    assert passing.condition == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    assert all(arn.startswith("arn:aws:iam::444444444444:role/*-prod-") for arn in passing.resources)


def test_keys_without_the_fleets_tag_are_out_of_reach() -> None:
    found = [one for one in stack_grants(KNOWN, BOUNDS, boundary=None) if "kms:PutKeyPolicy" in one.actions]

    assert [one.condition for one in found] == [{"Null": {"aws:ResourceTag/env": "false"}}]


def test_all_types_together_fit_into_a_role() -> None:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: without white space
    granted = [*grants("deploy", BOUNDS), *stack_grants(KNOWN, BOUNDS, boundary=BOUNDARY)]

    assert len(json.dumps(policy(granted), separators=(",", ":"))) < 10_240
