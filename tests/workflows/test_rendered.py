"""Which workflows are rendered, whatever stages are called. What they promise: test_promises.py."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from release.core.names import LONGEST
from release.core.recipients import Recipient
from release.errors import Misconfigured
from tests.workflows.rendered import (
    ROOT,
    SHARED,
    jobs_of,
    made_up,
    of_this_repository,
    parsed,
    texts_of,
)

OWN = texts_of(of_this_repository())
BUTTONS = {name: parsed(text) for name, text in OWN.items() if name.startswith(("promote", "rollback"))}

names = st.from_regex(r"[a-z](-?[a-z0-9]){0,20}", fullmatch=True)
stage_names = st.lists(names, min_size=2, max_size=5, unique=True)
fleets = st.dictionaries(names, stage_names, min_size=1, max_size=3)


# -- in step


def test_the_workflows_of_this_repository_are_in_step_with_its_pipelines() -> None:
    folder = ROOT / ".github" / "workflows"
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.yml")}

    assert on_disk == OWN


def test_every_file_says_where_it_comes_from() -> None:
    assert all(text.startswith("# Rendered by `release workflows render`") for text in OWN.values())


def test_rendering_again_gives_the_same_bytes() -> None:
    assert texts_of(of_this_repository()) == OWN


def test_every_way_through_the_pipeline_has_its_file_and_no_other() -> None:
    assert set(OWN) == {
        "_release.yml", "ci.yml", "deploy-dev.yml", "promote-prod.yml", "promote-qa.yml", "promote-uat.yml",
        "rollback.yml", "watch.yml",
    }  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(fleets)
def test_whatever_stages_and_pipelines_are_called_each_has_a_button_of_its_own(
    fleet: dict[str, list[str]],
) -> None:
    assume(not any(re.search("^build$|-plan$|-approval$", one) for names in fleet.values() for one in names))
    workflows = {name: parsed(text) for name, text in texts_of(made_up(fleet)).items()}

    stages = {(pipeline, stage) for pipeline, stages in fleet.items() for stage in stages}
    said = [job.get("with", {}) for workflow in workflows.values() for job in jobs_of(workflow).values()]
    called = [one for one in said if one.get("action") in ("deploy", "promote")]
    assert {(one["pipeline"], one["stage"]) for one in called} == stages
    assert len({one["environment"] for one in called}) == len(stages), "two stages share their credentials"
    assert len(workflows) == 3 + len(stages) + len(fleet)


@pytest.mark.parametrize("stage", ["on", "no", "null", "true", "y", "nan"])
def test_a_name_that_means_something_to_yaml_stays_a_name(stage: str) -> None:
    texts = texts_of(made_up({"off": ["dev", stage, "prod"], "fleet": ["dev", "qa"]}))

    (job,) = jobs_of(parsed(texts[f"promote-off.{stage}.yml"])).values()
    assert (job["with"]["pipeline"], job["with"]["stage"]) == ("off", stage)
    asked = parsed(texts["rollback-off.yml"])["on"]["workflow_dispatch"]["inputs"]
    assert asked["stage"]["options"] == ["prod", stage, "dev"]


@pytest.mark.parametrize(
    "stages", [["dev", "build"], ["qa", "qa-plan"], ["prod-approval", "prod"]], ids=" ".join
)
def test_a_stage_that_would_share_an_environment_with_roles_of_another_job_is_refused(
    stages: list[str],
) -> None:
    with pytest.raises(Misconfigured, match="would share the GitHub environment"):
        texts_of(made_up({"fleet": stages}))


def test_the_longest_names_render() -> None:
    longest = ["a" * LONGEST, "b" * LONGEST]

    assert f"promote-{'b' * LONGEST}.yml" in texts_of(made_up({"c" * LONGEST: longest}))


def test_a_second_pipeline_leaves_the_files_of_fleet_as_they_are() -> None:
    stages = ["dev", "qa", "prod"]
    alone = texts_of(made_up({"fleet": stages}))
    beside = texts_of(made_up({"fleet": stages, "payments": stages}))

    del alone["ci.yml"]  # it looks at both: tests/workflows/test_ci.py
    assert {name: beside[name] for name in alone} == alone
    assert set(beside) - set(alone) == {
        "ci.yml", "deploy-payments.dev.yml", "promote-payments.qa.yml", "promote-payments.prod.yml",
        "rollback-payments.yml",
    }  # fmt: skip


def test_pushes_to_named_branches_are_deployed_and_patterns_stay_text() -> None:
    named = parsed(texts_of(made_up({"fleet": ["dev", "qa"]}, ("main", "hotfix/*")))["deploy-dev.yml"])
    wild = parsed(texts_of(made_up({"fleet": ["dev", "qa"]}, ("release/*-x", "a[0-9]#b")))["deploy-dev.yml"])

    assert named["on"] == {"push": {"branches": ["main"]}}
    assert wild["on"] == {"push": {"branches": ["release/*-x", "a[0-9]#b"]}}


# -- inputs


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("promote-qa.yml", {"ref": False, "bump": False, "reason": False, "dry_run": False}),
        ("promote-uat.yml", {"reason": True, "dry_run": False}),
        ("promote-prod.yml", {"reason": True, "dry_run": False}),
        ("rollback.yml", {"stage": True, "to": False, "reason": True, "dry_run": False}),
    ],
)
def test_a_button_asks_for_what_the_handbook_says(name: str, inputs: Mapping[str, bool]) -> None:
    asked = BUTTONS[name]["on"]["workflow_dispatch"]["inputs"]

    assert {key: bool(value.get("required")) for key, value in asked.items()} == inputs


# -- secrets, and what is of others


def test_a_caller_hands_on_the_secrets_that_notifications_name_and_no_others() -> None:
    told = (
        Recipient("webhook", "RELEASE_WEBHOOK"),
        Recipient("slack", "RELEASE_SLACK_WEBHOOK"),
        Recipient("teams", "OURS"),
    )
    for shared in (None, SHARED):
        texts = texts_of(replace(made_up({"fleet": ["dev", "qa", "prod"]}), recipients=told), shared)
        for name, text in texts.items():
            calls = [job for job in jobs_of(parsed(text)).values() if "_release.yml" in job.get("uses", "")]
            wanted = ["RELEASE_SLACK_WEBHOOK", "RELEASE_WEBHOOK"]
            assert [job["secrets"] for job in calls] == [
                {one: f"${{{{ secrets.{one} }}}}" for one in wanted} for _ in calls
            ]
            assert len(calls) == {"_release.yml": 0, "ci.yml": 0, "watch.yml": 2}.get(name, 1)


def test_a_repository_that_uses_the_workflow_of_another_one_has_only_buttons() -> None:
    texts = texts_of(made_up({"fleet": ["dev", "qa", "prod"]}), SHARED)
    where, commit = SHARED.split("@")

    assert "_release.yml" not in texts
    assert f"uses: {where}/.github/workflows/_release.yml@{commit}" in texts["promote-prod.yml"]
    assert f"uses: {where}/actions/setup@{commit}" in texts["watch.yml"]
    assert f"render --check --from {SHARED}" in texts["ci.yml"]
