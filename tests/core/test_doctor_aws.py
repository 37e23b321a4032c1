"""Whose credentials, whom roles trust, how artifacts are kept: both ways for each check."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from release.core.doctor.aws import (
    AwsFacts,
    BoundaryFacts,
    BucketFacts,
    PlaceFacts,
    aws_findings,
)
from release.core.doctor.findings import CHECKS, Finding, Trouble
from release.core.doctor.trust import RoleFacts

LOST = Trouble("no valid AWS credentials", "aws sso login")
HOST = "token.actions.githubusercontent.com"
ARN = "arn:aws:iam::444444444444:role/path/release-deploy"
READS: Mapping[str, bool | Trouble] = {"lambda:GetFunction": True, "cloudwatch:DescribeAlarms": True}
PLACE = PlaceFacts("prod", "444444444444", "us-east-1", ARN, "444444444444", READS)
BUCKET = BucketFacts("artifacts", "999999999999", "us-west-2", True, "us-west-2", True, True, True)


def trust(*subjects: str, operator: str = "StringLike", **changed: Any) -> dict[str, Any]:
    condition = {"StringEquals": {f"{HOST}:aud": "sts.amazonaws.com"}}
    if subjects:
        condition.setdefault(operator, {})[f"{HOST}:sub"] = list(subjects)  # type: ignore[assignment]
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::444444444444:oidc-provider/{HOST}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    } | changed
    return {"Version": "2012-10-17", "Statement": [statement]}


PROD = "repo:acme/fleet:environment:prod"
ROLE = RoleFacts(ARN, ("prod",), trust(PROD))
BOUND = BoundaryFacts("prod", "release-boundary")
HEALTHY = AwsFacts("acme/fleet", (12, 34), (PLACE,), (ROLE,), (BOUND,), (BUCKET,))


def found(**changed: Any) -> list[Finding]:
    return list(aws_findings(replace(HEALTHY, **changed)))


def not_ok(**changed: Any) -> list[tuple[str, str]]:
    return [(one.check.id, one.state) for one in found(**changed) if one.state != "ok"]


def trusts(policy: Any, *, ids: tuple[int, int] | None = (12, 34)) -> str:
    (one,) = [one for one in found(roles=(replace(ROLE, trust=policy),), ids=ids) if one.check.id == "trust"]
    return one.state


def test_what_is_set_up_is_green_in_every_check() -> None:
    assert not_ok() == []
    assert [one.check.id for one in found()] == [
        name for name, check in CHECKS.items() if check.group == "AWS"
    ]


@pytest.mark.parametrize(
    ("changed", "expected", "fix"),
    [
        ({"places": (replace(PLACE, identity="111111111111"),)}, [("account", "no")], "AWS_PROFILE"),
        ({"places": (replace(PLACE, identity=LOST),)}, [("account", "unknown"), ("reads", "unknown")], "sso"),
        ({"places": (replace(PLACE, reads={"lambda:GetFunction": LOST}),)}, [("reads", "unknown")], "sso"),
        ({"roles": (replace(ROLE, trust=LOST),)}, [("trust", "unknown")], "sso"),
        ({"buckets": (replace(BUCKET, there=LOST),)}, [("bucket", "unknown")], "sso"),
        ({"buckets": (replace(BUCKET, there=None),)}, [("bucket", "no")], "LocationConstraint=us-west-2 (in"),
        ({"buckets": (replace(BUCKET, there=False),)}, [("bucket", "no")], "s3:ListBucket"),
        ({"buckets": (replace(BUCKET, location="us-east-1"),)}, [("bucket", "no")], "{region}"),
        ({"buckets": (replace(BUCKET, location=LOST),)}, [("bucket", "unknown")], "sso"),
        (
            {"buckets": (replace(BUCKET, versioned=False),)},
            [("bucket-versioned", "no")],
            "put-bucket-versioning",
        ),
        (
            {"buckets": (replace(BUCKET, encrypted=False),)},
            [("bucket-encrypted", "no")],
            "put-bucket-encryption",
        ),
        (
            {"buckets": (replace(BUCKET, private=False),)},
            [("bucket-private", "no")],
            "put-public-access-block",
        ),
        ({"buckets": (replace(BUCKET, private=LOST),)}, [("bucket-private", "unknown")], "sso"),
    ],
)
def test_what_is_wrong_shows_in_its_own_check_with_the_way_out(
    changed: dict[str, Any], expected: list[tuple[str, str]], fix: str
) -> None:
    assert not_ok(**changed) == expected
    assert all(fix in one.fix for one in found(**changed) if one.state != "ok")


def test_a_bucket_of_us_east_1_is_made_without_a_location() -> None:
    (one,) = [one for one in found(buckets=(replace(BUCKET, region="us-east-1", there=None),)) if one.fix]

    assert one.fix == (
        "aws s3api create-bucket --bucket artifacts --region us-east-1 (in account 999999999999)"
    )


@pytest.mark.parametrize(
    ("role", "begins"),
    [(ARN, "aws iam put-role-policy --role-name release-deploy"), (None, "give whoever you are the policy")],
)
def test_what_is_denied_is_said_even_where_something_else_could_not_be_asked(
    role: str | None, begins: str
) -> None:
    reads = {"lambda:GetFunction": LOST, "cloudwatch:DescribeAlarms": False}

    (one,) = [one for one in found(places=(replace(PLACE, role=role, reads=reads),)) if one.state != "ok"]

    assert (one.check.id, one.state, one.says) == ("reads", "no", "cloudwatch:DescribeAlarms denied")
    assert one.fix.startswith(begins)
    assert json.loads(shlex.split(one.fix)[-1])["Statement"][0]["Action"] == ["cloudwatch:DescribeAlarms"]


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        (trust(PROD), "ok"),
        (trust(PROD, operator="StringEquals"), "ok"),
        (trust("repo:acme@12/fleet@34:environment:prod"), "ok"),
        (trust("repo:acme@*/fleet@*:environment:prod"), "ok"),
        (trust("repo:acme@12/fleet@34:environment:prod", operator="StringEquals"), "ok"),
        (trust("repo:acme@99/fleet@34:environment:prod"), "no"),  # somebody else has the name now
        (trust(PROD, Action=["sts:TagSession", "sts:AssumeRoleWithWebIdentity"]), "ok"),
        (trust(PROD, Action="sts:*"), "ok"),
        (trust("repo:acme/fleet:environment:qa"), "no"),
        (trust("repo:acme/fleet:*", operator="StringEquals"), "no"),  # a star that means itself
        (trust("repo:acme/[f]leet:environment:prod"), "no"),  # IAM has no sets
        (trust(PROD, Effect="Deny"), "no"),
        (trust(PROD, Action="sts:AssumeRole"), "no"),
        (trust(PROD, Principal={"Federated": "arn:aws:iam::444444444444:oidc-provider/example.org"}), "no"),
        (trust(PROD, Principal="*"), "no"),
        ({"Statement": trust(PROD)["Statement"][0]}, "ok"),
        ({"Statement": ["odd"]}, "no"),
        ({}, "no"),
        (trust("repo:acme/fleet:*"), "no"),
        (trust("repo:acme/*"), "no"),
        (trust("repo:acme/fleet:environment:*"), "no"),
        (trust(PROD, "repo:acme/fleet:pull_request"), "no"),
        (trust(), "no"),
    ],
)
def test_a_role_is_for_the_jobs_of_its_environments_and_for_no_others(policy: Any, state: str) -> None:
    assert trusts(policy) == state


def test_where_the_ids_of_a_repository_are_not_known_any_may_be_right() -> None:
    policy = trust("repo:acme@99/fleet@34:environment:prod", operator="StringEquals")

    assert (trusts(policy), trusts(policy, ids=None)) == ("no", "ok")


def test_what_broad_trust_says_is_what_it_lets_in() -> None:
    broad = replace(ROLE, trust=trust("repo:acme/fleet:*"))
    narrow = replace(ROLE, trust=trust("repo:acme/fleet:environment:qa"))

    says = [one.says for role in (broad, narrow) for one in found(roles=(role,)) if one.check.id == "trust"]

    assert says == [
        "trusts jobs of the repository wherever they run (ref:refs/heads/anybody)",
        "does not trust jobs of environment:prod",
    ]


def test_the_command_that_mends_a_trust_keeps_what_people_may_and_is_trusted_then() -> None:
    people = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sts:AssumeRole"}
    policy = trust("repo:acme/fleet:*")
    policy["Statement"].append(people)

    (one,) = [one for one in found(roles=(replace(ROLE, trust=policy),)) if one.state != "ok"]

    words = shlex.split(one.fix)
    assert words[:5] == ["aws", "iam", "update-assume-role-policy", "--role-name", "release-deploy"]
    assert one.fix.endswith("(in account 444444444444)")
    mended = json.loads(words[6])
    assert mended["Statement"][1:] == [people]
    assert trusts(mended) == "ok"


def test_without_github_nobody_knows_whom_a_role_should_trust() -> None:
    assert not_ok(repository=None) == [("trust", "unknown")]


def test_an_environment_without_a_boundary_is_told_how_to_have_one() -> None:
    (one,) = [one for one in found(boundaries=(replace(BOUND, policy=None),)) if one.state != "ok"]

    assert (one.check.id, one.state, one.subject) == ("boundary", "no", "prod")
    assert "release infra bootstrap prod" in one.fix and "boundary: release-boundary" in one.fix
