"""Logs and alarms."""

from collections.abc import Iterator
from typing import Final

from release.core.infra_values import Template, mapping
from release.core.policies.policy import Breach, Policy, elements, names_of, resources, said


def _retention(template: Template) -> Iterator[Breach]:
    for group in resources(template, "AWS::Logs::LogGroup"):
        if any(one is None for one in group.values("RetentionInDays")):
            yield group.breach("is kept for ever", "RetentionInDays")


def _own_group(template: Template) -> Iterator[Breach]:
    groups = {said(one.properties.get("LogGroupName")) for one in resources(template, "AWS::Logs::LogGroup")}
    refers = frozenset[str]().union(
        *(names_of(one.properties.get("LogGroupName")) for one in resources(template, "AWS::Logs::LogGroup"))
    )
    for function in resources(template, "AWS::Lambda::Function"):
        named = said(function.properties.get("FunctionName"))
        configured = mapping(function.properties.get("LoggingConfig")).get("LogGroup")
        if configured is None and f"/aws/lambda/{named}" not in groups and function.name not in refers:
            yield function.breach("has a log group that nobody configures: Lambda makes it, kept for ever")


def _access(template: Template) -> Iterator[Breach]:
    kinds = {"AWS::ApiGatewayV2::Stage": "AccessLogSettings", "AWS::ApiGateway::Stage": "AccessLogSetting"}
    for stage in resources(template, *kinds):
        where = kinds[stage.kind]
        if not all(stage.values(where, "DestinationArn")):
            yield stage.breach("writes no access log", where)


def _watched(template: Template) -> Iterator[Breach]:
    watched: set[str] = set()
    for alarm in resources(template, "AWS::CloudWatch::Alarm"):
        if said(alarm.properties.get("MetricName")) == "Errors":
            watched |= set(said(alarm.properties.get("Dimensions")).split())
    for function in resources(template, "AWS::Lambda::Function"):
        named = said(function.properties.get("FunctionName"))
        if named not in watched and function.name not in watched:
            yield function.breach("has no alarm on its errors")


def _through_alias(template: Template) -> Iterator[Breach]:
    for alarm in resources(template, "AWS::CloudWatch::Alarm"):
        if alarm.properties.get("Namespace") == "AWS/Lambda":
            dimensions = [mapping(one).get("Name") for one in elements(alarm.properties.get("Dimensions"))]
            if "Resource" not in dimensions:
                yield alarm.breach("counts calls of every version, not of what serves", "Dimensions")


def _missing_data(template: Template) -> Iterator[Breach]:
    for alarm in resources(template, "AWS::CloudWatch::Alarm"):
        if any(one is None for one in alarm.values("TreatMissingData")):
            yield alarm.breach("does not say what no data means", "TreatMissingData")


POLICIES: Final = (
    Policy("R0501", "Logs end", "set RetentionInDays", _retention),
    Policy(
        "R0502",
        "A function has a log group in its template",
        "add an AWS::Logs::LogGroup /aws/lambda/NAME (function.j2)",
        _own_group,
    ),
    Policy("R0503", "An API writes access logs", "set AccessLogSettings (http_api.j2)", _access),
    Policy(
        "R0504", "A function has an alarm on errors", "add one on AWS/Lambda Errors (alarms.j2)", _watched
    ),
    Policy(
        "R0505",
        "An alarm of a function looks through the alias",
        "add the dimension Resource: NAME:ALIAS",
        _through_alias,
    ),
    Policy("R0506", "An alarm says what no data means", "set TreatMissingData", _missing_data),
)
