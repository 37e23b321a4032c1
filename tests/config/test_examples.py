from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest

from release.config import ConfigurationErrors, load_pipelines, load_services
from release.core.models import AllAtOnce, BucketStore, FolderStore, Gradual, Settings, Source
from release.errors import Misconfigured
from tests.config.texts import (
    ENVIRONMENTS,
    FLEET,
    PIPELINES,
    SERVICES,
    STAGES,
    pipelines_with,
    service_with,
)


def test_environments_load_as_the_design_writes_them() -> None:
    loaded = load_pipelines(PIPELINES)
    assert loaded.artifacts == BucketStore("999999999999", "acme-artifacts-{region}", None)
    assert loaded.alias == "live"
    assert loaded.regions == ("us-east-1", "us-west-2")
    prod = loaded.environments["prod"]
    assert prod.account == "444444444444"
    assert prod.role == "arn:aws:iam::444444444444:role/release-deploy"


def test_the_fleet_loads_as_the_design_writes_it() -> None:
    fleet = load_pipelines(PIPELINES).pipelines["fleet"]
    assert (fleet.tag_prefix, fleet.services, fleet.branches) == ("v", ("*",), ("main", "hotfix/*"))
    assert [(stage.name, stage.trigger, stage.channel, stage.after) for stage in fleet.stages] == [
        ("dev", "push", None, None),
        ("qa", "button", "qa", "dev"),
        ("uat", "button", "rc", "qa"),
        ("prod", "button", "gold", "uat"),
    ]
    prod = fleet.stages[-1]
    assert [(gate.name, gate.setting, str(gate.source)) for gate in prod.gates] == [
        ("soak", "24h", "pipelines/fleet.yaml:20"),
        ("four_eyes", "true", "pipelines/fleet.yaml:20"),
        ("freeze", "Fri 16:00 - Mon 08:00 America/New_York", "pipelines/fleet.yaml:20"),
    ]
    assert prod.rollouts == {
        "us-east-1": Gradual(
            kind="canary",
            steps=(10, 50, 100),
            bake=timedelta(minutes=5),
            min_samples=100,
            max_error_rate=0.01,
            alarms=("{function}-errors",),
            source=Source(FLEET, 22, "stages/3/rollout/us-east-1"),
        ),
        "us-west-2": AllAtOnce(),
    }


def test_the_service_loads_as_the_design_writes_it() -> None:
    service = load_services(SERVICES, STAGES)["price-fetcher"]
    assert (service.team, service.cost_center, service.runtime) == ("backend", "4711", "python3.13")
    assert [function.name("qa") for function in service.functions] == ["price-fetcher-qa"]
    assert service.settings_for("qa") == Settings(
        memory=256, timeout=30, environment={"LOG_LEVEL": "INFO"}, secrets={"ORACLE": "arn:..."}
    )
    assert service.settings_for("prod") == Settings(
        memory=1024,
        timeout=60,
        log_retention_days=30,
        environment={"LOG_LEVEL": "INFO"},
        secrets={"ORACLE": "arn:..."},
        tracing="5%",
        vpc=True,
    )
    assert (service.smoke.payload, service.smoke.timeout) == ({"health_check": True}, 10)
    assert service.smoke.critical == ("audit_table",)


def test_models_are_frozen_after_loading() -> None:
    service = load_services(SERVICES, STAGES)["price-fetcher"]
    with pytest.raises(FrozenInstanceError):
        service.team = "other"  # type: ignore[misc]


def test_what_may_be_left_out_gets_its_default() -> None:
    texts = pipelines_with(ENVIRONMENTS, "alias: live\n", "")
    assert load_pipelines(texts).alias == "live"
    bare = service_with("smoke: {payload: {health_check: true}, timeout: 10s, critical: [audit_table]}", "")
    assert load_services(bare, STAGES)["price-fetcher"].smoke.payload == {"health_check": True}


def test_artifacts_may_lie_in_a_folder() -> None:
    texts = pipelines_with(
        ENVIRONMENTS,
        '{account: "999999999999", bucket: "acme-artifacts-{region}"}',
        "{folder: ../artifacts}",
    )
    assert load_pipelines(texts).artifacts == FolderStore("../artifacts")


def test_a_stage_may_name_an_environment_of_another_name() -> None:
    texts = pipelines_with(FLEET, "name: uat", "name: uat\n    environment: qa")
    uat = load_pipelines(texts).pipelines["fleet"].stage("uat")
    assert uat is not None
    assert uat.environment.name == "qa"


def test_files_that_are_no_configuration_are_left_alone() -> None:
    texts = {**PIPELINES, "pipelines/README.md": b"[", "pipelines/old/fleet.yaml": b"[", "services/x": b"["}
    assert set(load_pipelines(texts).pipelines) == {"fleet"}
    assert load_services(texts, STAGES) == {}


def test_every_error_is_said_at_once_in_the_order_of_files_and_lines() -> None:
    texts = pipelines_with(ENVIRONMENTS, '"111111111111"', "111111111111")
    texts = {**texts, FLEET: texts[FLEET].replace(b"channel: qa ", b"chanel: qa ").replace(b"24h", b"24")}
    with pytest.raises(ConfigurationErrors) as caught:
        load_pipelines(texts)
    error = caught.value
    assert isinstance(error, Misconfigured)
    assert str(error) == "the configuration has 3 errors in 2 files"
    assert error.see == "pipelines/environments.yaml:5"
    assert error.details == (
        "pipelines/environments.yaml:5: environments/dev/account: must be a text,"
        " and is an integer: '111111111111';"
        ' quote it: "111111111111"',
        "pipelines/fleet.yaml:10: stages/1/chanel: the key 'chanel' is not known; did you mean 'channel'?"
        " (one of: name, rollout, environment, on, channel, after, gates, verify, on_failure, via)",
        "pipelines/fleet.yaml:20: stages/3/gates/soak: the duration '24' has no unit;"
        " write s, m, h or d after it, as in 90s or 24h",
    )


def test_a_single_error_gives_its_own_fix() -> None:
    with pytest.raises(ConfigurationErrors) as caught:
        load_pipelines(pipelines_with(FLEET, "after: dev", "after: dve"))
    assert str(caught.value) == "the configuration has 1 error in 1 file"
    assert caught.value.fix == "did you mean 'dev'? (one of: dev)"
