"""The platform of an account, in memory: what a stack would lose, and what its failures say."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from release.adapters.own_templates import OwnTemplates
from release.adapters.packaged import packaged_templates
from release.adapters.resource_types import create_only
from release.adapters.template_reader import read_template
from release.cli.infra_bootstrap import show_planned
from release.config import load_pipelines
from release.core.models import Environment
from release.core.platform import Stacked
from release.infra.bootstrap import Fleet, Planned, carry_out, plan, wanted
from tests.config.texts import PIPELINES
from tests.fakes.aws import FakeStacks

ACCOUNT = "444444444444"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/release-"
PROD = Environment("prod", ACCOUNT, ("us-east-1", "us-west-2"), f"{ROLE}deploy", f"{ROLE}plan")
RENDERS = OwnTemplates(packaged_templates() / "bootstrap")


def planned(stacks: FakeStacks, environment: Environment, **settings: str) -> Sequence[Planned]:
    pipelines = load_pipelines(PIPELINES)
    pipelines = replace(pipelines, environments={**pipelines.environments, "prod": environment})
    asked = wanted(pipelines, "prod", Fleet((), Stacked((), True, False), ()), {}, "acme/fleet")
    return plan(stacks, asked, RENDERS, read_template, create_only(), settings)


def test_what_a_stack_would_lose_is_shown_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stacks = FakeStacks()
    first = planned(stacks, PROD)
    carry_out(stacks, first, lambda one: None)
    again = planned(stacks, PROD)
    others = planned(stacks, replace(PROD, role=f"{ROLE}other", plan_role=None))

    assert [(one.todo, one.gone) for one in first] == [("create", ()), ("create", ())]
    assert [(one.todo, one.gone) for one in again] == [("nothing", ()), ("nothing", ())]
    lost = [(entry.name, entry.action) for one in others for entry in one.gone]
    assert lost == [("DeployRole", "replace"), ("PlanRole", "remove")]
    show_planned(tuple(others), ())
    lines = capsys.readouterr().out.splitlines()
    assert "  - PlanRole  AWS::IAM::Role  (removed)" in lines
    at = lines.index("  ± DeployRole  AWS::IAM::Role  (replaced)")
    assert "RoleName  release-deploy → release-other" in lines[at + 1]
