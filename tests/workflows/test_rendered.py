"""What every rendered workflow holds to, whatever the stages and pipelines are called."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from release.core.names import LONGEST
from release.core.recipients import Recipient
from release.errors import Misconfigured
from release.views.workflows import WEBHOOKS
from tests.workflows.rendered import (
    ROOT,
    SHARED,
    jobs_of,
    made_up,
    of_this_repository,
    parsed,
    steps_of,
    texts_of,
    words_in,
)

OWN = texts_of(of_this_repository())
RELEASE = parsed(OWN["_release.yml"])
BUTTONS = {name: parsed(text) for name, text in OWN.items() if name.startswith(("promote", "rollback"))}
CALLERS = {**BUTTONS, "deploy-dev.yml": parsed(OWN["deploy-dev.yml"])}
SETUP = yaml.safe_load((ROOT / "actions" / "setup" / "action.yml").read_text(encoding="utf-8"))

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


@pytest.mark.parametrize("name", CALLERS)
def test_every_input_of_a_button_is_handed_on_and_every_one_that_is_handed_on_exists(name: str) -> None:
    workflow = CALLERS[name]
    asked = set(((workflow["on"].get("workflow_dispatch") or {}).get("inputs")) or {})
    (job,) = jobs_of(workflow).values()
    known = RELEASE["on"]["workflow_call"]["inputs"]

    used = {word for _, text in words_in(job["with"]) for word in re.findall(r"inputs\.(\w+)", text)}
    assert used == asked
    assert set(job["with"]) <= set(known)
    assert {key for key, one in known.items() if one.get("required")} <= set(job["with"])


def all_workflows() -> dict[str, dict[str, object]]:
    shared = texts_of(made_up({"fleet": ["dev", "qa", "prod"], "payments": ["dev", "qa"]}), SHARED)
    return {
        **{name: parsed(text) for name, text in OWN.items()},
        **{f"shared {name}": parsed(text) for name, text in shared.items()},
    }


ALL = all_workflows()


@pytest.mark.parametrize("name", ALL)
def test_no_script_holds_an_expression(name: str) -> None:
    scripts = [(job, step["run"]) for job, step in steps_of(ALL[name]) if "run" in step]

    assert [job for job, script in scripts if "${{" in script] == []


def test_the_setup_action_holds_no_expression_in_a_script() -> None:
    assert [step for step in SETUP["runs"]["steps"] if "${{" in step.get("run", "")] == []


def test_what_people_type_reaches_scripts_by_the_environment_alone() -> None:
    typed = {"ref", "bump", "to", "reason"}
    places = set()
    for path, text in words_in(RELEASE):
        if path[0] == "jobs" and typed & set(re.findall(r"inputs\.(\w+)", text)):
            places.add(path[2] if len(path) == 3 else path[3])

    assert places == {"env", "if"}


def test_scripts_quote_what_comes_from_outside() -> None:
    """jactionlint and shellcheck say it as well; this holds where they are not installed."""
    bare = [
        word
        for _, step in steps_of(RELEASE)
        for word in re.findall(
            r"(?<![\"\w=$({/])\$(?:REASON|REF|BUMP|TO|STAGE|PIPELINE)\b", step.get("run", "")
        )
    ]

    assert bare == []


# -- permissions and credentials


@pytest.mark.parametrize("name", ALL)
def test_a_workflow_grants_nothing_at_the_top_and_every_job_says_what_it_needs(name: str) -> None:
    assert ALL[name]["permissions"] == {}
    assert all("permissions" in job for job in jobs_of(ALL[name]).values())


def test_jobs_hold_the_least_that_they_work_with() -> None:
    granted = {name: job["permissions"] for name, job in jobs_of(RELEASE).items()}

    assert granted == {
        "build": {"contents": "read", "id-token": "write"},
        "plan": {"contents": "read", "id-token": "write"},
        "gate": {},
        "deploy": {"actions": "read", "contents": "write", "id-token": "write"},
        "record": {
            "contents": "write",
            "deployments": "write",
            "id-token": "write",
            "pull-requests": "write",
        },
    }


def test_each_job_says_what_it_may_do_and_no_action_of_others_signs_in_for_it() -> None:
    access = {(job, step["env"]["RELEASE_ACCESS"]) for job, step in steps_of(RELEASE) if _has_access(step)}

    assert access == {("build", "build"), ("plan", "plan"), ("deploy", "deploy"), ("record", "plan")}
    reaching = {
        job
        for job, step in steps_of(RELEASE)
        if re.search(r"release (build|plan|apply|advance|record)", step.get("run", ""))
    }
    assert reaching == {"build", "plan", "deploy", "record"}
    assert all(
        _has_access(step)
        for _, step in steps_of(RELEASE)
        if re.search(r"release (build|plan|apply|advance|record)", step.get("run", ""))
    )
    assert not [
        text for name in ALL for _, text in words_in(ALL[name]) if "aws-actions" in text or "AWS_" in text
    ]
    environments = {name: job.get("environment", {}).get("name") for name, job in jobs_of(RELEASE).items()}
    assert environments == {
        "build": "build",
        "plan": "${{ inputs.environment }}-plan",
        "gate": "${{ inputs.environment }}-approval",
        "deploy": "${{ inputs.environment }}",
        "record": "${{ inputs.environment }}-plan",
    }


def _has_access(step: Mapping[str, Any]) -> bool:
    return "RELEASE_ACCESS" in step.get("env", {})


@pytest.mark.parametrize("name", CALLERS)
def test_a_caller_grants_what_the_jobs_need_and_no_more(name: str) -> None:
    (job,) = jobs_of(CALLERS[name]).values()

    most = [permission for one in jobs_of(RELEASE).values() for permission in one["permissions"].items()]
    assert job["permissions"] == {"contents": "write", **dict(one for one in most if one[0] != "contents")}
    assert "secrets" not in job


@pytest.mark.parametrize("name", ALL)
def test_a_clone_leaves_no_token_behind_and_has_the_whole_history(name: str) -> None:
    for _, step in steps_of(ALL[name]):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"fetch-depth": 0, "persist-credentials": False}


@pytest.mark.parametrize("name", ALL)
def test_the_token_is_given_to_single_steps(name: str) -> None:
    holding = [path for path, text in words_in(ALL[name]) if "github.token" in text]

    assert all(path[2:] == ("steps", "env", "GH_TOKEN") for path in holding)


def test_addresses_of_webhooks_reach_the_steps_that_tell_people_and_no_other() -> None:
    holding = [(job, step["name"], step["env"]) for job, step in steps_of(RELEASE) if "secrets." in str(step)]

    assert [(job, name) for job, name, _ in holding] == [
        ("plan", "Tell who decides"),
        ("deploy", "Carry it out"),
    ]
    for _, _, env in holding:
        assert {key: text for key, text in env.items() if "secrets." in text} == {
            name: f"${{{{ secrets.{name} }}}}" for name in WEBHOOKS
        }
    declared = RELEASE["on"]["workflow_call"]["secrets"]
    assert {name: one["required"] for name, one in declared.items()} == dict.fromkeys(WEBHOOKS, False)
    assert [path[0] for path, text in words_in(RELEASE) if "secrets." in text] == ["jobs"] * 6


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
            assert len(calls) == (name not in ("_release.yml", "ci.yml"))


@pytest.mark.parametrize("name", [*ALL, "actions/setup"])
def test_actions_are_pinned_by_commit_with_their_version_beside(name: str) -> None:
    if name == "actions/setup":
        text = (ROOT / "actions" / "setup" / "action.yml").read_text(encoding="utf-8")
    elif name.startswith("shared "):
        text = texts_of(made_up({"fleet": ["dev", "qa", "prod"]}), SHARED).get(name[7:], "")
    else:
        text = OWN[name]

    for used in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(
            r"\$/[\w/.-]+|acme/lambdas/[\w/.-]+@[0-9a-f]{40}"
            r"|actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+",
            used,
        ), used


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_cached_and_no_job_runs_without_end(name: str) -> None:
    for job in jobs_of(ALL[name]).values():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 180
    assert not [path for path, text in words_in(ALL[name]) if "cache" in text]


# -- the order of the jobs


def test_only_the_deploy_job_queues_and_a_rollback_waits_for_no_promotion() -> None:
    queueing = {name for name, job in jobs_of(RELEASE).items() if "concurrency" in job}

    assert queueing == {"deploy"} and "concurrency" not in RELEASE
    assert jobs_of(RELEASE)["deploy"]["concurrency"] == {
        "group": "release-${{ inputs.environment }}-${{ inputs.action }}",
        "cancel-in-progress": False,
        "queue": "max",
    }


@pytest.mark.parametrize("name", BUTTONS)
def test_a_button_queues_nothing_while_somebody_decides(name: str) -> None:
    assert "concurrency" not in BUTTONS[name]


def test_the_jobs_follow_each_other() -> None:
    needs = {name: job.get("needs") for name, job in jobs_of(RELEASE).items()}

    assert needs == {
        "build": None,
        "plan": "build",
        "gate": "plan",
        "deploy": ["plan", "gate"],
        "record": ["plan", "deploy"],
    }


def test_what_is_carried_out_is_what_was_planned() -> None:
    (script,) = [step["run"] for job, step in steps_of(RELEASE) if step.get("name") == "Carry it out"]

    assert 'release apply plan.json "--expect-digest=$DIGEST" --yes' in script


def test_github_is_told_of_every_end_whatever_came_before_it() -> None:
    """Also of one that `advance` has led to, and where the deploy job or a step before has failed."""
    job = jobs_of(RELEASE)["record"]
    (step,) = [one for one in job["steps"] if "release record" in one.get("run", "")]

    assert job["if"] == "${{ always() && needs.deploy.result != 'skipped' }}"
    assert step["if"] == "${{ always() }}"
    assert step["run"] == 'release record "--pipeline=$PIPELINE" -- "$STAGE"'


def test_who_has_approved_is_asked_for_the_gate_of_this_stage_and_the_first_attempt_alone() -> None:
    (step,) = [one for _, one in steps_of(RELEASE) if one.get("id") == "approved"]

    assert step["run"] == 'release workflows approvers "--gate=$GATE"'
    assert step["env"]["GATE"] == "${{ inputs.environment }}-approval"
    assert step["if"] == "${{ inputs.approval && needs.plan.outputs.attempt == '1' }}"


def test_promotions_ask_and_a_rollback_and_a_push_do_not() -> None:
    asks = {
        name: next(iter(jobs_of(workflow).values()))["with"].get("approval", True)
        for name, workflow in CALLERS.items()
    }

    assert asks == {
        "promote-qa.yml": True, "promote-uat.yml": True, "promote-prod.yml": True,
        "rollback.yml": False, "deploy-dev.yml": False,
    }  # fmt: skip


def test_a_repository_that_uses_the_workflow_of_another_one_has_only_buttons() -> None:
    texts = texts_of(made_up({"fleet": ["dev", "qa", "prod"]}), SHARED)
    where, commit = SHARED.split("@")

    assert "_release.yml" not in texts
    assert f"uses: {where}/.github/workflows/_release.yml@{commit}" in texts["promote-prod.yml"]
    assert f"uses: {where}/actions/setup@{commit}" in texts["watch.yml"]
    assert f"render --check --from {SHARED}" in texts["ci.yml"]
