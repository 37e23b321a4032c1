"""What the steps of `_release.yml` are given, and when each of them runs."""

import re
from collections.abc import Callable, Mapping

from tests.workflows.expressions import Names, evaluate, holds
from tests.workflows.promises.seen import (
    WATCH,
    Workflows,
    of_all,
    of_release,
    runs,
    same,
)
from tests.workflows.rendered import jobs_of, steps_of, words_in


@of_release
def each_step_does_its_part_and_goes_on_only_where_it_may(seen: Workflows) -> None:
    """Steps in their order; what one may do without the success of those before it."""
    wanted = {
        "build": ["Clone with its whole history", "Install release", "Build what is not built yet"],
        "plan": [
            "Clone with its whole history", "Install release", "Plan", "Show the plan", "Tell who decides",
            "Keep the plan",
        ],
        "gate": ["Say so"],
        "deploy": [
            "Clone with its whole history", "Install release", "Fetch the plan", "Ask who has approved",
            "Carry it out",
        ],
        "drift": ["Clone with its whole history", "Install release", "Look for drift"],
        "record": [
            "Clone with its whole history", "Install release", "Show what the ledger holds", "Keep it",
            "Record it on GitHub",
        ],
    }  # fmt: skip
    same(
        {name: [step["name"] for step in job["steps"]] for name, job in jobs_of(seen.release).items()}, wanted
    )
    may_fail = [step["name"] for _, step in steps_of(seen.release) if "continue-on-error" in step]
    same(may_fail, ["Tell who decides"])
    assert seen.step("plan", "Tell who decides")["continue-on-error"] is True
    assert all("continue-on-error" not in job for job in jobs_of(seen.release).values())
    assert all("shell" not in step for _, step in steps_of(seen.release))
    for workflow in seen.all.values():
        if any("run" in step for _, step in steps_of(workflow)):
            same(workflow.get("defaults"), {"run": {"shell": "bash"}})
    for job in ("build", "plan", "deploy", "drift", "record"):
        clone, install = seen.job(job)["steps"][:2]
        assert clone["uses"].startswith("actions/checkout@")
        assert {**install} == {"name": "Install release", "uses": "$/actions/setup"}


def _after_success(run: Names) -> bool:
    return bool(run["success()"])


_STEPS: Mapping[tuple[str, str], Callable[[Names], bool]] = {
    ("plan", "Show the plan"): lambda run: not run["cancelled()"],
    ("plan", "Tell who decides"): lambda run: bool(
        run["success()"]
        and run["inputs.approval"]
        and not run["inputs.dry_run"]
        and run["steps.report.outputs.go"] == "true"
    ),
    ("deploy", "Fetch the plan"): lambda run: bool(run["success()"] and run["inputs.action"] != "advance"),
    # GitHub does not say which attempt of a run was approved.
    ("deploy", "Ask who has approved"): lambda run: bool(
        run["success()"] and run["inputs.approval"] and run["needs.plan.outputs.attempt"] == "1"
    ),
    ("record", "Show what the ledger holds"): lambda run: bool(
        run["success()"] and run["inputs.action"] != "advance"
    ),
    ("record", "Keep it"): lambda run: bool(run["success()"] and run["inputs.action"] != "advance"),
    ("record", "Record it on GitHub"): lambda run: True,
}


@of_release
def a_step_runs_when_its_part_is_asked_for(seen: Workflows) -> None:
    for job, step in steps_of(seen.release):
        wanted = _STEPS.get((job, step["name"]), _after_success)
        for run in runs(
            cancelled=(True, False),
            inputs__action=("promote", "advance"),
            inputs__approval=(True, False),
            inputs__dry_run=(True, False),
            steps__report__outputs__go=("true", "false"),
            needs__plan__outputs__attempt=("1", "2", ""),
        ):
            for before in (True, False):
                run["success()"] = before and not run["cancelled()"]
                assert holds(step.get("if"), run) is wanted(run), f"{job}: {step['name']}: {run}"


@of_release
def what_a_job_says_is_what_its_steps_have_said(seen: Workflows) -> None:
    outputs = {name: job["outputs"] for name, job in jobs_of(seen.release).items() if "outputs" in job}
    said = ("attempt", "digest", "release", "title", "go")
    same(outputs, {"plan": {name: f"${{{{ steps.report.outputs.{name} }}}}" for name in said}})
    ids = {(job, step["id"]): step["name"] for job, step in steps_of(seen.release) if "id" in step}
    same(ids, {("plan", "report"): "Show the plan", ("deploy", "approved"): "Ask who has approved"})
    assert "needs.plan.outputs.title" in seen.job("gate")["name"]


@of_release
def a_plan_goes_from_its_job_to_the_one_that_carries_it_out(seen: Workflows) -> None:
    stage = "${{ inputs.environment }}"
    kept, fetched = seen.step("plan", "Keep the plan"), seen.step("deploy", "Fetch the plan")
    same(
        kept["with"],
        {"name": f"plan-{stage}", "path": "plan.json", "if-no-files-found": "error", "overwrite": True},
    )
    same(fetched["with"], {"name": f"plan-{stage}"})
    assert kept["uses"].startswith("actions/upload-artifact@")
    assert fetched["uses"].startswith("actions/download-artifact@")
    ledger = seen.step("record", "Keep it")
    assert ledger["uses"].startswith("actions/upload-artifact@")
    same(
        ledger["with"],
        {"name": f"ledger-{stage}", "path": "ledger.json", "if-no-files-found": "warn", "overwrite": True},
    )


@of_release
def each_word_of_a_step_is_the_one_that_it_says_it_is(seen: Workflows) -> None:
    """The environment of every step, less what other promises are about."""
    inputs = {
        name: f"${{{{ inputs.{name.lower()} }}}}" for name in ("ACTION", "PIPELINE", "STAGE", "BUMP", "TO")
    }
    inputs |= {name: f"${{{{ inputs.{name.lower()} }}}}" for name in ("REF", "REASON")}
    places = {
        ("build", "Build what is not built yet"): {
            "PIPELINE": inputs["PIPELINE"], "REF": "${{ inputs.ref || github.sha }}"
        },
        ("plan", "Plan"): inputs,
        ("deploy", "Ask who has approved"): {"GATE": "${{ inputs.environment }}-approval"},
        ("deploy", "Carry it out"): {
            "ACTION": inputs["ACTION"], "PIPELINE": inputs["PIPELINE"], "STAGE": inputs["STAGE"],
            "DIGEST": "${{ needs.plan.outputs.digest }}",
            "RELEASE_APPROVER": "${{ steps.approved.outputs.logins }}",
        },
        ("drift", "Look for drift"): {"PIPELINE": inputs["PIPELINE"], "STAGE": inputs["STAGE"]},
        ("record", "Show what the ledger holds"): {
            "PIPELINE": inputs["PIPELINE"], "RELEASE": "${{ needs.plan.outputs.release }}",
            "RESULT": "${{ needs.deploy.result }}",
        },
        ("record", "Record it on GitHub"): {"PIPELINE": inputs["PIPELINE"], "STAGE": inputs["STAGE"]},
    }  # fmt: skip
    elsewhere = ("GH_TOKEN", "GIT_CONFIG_", "RELEASE_ACCESS")
    for job, step in steps_of(seen.release):
        said = {
            key: text
            for key, text in step.get("env", {}).items()
            if not key.startswith(elsewhere) and "secrets." not in str(text)
        }
        approver = said.pop("RELEASE_APPROVER", None) if (job, step["name"]) == ("plan", "Plan") else None
        assert said == places.get((job, step["name"]), {}), f"{job}: {step['name']}: {said}"
        if approver is not None or step["name"] == "Plan":
            for asks in (True, False):
                text = evaluate(str(approver)[3:-2], {"inputs.approval": asks})
                same(text, "(whoever approves this run)" if asks else "")


_WORKFLOW = {"name", "run-name", "on", "permissions", "concurrency", "defaults", "jobs"}
_JOB = {"name", "needs", "if", "runs-on", "timeout-minutes", "environment", "concurrency", "permissions"}
_JOB |= {"outputs", "steps"}
_CALLER = {"name", "permissions", "uses", "with", "secrets"}
_STEP = {"name", "id", "if", "uses", "with", "env", "run"}


@of_all
def nothing_stands_in_a_workflow_but_what_promises_are_about(seen: Workflows) -> None:
    """An `env` of a job may say where packages come from, a `container` whose image holds the token, an `if`
    that a button does nothing; a `timeout-minutes` of a step cuts a rollout off.
    """
    for name, workflow in seen.all.items():
        assert set(workflow) <= _WORKFLOW, name
        for key, job in jobs_of(workflow).items():
            caller = _CALLER | ({"needs", "if", "strategy"} if name == WATCH else set())
            allowed = caller if "uses" in job else _JOB
            assert set(job) <= allowed, f"{name}: {key}: {set(job) - allowed}"
        for key, step in steps_of(workflow):
            own = {"continue-on-error"} if step.get("name") == "Tell who decides" else set()
            assert set(step) <= _STEP | own, f"{name}: {key}: {set(step) - _STEP}"


@of_all
def scripts_hand_nothing_on_but_the_summary(seen: Workflows) -> None:
    """What is written to GITHUB_ENV or GITHUB_PATH is in every later step of the job."""
    for name, workflow in seen.all.items():
        for job, step in steps_of(workflow):
            used = set(re.findall(r"GITHUB_\w+", step.get("run", "")))
            assert used <= {"GITHUB_SHA", "GITHUB_STEP_SUMMARY"}, f"{name}: {job}: {used}"


@of_all
def no_script_holds_an_expression(seen: Workflows) -> None:
    for name, workflow in seen.all.items():
        for job, step in steps_of(workflow):
            assert "${{" not in step.get("run", ""), f"{name}: {job}: {step['name']}"


@of_release
def what_people_type_reaches_scripts_by_the_environment_alone(seen: Workflows) -> None:
    typed = {"ref", "bump", "to", "reason"}
    places = set()
    for path, text in words_in(seen.release):
        if path[0] == "jobs" and typed & set(re.findall(r"inputs\.(\w+)", text)):
            places.add(path[2] if len(path) == 3 else path[3])
    same(places, {"env", "if"})
