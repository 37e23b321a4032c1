"""What a template asks for, against what a published version has."""

from typing import Any

import pytest

from release.adapters.aws.function_facts import function_facts
from release.adapters.template_reader import read_template
from release.core.drift import settings_drift
from release.core.frozen import UNKNOWN, asked_for
from release.core.models import Place

EAST = Place("444444444444", "us-east-1")
TEMPLATE = """\
Resources:
  Other: {Type: AWS::SNS::Topic}
  ApiRole:
    Type: AWS::IAM::Role
    Properties: {RoleName: !Sub "api-${AWS::Region}"}
  Api:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: api-prod
      Role: !GetAtt ApiRole.Arn
      Runtime: python3.13
      Handler: app.handler
      MemorySize: 256
      Timeout: 30
      Architectures: [arm64]
      Environment:
        Variables: {LOG_LEVEL: INFO, TABLE: !Ref Table}
      VpcConfig: {SubnetIds: [!ImportValue subnet], SecurityGroupIds: [sg-1]}
      Layers: ["arn:layer:1"]
"""
SHOWN: dict[str, Any] = {
    "FunctionName": "api-prod",
    "Version": "7",
    "CodeSha256": "a" * 64,
    "Role": "arn:aws:iam::444444444444:role/api-us-east-1",
    "Runtime": "python3.13",
    "Handler": "app.handler",
    "MemorySize": 256,
    "Timeout": 30,
    "Architectures": ["arm64"],
    "Environment": {"Variables": {"LOG_LEVEL": "INFO", "TABLE": "anything"}},
    "VpcConfig": {"SubnetIds": ["subnet-7"], "SecurityGroupIds": ["sg-1"]},
    "Layers": [{"Arn": "arn:layer:1"}],
}


def drift(template: str = TEMPLATE, place: Place = EAST, **shown: Any) -> tuple[str, ...]:
    asked = asked_for(read_template(template, "api"), "api-prod", place)
    assert asked is not None
    return settings_drift((asked,), function_facts({**SHOWN, **shown}, None).settings)


def test_a_version_that_has_what_its_template_asks_for_does_not_drift() -> None:
    assert drift() == ()


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ({"MemorySize": 512}, "memory 512 instead of 256"),
        ({"Timeout": 3}, "timeout 3 instead of 30"),
        ({"Handler": "app.other"}, "handler app.other instead of app.handler"),
        ({"Runtime": "python3.12"}, "runtime python3.12 instead of python3.13"),
        ({"Architectures": ["x86_64"]}, "architectures x86_64 instead of arm64"),
        ({"Layers": []}, "layers none instead of arn:layer:1"),
        ({"TracingConfig": {"Mode": "Active"}}, "tracing Active instead of PassThrough"),
        ({"EphemeralStorage": {"Size": 1024}}, "storage 1024 instead of 512"),
        ({"LoggingConfig": {"LogGroup": "mine"}}, "logging.group mine instead of /aws/lambda/api-prod"),
        (
            {"VpcConfig": {"SubnetIds": ["subnet-7"], "SecurityGroupIds": ["sg-2"]}},
            "vpc.security_groups sg-2 instead of sg-1",
        ),
        (
            {"Role": "arn:aws:iam::444444444444:role/x"},
            "role arn:aws:iam::444444444444:role/x instead of arn:aws:iam::444444444444:role/api-us-east-1",
        ),
        (
            {"Environment": {"Variables": {"LOG_LEVEL": "secret", "TABLE": "t"}}},
            "another value of LOG_LEVEL in its environment",
        ),
        ({"Environment": {"Variables": {"LOG_LEVEL": "INFO"}}}, "no TABLE in its environment"),
        (
            {"Environment": {"Variables": {"LOG_LEVEL": "INFO", "TABLE": "t", "EXTRA": "secret"}}},
            "EXTRA in its environment, which no template has",
        ),
    ],
)
def test_every_setting_that_differs_is_named_and_no_value_of_the_environment(
    shown: dict[str, Any], said: str
) -> None:
    assert drift(**shown) == (said,)


def test_what_only_cloudformation_knows_is_compared_with_nothing() -> None:
    template = TEMPLATE.replace("MemorySize: 256", "MemorySize: !FindInMap [a, b, c]").replace(
        "VpcConfig: {SubnetIds: [!ImportValue subnet], SecurityGroupIds: [sg-1]}", "VpcConfig: !If [a, b, c]"
    )
    asked = asked_for(read_template(template, "api"), "api-prod", EAST)
    assert asked is not None
    assert (asked["memory"], asked["vpc"], asked["timeout"]) == (UNKNOWN, UNKNOWN, "30")
    other: dict[str, Any] = {"MemorySize": 1024, "VpcConfig": {"SubnetIds": ["subnet-9"]}}
    assert drift(template, **other) == ()
    assert drift(template, **other, Timeout=4) == ("timeout 4 instead of 30",)


def test_variables_that_are_one_function_of_cloudformation_are_not_compared() -> None:
    template = TEMPLATE.replace("Variables: {LOG_LEVEL: INFO, TABLE: !Ref Table}", "Variables: !If [a, b, c]")
    assert drift(template, Environment={"Variables": {"ANY": "thing"}}) == ()


def test_arns_are_those_of_the_partition_of_the_region() -> None:
    role = "arn:aws-us-gov:iam::444444444444:role/api-us-gov-west-1"
    assert drift(place=Place("444444444444", "us-gov-west-1"), Role=role) == ()


def test_a_template_without_the_function_says_nothing_of_it() -> None:
    assert asked_for(read_template(TEMPLATE, "api"), "other-prod", EAST) is None
    assert asked_for(read_template("Resources: []", "api"), "api-prod", EAST) is None


def test_of_two_templates_that_may_have_made_a_version_the_nearer_one_counts() -> None:
    live = {"memory": "256", "timeout": "30"}
    assert settings_drift(({"memory": "128", "timeout": "3"}, {"memory": "256", "timeout": "3"}), live) == (
        "timeout 30 instead of 3",
    )
    assert settings_drift((), live) == ()
