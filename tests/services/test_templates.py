"""The stacks of both services in all four stages, rendered as a build does and read as CloudFormation."""

import functools
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml

from release.core.models import Service
from release.errors import Misconfigured

Render = Callable[..., str]
BOTH = ("config-service", "price-fetcher")
ALL = [(name, stage) for name in BOTH for stage in ("dev", "qa", "uat", "prod")]
MANDATORY_TAGS = {"env", "service", "owner", "cost_center", "data_class"}
UNTAGGED = {  # resource types that take no tags
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::KMS::Alias",
    "AWS::Lambda::Permission",
}


class CloudFormationLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref x` becomes {"Ref": x}, `!Sub x` {"Fn::Sub": x}."""


def _short_form(loader: CloudFormationLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value = (
        loader.construct_sequence(node, deep=True)
        if isinstance(node, yaml.SequenceNode)
        else loader.construct_scalar(node)  # type: ignore[arg-type]  # no template of ours has a mapping here
    )
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


CloudFormationLoader.add_multi_constructor("!", _short_form)


@functools.cache
def parsed(text: str) -> dict[str, Any]:
    """Many tests read the same template; none changes it."""
    template: dict[str, Any] = yaml.load(text, CloudFormationLoader)  # noqa: S506  # derives from SafeLoader
    return template


def resources(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


@pytest.fixture(scope="module")
def read(render: Render) -> Callable[[str, str], dict[str, Any]]:
    return functools.cache(lambda name, stage: parsed(render(name, stage)))


@pytest.fixture(params=ALL, ids=lambda pair: "-".join(pair))
def stack(
    request: pytest.FixtureRequest, read: Callable[[str, str], dict[str, Any]]
) -> tuple[str, str, dict[str, Any]]:
    name, stage = request.param
    return name, stage, read(name, stage)


def test_the_service_files_say_the_same_critical_dependencies_to_the_smoke_test_and_to_the_function(
    fleet: Mapping[str, Service],
) -> None:
    for service in fleet.values():
        for stage in ("dev", "prod"):
            said = service.settings_for(stage).environment["HEALTH_CRITICAL"]
            assert tuple(said.split(",")) == service.smoke.critical, service.name


def test_the_alias_and_versions_belong_to_release_alone(stack: tuple[str, str, dict[str, Any]]) -> None:
    kinds = {resource["Type"] for resource in stack[2]["Resources"].values()}
    assert not kinds & {"AWS::Lambda::Alias", "AWS::Lambda::Version"}
    assert "AWS::Lambda::Function" in kinds


def test_whatever_names_the_alias_waits_for_it(stack: tuple[str, str, dict[str, Any]]) -> None:
    template = stack[2]
    assert template["Parameters"]["AliasExists"]["Default"] == "false"
    assert template["Conditions"] == {"HasAlias": {"Fn::Equals": [{"Ref": "AliasExists"}, "true"]}}
    waiting = {n for n, r in template["Resources"].items() if r.get("Condition") == "HasAlias"}
    for name, resource in template["Resources"].items():
        names_alias = any(text.endswith("Arn}:live") for text in strings(resource))
        refers = any(f"${{{other}}}" in text for text in strings(resource) for other in waiting)
        assert (name in waiting) == (names_alias or refers), name
    assert waiting >= {"HttpApiIntegration"}


def test_the_function_has_a_placeholder_that_never_changes(stack: tuple[str, str, dict[str, Any]]) -> None:
    for function in resources(stack[2], "AWS::Lambda::Function").values():
        assert set(function["Code"]) == {"ZipFile"}
        with pytest.raises(RuntimeError, match="Placeholder of the CloudFormation stack"):
            exec(function["Code"]["ZipFile"])  # noqa: S102  # our own text, as Lambda would run it
        # A change would make every stack update put the placeholder over $LATEST.
        digest = hashlib.sha256(function["Code"]["ZipFile"].encode()).hexdigest()
        assert digest == "d350e33c7db5aca342682b004bfb8368b5f5f37c329804cea04e55a47ad20214"


def test_every_resource_has_the_mandatory_tags(stack: tuple[str, str, dict[str, Any]]) -> None:
    name, stage, template = stack
    for logical, resource in template["Resources"].items():
        if resource["Type"] in UNTAGGED:
            continue
        tags = resource["Properties"]["Tags"]
        found = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        assert set(found) == MANDATORY_TAGS, logical
        assert (found["env"], found["service"]) == (stage, name)
        assert all(isinstance(value, str) for value in found.values())


def test_roles_allow_named_actions_on_the_services_own_resources_only(
    stack: tuple[str, str, dict[str, Any]],
) -> None:
    for role in resources(stack[2], "AWS::IAM::Role").values():
        statements = [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]
        assert statements
        for statement in statements:
            assert not any("*" in text for text in strings(statement)), statement
            assert set(statement) == {"Sid", "Effect", "Action", "Resource"}
            owner = statement["Resource"]["Fn::GetAtt"].split(".")[0]
            assert owner in stack[2]["Resources"]


def test_names_that_are_global_in_an_account_carry_the_region(stack: tuple[str, str, dict[str, Any]]) -> None:
    for role in resources(stack[2], "AWS::IAM::Role").values():
        assert role["RoleName"]["Fn::Sub"].endswith("-${AWS::Region}")


def test_no_region_or_account_is_written_into_a_template(render: Render) -> None:
    for name, stage in ALL:
        text = render(name, stage)
        assert "us-east" not in text and "us-west" not in text
        assert not any(part.isdigit() and len(part) == 12 for part in text.replace(":", " ").split())


def test_the_alarms_of_a_function_watch_it_behind_the_alias(stack: tuple[str, str, dict[str, Any]]) -> None:
    name, stage, template = stack
    alarms = resources(template, "AWS::CloudWatch::Alarm").values()
    watched = {alarm["AlarmName"]: (alarm["Namespace"], alarm["MetricName"]) for alarm in alarms}

    functions = [f"{name}-{stage}"] + ([f"{name}-migrate-{stage}"] if name == "price-fetcher" else [])
    of_aws = {
        **{f"{function}-errors": ("AWS/Lambda", "Errors") for function in functions},
        **{f"{function}-throttles": ("AWS/Lambda", "Throttles") for function in functions},
        **{f"{function}-duration": ("AWS/Lambda", "Duration") for function in functions},
        f"{name}-{stage}-5xx": ("AWS/ApiGateway", "5xx"),
    }
    assert {n: metric for n, metric in watched.items() if metric[0] != "Services"} == of_aws
    for alarm in alarms:
        assert alarm["TreatMissingData"] == "notBreaching"
        if alarm["Namespace"] == "AWS/Lambda":
            function = alarm["AlarmName"].rpartition("-")[0]
            assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {
                "FunctionName": function,
                "Resource": f"{function}:live",
            }


def test_tables_recover_to_a_point_in_time_and_outlive_the_stack_in_prod(
    stack: tuple[str, str, dict[str, Any]],
) -> None:
    _, stage, template = stack
    tables = [r for r in template["Resources"].values() if r["Type"] == "AWS::DynamoDB::Table"]
    assert tables
    for table in tables:
        assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        kept = ("RetainExceptOnCreate", "Retain") if stage == "prod" else ("Delete", "Delete")
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == kept


def test_audit_items_have_an_end(render: Render) -> None:
    (table,) = resources(parsed(render("price-fetcher", "dev")), "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_every_route_calls_the_alias_and_asks_who_calls(stack: tuple[str, str, dict[str, Any]]) -> None:
    template = stack[2]
    routes = resources(template, "AWS::ApiGatewayV2::Route")
    (integration,) = resources(template, "AWS::ApiGatewayV2::Integration").values()
    permissions = resources(template, "AWS::Lambda::Permission").values()

    assert integration["IntegrationUri"] == {"Fn::Sub": "${ApiFunction.Arn}:live"}
    assert integration["TimeoutInMillis"] <= 30_000
    assert all(route["AuthorizationType"] == "AWS_IAM" for route in routes.values())
    assert {p["FunctionName"]["Fn::Sub"] for p in permissions} == {"${ApiFunction.Arn}:live"}
    allowed = {p["SourceArn"]["Fn::Sub"].split("${HttpApi}/*/")[1] for p in permissions}
    wanted = {re.sub(r"{\w+}", "*", r["RouteKey"].replace(" ", "")) for r in routes.values()}
    assert allowed == wanted


def test_outputs_name_what_was_made(stack: tuple[str, str, dict[str, Any]]) -> None:
    outputs, made = stack[2]["Outputs"], stack[2]["Resources"]
    assert {"ApiFunctionName", "ApiFunctionArn", "ApiRoleArn", "ApiLogGroupName", "HttpApiEndpoint"} <= set(
        outputs
    )
    for output in outputs.values():
        (reference,) = output["Value"].values()
        assert reference.split(".")[0] in made


def test_a_stage_renders_to_the_same_text_each_time(render: Render) -> None:
    assert render("price-fetcher", "prod") == render("price-fetcher", "prod")
    backwards = {"Z": "1", "A": "2", "HEALTH_CRITICAL": "audit_table"}
    forwards = dict(sorted(backwards.items()))
    assert render("price-fetcher", "dev", environment=backwards) == render(
        "price-fetcher", "dev", environment=forwards
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"environment": {"STAGE": "prod"}}, "set STAGE: the template sets this variable itself"),
        ({"environment": {"TABLE_AUDIT": "mine"}}, "set TABLE_AUDIT: the template sets this variable itself"),
        ({"secrets": {"STAGE": "arn:aws:secretsmanager:x"}}, "set STAGE: the template sets this variable"),
        ({"tracing": "10%"}, "settings.tracing of service.yaml is 10%: Lambda traces 5% and nothing else"),
    ],
)
def test_a_setting_that_would_have_no_effect_is_refused(
    render: Render, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(Misconfigured, match=re.escape(said)):
        render("price-fetcher", "dev", **changed)


def test_settings_that_a_stage_may_switch_on_reach_the_function(render: Render) -> None:
    secret = "arn:aws:secretsmanager:us-east-1:111111111111:secret:oracle"
    template = parsed(render("price-fetcher", "dev", vpc=True, tracing="5%", secrets={"ORACLE": secret}))
    function = resources(template, "AWS::Lambda::Function")["ApiFunction"]

    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["VpcConfig"]["SecurityGroupIds"] == [{"Fn::GetAtt": "ApiSecurityGroup.GroupId"}]
    assert function["Environment"]["Variables"]["ORACLE"] == {"Fn::Sub": secret}  # where it is, not what


@pytest.mark.parametrize("value", ['say "hi": {x} # &a', "it's <b>", "naïve ✓", "true", "0123", "!Ref X"])
def test_any_text_survives_the_way_through_yaml(render: Render, value: str) -> None:
    template = parsed(render("config-service", "dev", environment={"NOTE": value}))
    (function,) = resources(template, "AWS::Lambda::Function").values()
    assert function["Environment"]["Variables"]["NOTE"] == value
