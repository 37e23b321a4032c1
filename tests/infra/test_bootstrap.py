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
from release.core.infra_in_force import in_force
from release.core.models import Environment
from release.core.platform import STACK, Stacked
from release.errors import RolloutFailed
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


@pytest.mark.parametrize(
    ("event", "fix"),
    [
        # as the handlers of AWS say it
        (
            "GitHub (AWS::IAM::OIDCProvider): Resource of type 'AWS::IAM::OIDCProvider' with identifier 'x' "
            "already exists.",
            "--set GitHubProvider=exists",
        ),
        ("GitHub (AWS::IAM::OIDCProvider): Rate exceeded", "mend it"),
        ("DeployRole (AWS::IAM::Role): release-deploy already exists", "mend it"),
        # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2515
        (
            'CostMonitor (AWS::CE::AnomalyMonitor): Resource handler returned message: "null" '
            "(HandlerErrorCode: AlreadyExists)",
            "--set CostAnomalyMonitor=exists",
        ),
    ],
)
def test_what_the_account_has_already_is_left_alone_by_a_setting(event: str, fix: str) -> None:
    stacks = FakeStacks()
    first = planned(stacks, PROD)
    stacks.fail_next(first[1].stack.place, STACK, event)

    with pytest.raises(RolloutFailed, match="ended in ROLLBACK_COMPLETE") as caught:
        carry_out(stacks, first, lambda one: None)

    assert event in caught.value.cause and fix in caught.value.fix
    if fix.startswith("--set"):
        name, _, value = fix.removeprefix("--set ").partition("=")
        again = planned(stacks, PROD, **{name: value})
        carry_out(stacks, again, lambda one: None)
        assert [one.todo for one in planned(stacks, PROD)] == ["nothing", "nothing"]
        assert again[1].parameters == {name: value}


def test_a_monitor_that_is_there_is_left_alone_with_whom_it_tells() -> None:
    (_, first) = planned(FakeStacks(), PROD, CostAnomalyMonitor="exists")
    template = read_template(first.text, "a test")
    for value, there in (("create", {"CostMonitor", "CostAlerts"}), ("exists", set[str]())):
        found = in_force(template, {"CostAnomalyMonitor": value}, first.stack.place, STACK)["Resources"]
        assert isinstance(found, dict)
        assert {name for name in found if name.startswith("Cost")} == there


def test_a_creation_that_fails_leaves_no_name_behind_that_the_next_one_needs() -> None:
    for one in planned(FakeStacks(), PROD):
        resources = read_template(one.text, "a test")["Resources"]
        assert isinstance(resources, dict)
        kept = {name: it["DeletionPolicy"] for name, it in resources.items() if "DeletionPolicy" in it}
        assert kept.pop("GitHub", "Retain") == "Retain"
        assert kept == dict.fromkeys(("BackupVault", "Key"), "RetainExceptOnCreate")
