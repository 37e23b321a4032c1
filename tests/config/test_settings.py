import pytest

from release.config import load_services
from release.core.models import Settings
from tests.config.texts import SERVICE, STAGES, service_complaints, service_with, with_text

DEFAULTS = (
    "{memory: 256, timeout: 30, log_retention_days: 7,"
    ' environment: {LOG_LEVEL: INFO}, secrets: {ORACLE: "arn:..."}}'
)
PROD = "{memory: 1024, timeout: 60, log_retention_days: 30, tracing: 5%, vpc: true}"


def complaint(old: str, new: str) -> str:
    (only,) = service_complaints(service_with(old, new))
    return only.removeprefix("services/price-fetcher/service.yaml:")


def settings_with(old: str, new: str, stage: str) -> Settings:
    return load_services(service_with(old, new), STAGES)["price-fetcher"].settings_for(stage)


def test_environment_and_secrets_merge_by_key() -> None:
    settings = settings_with(
        PROD, "{environment: {LOG_LEVEL: WARN, EXTRA: x}, secrets: {TOKEN: 'arn:aws:x'}}", "prod"
    )
    assert settings.environment == {"LOG_LEVEL": "WARN", "EXTRA": "x"}
    assert settings.secrets == {"ORACLE": "arn:...", "TOKEN": "arn:aws:x"}
    assert settings.memory == 256


def test_a_null_takes_back_what_the_defaults_say() -> None:
    settings = settings_with(PROD, "{environment: {LOG_LEVEL: null}, secrets: ~}", "prod")
    assert (settings.environment, settings.secrets) == ({}, {})
    texts = service_with(DEFAULTS, "{tracing: 5%, vpc: true}")
    texts[SERVICE] = texts[SERVICE].replace(PROD.encode(), b"{tracing: null, vpc: null}")
    loaded = load_services(texts, STAGES)["price-fetcher"]
    assert (loaded.settings_for("qa").tracing, loaded.settings_for("qa").vpc) == ("5%", True)
    assert (loaded.settings_for("prod").tracing, loaded.settings_for("prod").vpc) == (None, False)


def test_a_null_in_the_defaults_takes_nothing_back() -> None:
    assert complaint("memory: 256", "memory: null").startswith("11: settings/default/memory: has no value")
    assert complaint("LOG_LEVEL: INFO", "LOG_LEVEL: ").startswith(
        "11: settings/default/environment/LOG_LEVEL: has no"
    )


def test_memory_cannot_be_unset() -> None:
    assert complaint("memory: 1024", "memory: null") == (
        "12: settings/prod/memory: has no value, and every function needs one;"
        " write a number, or take the line out"
    )


def test_settings_are_for_stages_that_exist() -> None:
    assert complaint("  prod:", "  prd:") == (
        "12: settings/prd: there is no stage 'prd'; did you mean 'prod'? "
        "(one of: default, dev, prod, qa, uat)"
    )


def test_settings_may_be_left_out() -> None:
    content = service_with("settings: ", "ignored: ")[SERVICE].split(b"ignored")[0]
    assert load_services({SERVICE: content}, STAGES)["price-fetcher"].settings == {"default": Settings()}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "memory: 256",
            "memory: 127",
            "memory: '127' is out of range; write a whole number from 128 to 10,240 MB",
        ),
        ("memory: 256", "memory: 10241", "memory: '10241' is out of range"),
        (
            "memory: 256",
            "memory: 256MB",
            "memory: must be a whole number from 128 to 10,240 MB, and is a text: '256MB'",
        ),
        (
            "memory: 256",
            'memory: "256"',
            "memory: must be a whole number from 128 to 10,240 MB, and is a text: '256'",
        ),
        (
            "memory: 256",
            "memory: 0256",
            "memory: '0256' means different numbers to different readers of YAML",
        ),
        (
            "memory: 256",
            "memory: 0x100",
            "memory: '0x100' means different numbers to different readers of YAML",
        ),
        ("memory: 256", "memory: 2.5e2", "memory: must be a whole number"),
        ("memory: 256", f"memory: {'9' * 5000}", "memory: '999"),
        (
            "memory: 256",
            "memory: [256]",
            "memory: must be a whole number from 128 to 10,240 MB, and is a list",
        ),
        (
            "timeout: 30",
            "timeout: 0",
            "timeout: '0' is out of range; write a whole number from 1 to 900 seconds",
        ),
        ("timeout: 30", "timeout: 901", "timeout: '901' is out of range"),
        (
            "timeout: 30",
            "timeout: 30s",
            "timeout: must be a whole number from 1 to 900 seconds, and is a text: '30s'",
        ),
        ("days: 7", "days: 8", "log_retention_days: CloudWatch cannot keep logs for 8 days; did you mean 7?"),
        ("days: 7", "days: 4000", "log_retention_days: '4000' is out of range"),
        ("memory: 256", "memroy: 256", "memroy: the key 'memroy' is not known; did you mean 'memory'?"),
        ("{LOG_LEVEL: INFO}", "[LOG_LEVEL]", "environment: must be a mapping, and is a list"),
        (
            "LOG_LEVEL: INFO",
            "LOG_LEVEL: 1",
            "environment/LOG_LEVEL: must be a text, and is an integer: '1'; quote it",
        ),
        (
            "LOG_LEVEL: INFO",
            "LOG_LEVEL: true",
            "environment/LOG_LEVEL: must be a text, and is a boolean: 'true'",
        ),
        (
            "LOG_LEVEL: INFO",
            "LOG-LEVEL: x",
            "environment/LOG-LEVEL: 'LOG-LEVEL' is not the name of an environment",
        ),
        ("LOG_LEVEL: INFO", "L: x", "environment/L: 'L' is not the name of an environment variable"),
        (
            "LOG_LEVEL: INFO",
            "AWS_REGION: x",
            "environment/AWS_REGION: the name 'AWS_REGION' is reserved by AWS",
        ),
        (
            "LOG_LEVEL: INFO",
            "LAMBDA_TASK_ROOT: x",
            "environment/LAMBDA_TASK_ROOT: the name 'LAMBDA_TASK_ROOT' is",
        ),
        ('"arn:..."', "secret", "secrets/ORACLE: 'secret' is not an ARN"),
        ("LOG_LEVEL: INFO", "ORACLE: x", "environment: 'ORACLE' is in environment and in secrets"),
    ],
)
def test_defaults_are_checked_against_the_limits_of_aws(old: str, new: str, expected: str) -> None:
    assert complaint(old, new).startswith(f"11: settings/default/{expected}")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "tracing: 5%",
            "tracing: 5",
            "tracing: '5' is not a percentage; write a percent sign after it, as in 1%",
        ),
        ("tracing: 5%", "tracing: true", "tracing: must be a text, and is a boolean"),
        ("tracing: 5%", "tracing: 500%", "tracing: '500%' is not a percentage"),
        (
            "vpc: true",
            "vpc: yes",
            "vpc: must be true or false, and is a text: 'yes'; write true or false: YAML 1.2",
        ),
        ("vpc: true", "vpc: 1", "vpc: must be true or false, and is an integer: '1'"),
        ("vpc: true", "environment: {ORACLE: x}", "environment: 'ORACLE' is in environment and in secrets"),
    ],
)
def test_a_stages_settings_are_checked_as_the_defaults_are(old: str, new: str, expected: str) -> None:
    assert complaint(old, new).startswith(f"12: settings/prod/{expected}")


@pytest.mark.parametrize(
    "name", ["AWS_XRAY_CONTEXT_MISSING", "AWS_LAMBDA_EXEC_WRAPPER", "TZ", "LD_LIBRARY_PATH"]
)
def test_names_that_lambda_documents_as_free_are_free(name: str) -> None:
    assert name in settings_with("LOG_LEVEL: INFO", f"{name}: x", "qa").environment


def test_the_environment_of_a_stage_is_bounded_with_the_defaults_in_it() -> None:
    texts = service_with("LOG_LEVEL: INFO", f"LOG_LEVEL: {'x' * 3000}")
    load_services(texts, STAGES)
    texts[SERVICE] = texts[SERVICE].replace(b"vpc: true", b"environment: {MORE: %s}" % (b"y" * 1100))
    (found,) = service_complaints(texts)
    assert found.startswith(
        f"{SERVICE}:12: settings/prod/environment: names, values and ARNs of secrets have 4,126 bytes;"
    )


def test_thresholds_and_units_of_a_stage_lie_on_top_of_the_defaults() -> None:
    texts = service_with(
        "memory: 256",
        "alarms: {errors: 5, period: 5m}, billing: provisioned, capacity: {read: 20}, memory: 256",
    )
    texts = with_text(texts, SERVICE, "memory: 1024", "alarms: {errors: 9}, billing: on-demand, memory: 1024")
    service = load_services(texts, STAGES)["price-fetcher"]

    qa, prod = service.settings_for("qa"), service.settings_for("prod")
    assert (qa.billing, prod.billing) == ("provisioned", "on-demand")
    assert qa.capacity == {"read": 20, "write": 5}
    assert qa.alarms == {"errors": 5, "throttles": 1, "duration_percent": 80, "period": 300}
    assert prod.alarms == {**qa.alarms, "errors": 9}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("billing: free", "billing: 'free' is not a way to pay for tables"),
        ("alarms: {errors: 0}", "alarms/errors: '0' is out of range"),
        ("alarms: {period: 90s}", "alarms/period: an alarm cannot look at parts of a minute"),
        ("alarms: {period: 2d}", "alarms/period: must be longer than nothing and at most 86,400 seconds"),
        ("alarms: {latency: 1}", "alarms/latency: the key 'latency' is not known"),
        ("capacity: {read: 40001}", "capacity/read: '40001' is out of range"),
    ],
)
def test_a_threshold_that_cannot_be_is_said(said: str, complaint: str) -> None:
    (found,) = service_complaints(service_with("memory: 256", f"{said}, memory: 256"))
    assert complaint in found, found
