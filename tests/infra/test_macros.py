"""What macros build, and what they refuse to."""

import json
from dataclasses import replace
from typing import Any

import pytest

from release.errors import Misconfigured
from tests.infra.rendered import calling, configured, template

IMPORTS = {
    "boards": "dashboard.j2",
    "http": "http_api.j2",
    "lambda": "function.j2",
    "s3": "bucket.j2",
    "schedules": "schedule.j2",
    "sqs": "queue.j2",
}
SECRET = "arn:aws:secretsmanager:${AWS::Region}:111111111111:secret:oracle"


def built(resources: str, settings: str = "", stage: str = "dev", data_class: str = "internal") -> Any:
    service = configured(text=settings, data_class=data_class)
    return template(service, calling(IMPORTS, resources), stage)["Resources"]


def refusal(resources: str, settings: str = "") -> str:
    with pytest.raises(Misconfigured) as refused:
        built(resources, settings)
    return refused.value.cause


def function(settings: str) -> Any:
    return built('{{ lambda.function("api") }}', f"settings: {{default: {{{settings}}}}}")


def statements(role: Any) -> dict[str, Any]:
    (policy,) = role["Properties"]["Policies"]
    return {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}


def test_a_function_may_read_its_secrets_and_knows_only_where_they_are() -> None:
    resources = function(f'secrets: {{ORACLE: "{SECRET}"}}')

    assert resources["ApiFunction"]["Properties"]["Environment"]["Variables"]["ORACLE"] == {"Fn::Sub": SECRET}
    found = statements(resources["ApiRole"])["Secrets"]
    assert found["Action"] == "secretsmanager:GetSecretValue"
    assert found["Resource"] == [{"Fn::Sub": SECRET}, {"Fn::Sub": SECRET + "-??????"}]


def test_a_function_without_secrets_may_read_none() -> None:
    assert statements(function("memory: 128")["ApiRole"]).keys() == {"OwnLogs"}


def test_traces_are_switched_on_with_the_right_to_send_them() -> None:
    resources = function("tracing: 5%")

    assert resources["ApiFunction"]["Properties"]["TracingConfig"] == {"Mode": "Active"}
    (policy,) = resources["ApiRole"]["Properties"]["ManagedPolicyArns"]
    assert policy["Fn::Sub"].endswith("policy/AWSXRayDaemonWriteAccess")


def test_a_share_of_traces_that_lambda_does_not_take_is_refused() -> None:
    assert "Lambda traces 5% and nothing else" in refusal(
        '{{ lambda.function("api") }}', "settings: {default: {tracing: 50%}}"
    )


def test_a_function_in_the_vpc_lets_nothing_in_and_tls_out() -> None:
    resources = function("vpc: true")

    group = resources["ApiSecurityGroup"]["Properties"]
    assert "SecurityGroupIngress" not in group
    assert [(one["FromPort"], one["ToPort"]) for one in group["SecurityGroupEgress"]] == [("443", "443")]
    assert resources["ApiFunction"]["Properties"]["VpcConfig"]["SecurityGroupIds"] == [
        {"Fn::GetAtt": "ApiSecurityGroup.GroupId"}
    ]


@pytest.mark.parametrize(("data_class", "has_key"), [("phi", True), ("PII", True), ("internal", False)])
def test_logs_of_sensitive_data_have_a_key_of_their_own(data_class: str, has_key: bool) -> None:
    resources = built(
        '{{ lambda.function("api") }}\n{{ http.http_api("api", routes=["GET /a"]) }}', data_class=data_class
    )

    assert ("LogsKey" in resources) is has_key
    for group in ("ApiLogGroup", "HttpApiLogGroup"):
        found = resources[group]["Properties"].get("KmsKeyId")
        assert found == ({"Fn::GetAtt": "LogsKey.Arn"} if has_key else None)


def test_alarms_look_through_the_alias_with_the_thresholds_of_the_stage() -> None:
    settings = "timeout: 20, alarms: {errors: 3, throttles: 4, duration_percent: 50, period: 5m}"
    resources = function(settings)

    alarms = {
        one["MetricName"]: one
        for one in (resources[f"Api{kind}Alarm"]["Properties"] for kind in ("Error", "Throttle", "Duration"))
    }
    assert {name: one["Threshold"] for name, one in alarms.items()} == {
        "Errors": "3",
        "Throttles": "4",
        "Duration": "10000",  # milliseconds: half of twenty seconds
    }
    for alarm in alarms.values():
        assert alarm["Period"] == "300"
        assert {"Name": "Resource", "Value": "orders-dev:live"} in alarm["Dimensions"]


@pytest.mark.parametrize(
    "use",
    [
        '{"sid": "All", "actions": ["s3:*"], "on": "!GetAtt Results.Arn"}',
        '{"sid": "All", "actions": ["s3:GetObject"], "on": \'"*"\'}',
        '{"sid": "All", "actions": ["*"], "on": "!GetAtt Results.Arn"}',
    ],
)
def test_more_than_what_is_named_cannot_be_allowed(use: str) -> None:
    assert "allows more than it names" in refusal(f'{{{{ lambda.function("api", uses=[{use}]) }}}}')


def test_a_use_that_is_misspelt_is_told_what_there_is() -> None:
    cause = refusal('{{ lambda.function("api", uses=[{"wirte": "Results"}]) }}')
    assert "say one of stream, queue, send, write" in cause


def test_a_variable_that_the_template_sets_may_not_be_a_setting_too() -> None:
    assert "set STAGE" in refusal(
        '{{ lambda.function("api") }}', "settings: {default: {environment: {STAGE: x}}}"
    )


def test_an_api_says_who_may_call_it_from_a_browser() -> None:
    api = built(
        '{{ http.http_api("api", routes=["PUT /a", "GET /a", "GET /b"],'
        ' cors={"origins": ["https://a.example"], "credentials": true}) }}\n{{ lambda.function("api") }}'
    )["HttpApi"]["Properties"]["CorsConfiguration"]

    assert api["AllowMethods"] == ["GET", "PUT"]
    assert (api["AllowOrigins"], api["AllowCredentials"]) == (["https://a.example"], "true")


def test_credentials_for_every_origin_are_refused() -> None:
    call = '{{ http.http_api("api", routes=["GET /a"], cors={"origins": ["*"], "credentials": true}) }}'
    assert "every origin has to be named" in refusal(call)


def test_an_access_log_is_json_without_queries_and_bodies() -> None:
    stage = built('{{ http.http_api("api", routes=["GET /a"]) }}\n{{ lambda.function("api") }}')[
        "HttpApiStage"
    ]

    logged = json.loads(stage["Properties"]["AccessLogSettings"]["Format"])
    assert {"requestId", "status", "route"} <= logged.keys()
    assert not any("querystring" in one or "body" in one for one in logged.values())


def test_a_bucket_takes_its_last_step_after_glacier() -> None:
    assert "expire_days has to be more" in refusal('{{ s3.bucket("B", name="b", expire_days=90) }}')
    rule = built('{{ s3.bucket("B", name="b", expire_days=365) }}')["B"]["Properties"][
        "LifecycleConfiguration"
    ]
    (only,) = rule["Rules"]
    assert only["ExpirationInDays"] == "365"
    assert [(one["StorageClass"], one["TransitionInDays"]) for one in only["Transitions"]] == [
        ("STANDARD_IA", "30"),
        ("GLACIER", "90"),
    ]


def test_a_message_stays_hidden_for_six_times_as_long_as_a_call_may_take() -> None:
    queues = built('{{ sqs.queue("Jobs", name="jobs") }}', "settings: {default: {timeout: 20}}")

    assert queues["Jobs"]["Properties"]["VisibilityTimeout"] == "120"
    assert queues["Jobs"]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"] == {
        "Fn::GetAtt": "JobsFailed.Arn"
    }
    assert "RedrivePolicy" not in queues["JobsFailed"]["Properties"]


@pytest.mark.parametrize(("stage", "policy"), [("prod", "RetainExceptOnCreate"), ("dev", "Delete")])
def test_data_outlive_their_stack_in_prod_alone(stage: str, policy: str) -> None:
    made = built('{{ s3.bucket("B", name="b") }}\n{{ sqs.queue("Q", name="q") }}', stage=stage)
    assert {made[one]["DeletionPolicy"] for one in ("B", "Q", "QFailed")} == {policy}


def test_a_dashboard_is_json_with_p50_and_p95_of_function_and_api() -> None:
    board = built(
        '{{ lambda.function("api") }}\n{{ http.http_api("api", routes=["GET /a"]) }}'
        '\n{{ boards.dashboard(["api"], api=true) }}'
    )["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]

    widgets = [one["properties"]["metrics"] for one in json.loads(board)["widgets"]]
    for metric in ("Duration", "Latency"):
        (found,) = [one for one in widgets if one[0][1] == metric]
        assert [one[-1]["stat"] for one in found] == ["p50", "p95"]


def test_the_placeholder_of_a_node_function_raises_in_its_own_language() -> None:
    service = replace(configured(), runtime="nodejs22.x")
    resources = template(service, calling(IMPORTS, '{{ lambda.function("api") }}'))["Resources"]
    assert resources["ApiFunction"]["Properties"]["Code"]["ZipFile"].startswith("throw new Error(")


def test_a_schedule_calls_the_alias_and_waits_for_it() -> None:
    made = built(
        '{{ lambda.function("api") }}'
        '\n{{ schedules.schedule("Hourly", "api", name="hourly", expression="rate(1 hour)") }}'
    )

    rule = made["Hourly"]["Properties"]
    assert rule["ScheduleExpression"] == "rate(1 hour)" and rule["Name"].endswith("-dev-hourly")
    assert [one["Arn"] for one in rule["Targets"]] == [{"Fn::Sub": "${ApiFunction.Arn}:live"}]
    may_call = made["HourlyPermission"]["Properties"]
    assert may_call["FunctionName"] == {"Fn::Sub": "${ApiFunction.Arn}:live"}
    assert may_call["SourceArn"] == {"Fn::GetAtt": "Hourly.Arn"}
    assert {made[one]["Condition"] for one in ("Hourly", "HourlyPermission")} == {"HasAlias"}
    (target,) = rule["Targets"]
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": "HourlyFailed.Arn"}
    allowed = [
        one
        for one in made["HourlyFailedPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow"
    ]
    assert [one["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"] for one in allowed] == [
        f"arn:${{AWS::Partition}}:events:${{AWS::Region}}:${{AWS::AccountId}}:rule/{rule['Name']}"
    ]
