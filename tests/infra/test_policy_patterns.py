"""What looks like a limit and is none: single statements, and those that are right."""

from collections.abc import Set
from typing import Any

import pytest

from release.core.infra_values import Json, as_template
from release.core.policies import judge

ACCOUNT = "111111111111"


def broken(resources: dict[str, Json], rule: str, **also: Json) -> Set[str]:
    """Places that the rule points to."""
    found = judge(as_template({**also, "Resources": resources}))
    return {"/".join(map(str, one.breach.path)) for one in found if one.policy.id == rule}


# -- R0206: everybody, and a condition


def is_open(condition: Json, **parameters: Json) -> bool:
    statement: Json = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": "Q.Arn"},
        "Condition": condition,
    }
    properties: Json = {"Queues": [{"Ref": "Q"}], "PolicyDocument": {"Statement": [statement]}}
    found = broken(
        {"P": {"Type": "AWS::SQS::QueuePolicy", "Properties": properties}}, "R0206", Parameters=parameters
    )
    assert found in (set(), {"Resources/P/Properties/PolicyDocument/Statement/0"})
    return bool(found)


@pytest.mark.parametrize(
    "condition",
    [
        {"Bool": {"aws:SecureTransport": "true"}},
        {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
        {"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}},
        {"IpAddress": {"aws:SourceIp": "2000::/3"}},
        {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "::/0"]}},
        {"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}},
        {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}},
        {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/a"}},
        {"StringLike": {"aws:userid": "*:*"}},
        {"StringLike": {"aws:PrincipalArn": "*"}},
        {"StringLike": {"aws:PrincipalArn": "**"}},
        {"StringLike": {"aws:PrincipalOrgID": "o-*"}},
        {"StringLike": {"aws:SourceAccount": "????????????"}},
        {"StringLike": {"aws:SourceVpce": "vpce-*"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}},
        {"ArnLike": {"aws:SourceArn": "arn:*"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/deploy"}},
        {"ArnLike": {"aws:SourceArn": [f"arn:aws:sns:*:{ACCOUNT}:a", "arn:aws:sns:*:*:a"]}},
        {"StringEquals": {"aws:PrincipalAccount": [ACCOUNT, "*"]}},
        {"StringEquals": {"aws:PrincipalAccount": []}},
        {"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}},
        {"StringEquals": {"aws:PrincipalTag/team": "a"}},
        {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}},
        {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}},
        {"Null": {"aws:SourceArn": "false"}},
        {"StringEquals": {"aws:SourceAccount": {"Fn::If": ["HasAlias", ACCOUNT, "*"]}}},
        {"StringEquals": {"aws:SourceAccount": {"Fn::If": ["A", ACCOUNT, {"Ref": "AWS::NoValue"}]}}},
        {"Fn::If": ["A", {"StringEquals": {"aws:SourceAccount": ACCOUNT}}, {"Ref": "AWS::NoValue"}]},
    ],
)
def test_a_condition_that_anybody_fulfils_names_nobody(condition: Any) -> None:
    assert is_open(condition)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"StringEquals": {"AWS:SourceOwner": {"Ref": "AWS::AccountId"}}},
        {"StringEquals": {"kms:CallerAccount": ACCOUNT}},
        {"StringEquals": {"aws:SourceAccount": {"Fn::If": ["HasAlias", ACCOUNT, "222222222222"]}}},
        {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "NoDefault"}}},
        {"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}},
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-abcdefghij/r-ab12/*"}},
        {"Bool": {"aws:SecureTransport": "true"}, "ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": "T.Arn"}}},
        {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:*:{ACCOUNT}:*"}},
        {"ArnLike": {"aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:sns:*:${AWS::AccountId}:*"}}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::orders-prod*"}},
        {"ArnLike": {"aws:SourceArn": {"Fn::Sub": "${Api}/*"}}},
        {"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}},
        {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "198.51.100.7", "2001:db8::/32"]}},
        {"IpAddress": {"aws:SourceIp": {"Ref": "NoDefault"}}},
    ],
)
def test_a_condition_that_names_a_caller_is_a_limit(condition: Any) -> None:
    assert not is_open(condition)


def test_what_a_parameter_lets_in_by_default_counts() -> None:
    condition: Json = {"IpAddress": {"aws:SourceIp": {"Ref": "Ranges"}}}

    assert is_open(condition, Ranges={"Type": "String", "Default": "0.0.0.0/0"})
    assert not is_open(condition, Ranges={"Type": "String", "Default": "203.0.113.0/24"})


# -- R0604: policies that somebody else wrote


def gets_too_much(policy: Json) -> bool:
    found = broken({"R": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [policy]}}}, "R0604")
    assert found in (set(), {"Resources/R/Properties/ManagedPolicyArns/0"})
    return bool(found)


@pytest.mark.parametrize(("service", "is_known"), [("backup", True), ("lambda", False)])
def test_the_policies_of_backup_are_for_a_role_that_it_alone_assumes(service: str, is_known: bool) -> None:
    trust: Json = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    role: Json = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"],
    }
    found = broken({"R": {"Type": "AWS::IAM::Role", "Properties": role}}, "R0604")
    assert (found == set()) is is_known


@pytest.mark.parametrize(
    "name",
    [
        "ReadOnlyAccess",
        "AmazonS3ReadOnlyAccess",
        "SecretsManagerReadWrite",
        "job-function/DataScientist",
        "service-role/AWSLambdaRole",
        "service-role/AWSLambdaDynamoDBExecutionRole",
        "service-role/AWSLambdaBasicExecutionRole",
        "AmazonS3FullAccess",
        "AdministratorAccess",
        "service-role/AWSXRayDaemonWriteAccess",  # there is none of this path
    ],
)
def test_a_policy_of_aws_is_too_much_unless_it_is_known_not_to_be(name: str) -> None:
    parts: Json = ["arn", {"Ref": "AWS::Partition"}, "iam", "", "aws", f"policy/{name}"]

    assert gets_too_much(f"arn:aws:iam::aws:policy/{name}")
    assert gets_too_much(f"arn:aws-us-gov:iam::aws:policy/{name}")
    assert gets_too_much({"Fn::Sub": f"arn:${{AWS::Partition}}:iam::aws:policy/{name}"})
    assert gets_too_much({"Fn::Join": [":", parts]})


@pytest.mark.parametrize(
    "policy",
    [
        {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess"},
        {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaENIManagementAccess"},
        {"Ref": "PolicyOfThisTemplate"},
        {"Fn::ImportValue": "policy-of-another"},
        {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/ReadOnlyAccess"},
        f"arn:aws:iam::{ACCOUNT}:policy/orders-prod",
    ],
)
def test_a_policy_of_ones_own_and_what_function_j2_attaches_stay_allowed(policy: Any) -> None:
    assert not gets_too_much(policy)


# -- R0602: resources


def is_everything(arn: Json) -> bool:
    statement: Json = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": arn}
    document: Json = {"PolicyDocument": {"Statement": [statement]}}
    found = broken({"P": {"Type": "AWS::IAM::ManagedPolicy", "Properties": document}}, "R0602")
    assert found in (set(), {"Resources/P/Properties/PolicyDocument/Statement/0/Resource"})
    return bool(found)


@pytest.mark.parametrize(
    "arn",
    [
        *("*", "**", "?*", "*:*", "arn:*", "arn*", "arn:aws:dynamodb:*", "arn:aws:s3:::?", "arn:aws:s3:::**"),
        *("arn:aws:s3:::?*/*", "arn:aws:s3:::*/?*", "arn:aws:dynamodb:*:*:table/?*", "arn:*:*:*:*:?*"),
        {"Fn::Sub": "arn:${AWS::Partition}:s3:::?*/*"},
        {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:*"},
        {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::", "?", "*"]]},
    ],
)
def test_a_pattern_that_fits_all_is_everything_however_it_is_written(arn: Any) -> None:
    assert is_everything(arn)


@pytest.mark.parametrize(
    "arn",
    [
        *("arn:aws:s3:::orders-prod/*", "arn:aws:s3:::orders-prod/202?/*", "arn:aws:s3:::orders-????"),
        *("arn:aws:dynamodb:*:*:table/orders-?", "arn:aws:dynamodb:*:*:table/orders/index/*"),
        {"Fn::Sub": "${Bucket.Arn}/?*"},
        {"Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/a/b:*"},
        {"Ref": "NoDefault"},
    ],
)
def test_a_pattern_below_what_is_named_is_not(arn: Any) -> None:
    assert not is_everything(arn)


# -- R0706: what a macro makes


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Resources/X", {}),
        ("Resources/X/Properties/Policies/0", {"Type": "AWS::IAM::Role"}),
        ("Resources/X/Properties/Code", {"Type": "AWS::Lambda::Function"}),
    ],
)
def test_a_macro_is_seen_wherever_it_stands(path: str, body: dict[str, Json]) -> None:
    macro: Json = {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3://a/b"}}}
    for step in reversed(path.split("/")[2:]):
        macro = [macro] if step == "0" else {step: macro}
    assert isinstance(macro, dict)

    assert broken({"X": {**body, **macro}}, "R0706") == {f"{path}/Fn::Transform"}
    assert broken({"X": body}, "R0706") == set()


def test_a_macro_instead_of_a_resource_or_a_part_is_seen() -> None:
    macro: Json = {"Name": "AWS::Include", "Parameters": {"Location": "s3://a/b"}}

    assert broken({"Fn::Transform": macro}, "R0706") == {"Resources/Fn::Transform"}
    assert broken({}, "R0706", Outputs={"Fn::Transform": macro}) == {"Outputs/Fn::Transform"}
    assert broken({}, "R0706", **{"Fn::Transform": macro}) == {"Fn::Transform"}
