"""Which workflow a verb starts and with what, held to the workflows that are rendered."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from release.adapters.own_templates import of_workflows
from release.adapters.packaged import packaged_templates
from release.config import load_pipelines
from release.core.models import Pipelines
from release.errors import GateClosed, Misconfigured
from release.promotion import Request
from release.promotion.button import Button, button, refuse_here
from release.views.workflows import workflow_files

ENVIRONMENTS = b"""\
artifacts: {folder: ../store}
environments:
  one: {account: "111111111111", regions: [us-east-1]}
"""
STAGES = """\
services: [SERVICES]
tags: "TAGSv{version}"
branches: [main]
stages:
  - {name: FIRST, environment: one, rollout: all-at-onceTRIGGER, via: actions}
  - {name: qa, environment: one, channel: qa, after: FIRST, rollout: all-at-once, via: actions}
  - {name: uat, environment: one, channel: rc, after: qa, rollout: all-at-once, via: actions}
  - {name: prod, environment: one, channel: gold, after: uat, rollout: all-at-once}
"""


def stages(services: str, tags: str, *, push: bool) -> bytes:
    text = STAGES.replace("SERVICES", services).replace("TAGS", tags).replace("FIRST", "dev")
    return text.replace("TRIGGER", ", on: push" if push else "").encode()


PIPELINES = load_pipelines(
    {
        "pipelines/environments.yaml": ENVIRONMENTS,
        "pipelines/fleet.yaml": stages('"a*"', "", push=True),
        "pipelines/payments.yaml": stages('"p*"', "payments/", push=False),
    }
)


def inputs_of(pipelines: Pipelines) -> Mapping[str, Mapping[str, Any]]:
    """Name of a rendered workflow -> the inputs that it declares."""
    templates = of_workflows(packaged_templates() / "workflows")
    found: dict[str, Mapping[str, Any]] = {}
    for file in workflow_files(pipelines):
        read = yaml.safe_load(templates.render(file.template, file.words))
        trigger = read[True] or {}  # YAML 1.1 reads the key `on` as true
        if isinstance(trigger, dict) and "workflow_dispatch" in trigger:
            found[file.name] = (trigger["workflow_dispatch"] or {}).get("inputs", {})
    return found


def pushed(pipeline: str, request: Request) -> Button:
    chosen = PIPELINES.pipelines[pipeline]
    stage = chosen.stage(request.stage)
    assert stage is not None
    return button(PIPELINES, chosen, stage, request)


@pytest.mark.parametrize("pipeline", ["fleet", "payments"])
@pytest.mark.parametrize(
    "request_",
    [
        Request("promote", "qa", ref="c" * 40, bump="minor", reason="x"),
        Request("promote", "qa"),
        Request("promote", "uat", reason="x"),
        Request("promote", "prod", reason="x"),
        Request("rollback", "prod", to="v1.0.0", reason="x"),
        Request("rollback", "dev", reason="x"),
    ],
)
def test_every_button_has_its_workflow_which_takes_what_it_is_given(pipeline: str, request_: Request) -> None:
    found = pushed(pipeline, request_)

    declared = inputs_of(PIPELINES)[found.file]
    assert found.inputs.keys() <= declared.keys()
    required = {name for name, one in declared.items() if one.get("required")}
    assert required <= found.inputs.keys()
    for name, value in found.inputs.items():
        assert value in declared[name].get("options", [value])


def test_a_deployment_by_button_takes_the_commit_of_this_clone() -> None:
    found = pushed("payments", Request("deploy", "dev", ref="c" * 40))

    assert (found.file, found.inputs) == ("deploy-payments.dev.yml", {"ref": "c" * 40})
    assert found.inputs.keys() <= inputs_of(PIPELINES)[found.file].keys()


def test_what_a_push_deploys_has_no_button() -> None:
    with pytest.raises(Misconfigured, match="a push deploys to dev, and nothing else does") as caught:
        pushed("fleet", Request("deploy", "dev", ref="c" * 40))

    assert caught.value.fix.startswith("git push origin HEAD:main")
    assert "deploy-dev.yml" not in inputs_of(PIPELINES)


def test_names_of_another_pipeline_stand_before_the_stage() -> None:
    assert pushed("payments", Request("promote", "qa")).file == "promote-payments.qa.yml"
    assert pushed("payments", Request("rollback", "qa", reason="x")).file == "rollback-payments.yml"
    assert pushed("fleet", Request("rollback", "qa", reason="x")).file == "rollback.yml"


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (Request("promote", "qa", new=True, allow_older=True), "--new, --allow-older"),
        (Request("promote", "qa", despite_alarms="x"), "--despite-alarms"),
        (Request("promote", "qa", approve_destructive="x"), "--approve-destructive"),
        (Request("promote", "uat", reason="x", ref="c"), "--ref"),
        (Request("rollback", "qa", reason="x", regions=("us-east-1",)), "--regions"),
        (Request("deploy", "dev", ref="c", services=("pay",)), "SERVICES"),
    ],
)
def test_what_no_input_stands_for_is_refused_by_its_name(request_: Request, named: str) -> None:
    with pytest.raises(Misconfigured, match=f"^{named}: the button"):
        pushed("payments", request_)


@pytest.mark.parametrize(
    ("verb", "fix"),
    [
        ("promote", "release promote qa --reason TEXT; it runs there"),
        ("rollback", "release rollback qa --reason TEXT; it runs there"),
        ("deploy", "release deploy qa; it runs there"),
        ("advance", "gh workflow run watch.yml; it runs there"),
    ],
)
def test_what_is_refused_here_names_the_way_there(verb: str, fix: str) -> None:
    here, there = PIPELINES.pipelines["fleet"].stage("prod"), PIPELINES.pipelines["fleet"].stage("qa")
    assert here is not None and there is not None

    refuse_here(here, verb)
    with pytest.raises(GateClosed, match="nobody deploys from a laptop") as caught:
        refuse_here(there, verb)

    assert caught.value.fix == fix
