"""Tags and names."""

from collections.abc import Iterator
from typing import Final

from release.core.infra_values import Template
from release.core.policies.policy import Breach, Policy, is_dynamic, resources, said, tags

MANDATORY: Final = ("cost_center", "data_class", "env", "owner", "service")
# Those that take tags, of what services build; CloudFormation knows many more.
_TAGGED: Final = (
    *("AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::CloudWatch::Alarm", "AWS::DynamoDB::Table"),
    *("AWS::EC2::SecurityGroup", "AWS::IAM::Role", "AWS::KMS::Key", "AWS::Kinesis::Stream"),
    *("AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::S3::Bucket"),
    *(
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
        "AWS::StepFunctions::StateMachine",
    ),
)
_NAMED: Final = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
}
_GLOBAL: Final = {
    "AWS::S3::Bucket": ("BucketName", ("AWS::AccountId", "AWS::Region")),
    "AWS::IAM::Role": ("RoleName", ("AWS::Region",)),
    "AWS::CloudWatch::Dashboard": ("DashboardName", ("AWS::Region",)),
}


def _tags(template: Template) -> Iterator[Breach]:
    for one in resources(template, *_TAGGED):
        found = tags(one)
        if found is None:
            continue
        if missing := [key for key in MANDATORY if not found.get(key)]:
            yield one.breach(f"lacks the tags {', '.join(missing)}", "Tags")


def _stage(template: Template) -> Iterator[Breach]:
    for one in resources(template, *_NAMED):
        stage = (tags(one) or {}).get("env")
        key = _NAMED[one.kind]
        for name in one.values(key):
            if name is None or not stage:
                continue
            # a parameter or an import may bring the stage
            whole = is_dynamic(name) and "Fn::Sub" not in name
            if not whole and stage not in said(name) and not _has_parameter(said(name)):
                yield one.breach(f"is named {said(name)}, which says nothing of {stage}", key)


def _has_parameter(name: str) -> bool:
    parts = [part.partition("}")[0] for part in name.split("${")[1:]]
    return any(not part.startswith("AWS::") for part in parts)


def _global(template: Template) -> Iterator[Breach]:
    for one in resources(template, *_GLOBAL):
        key, parts = _GLOBAL[one.kind]
        for name in one.values(key):
            if name is not None and (missing := [part for part in parts if part not in said(name)]):
                yield one.breach(f"has the same name in two places: it lacks {' and '.join(missing)}", key)


def _unnamed(template: Template) -> Iterator[Breach]:
    for one in resources(template, *_NAMED):
        key = _NAMED[one.kind]
        if any(name is None for name in one.values(key)):
            yield one.breach(f"has a name that CloudFormation makes up: {key} is missing")


POLICIES: Final = (
    Policy("R0401", "Everything has the mandatory tags", f"add {', '.join(MANDATORY)} (tags.j2)", _tags),
    Policy("R0402", "A name says the stage", "put the stage into it, as `naming` does", _stage),
    Policy(
        "R0403",
        "A name that is global says account and region",
        "write !Sub …-${AWS::AccountId}-${AWS::Region}; a role and a dashboard need the region alone",
        _global,
    ),
    Policy("R0404", "Everything that people look for has a name", "name it, as `naming` does", _unnamed),
)
