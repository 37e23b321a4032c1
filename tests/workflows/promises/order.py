"""Which jobs run, after which, and which of them wait for each other."""

from tests.workflows.expressions import Names, holds
from tests.workflows.promises.seen import (
    ACTIONS,
    RESULTS,
    WATCH,
    Workflows,
    of_all,
    of_release,
    runs,
    runs_when,
    same,
)
from tests.workflows.rendered import jobs_of


@of_release
def jobs_wait_for_what_they_use(seen: Workflows) -> None:
    same(
        {name: job.get("needs") for name, job in jobs_of(seen.release).items()},
        {
            "build": None,
            "plan": "build",
            "gate": "plan",
            "deploy": ["plan", "gate"],
            "drift": None,
            "record": ["plan", "deploy"],
        },
    )


@of_release
def what_runs_is_built_for_deployments_and_for_promotions_of_a_commit(seen: Workflows) -> None:
    runs_when(
        seen.job("build"),
        lambda run: (
            not run["cancelled()"]
            and not run["inputs.dry_run"]
            and (
                run["inputs.action"] == "deploy"
                or (run["inputs.action"] == "promote" and run["inputs.ref"] != "")
            )
        ),
        cancelled=(True, False),
        inputs__action=ACTIONS,
        inputs__ref=("", "c0ffee"),
        inputs__dry_run=(True, False),
    )


@of_release
def a_plan_is_made_of_all_but_what_is_under_way_already(seen: Workflows) -> None:
    runs_when(
        seen.job("plan"),
        lambda run: (
            not run["cancelled()"]
            and run["inputs.action"] not in ("advance", "drift")
            and run["needs.build.result"] in ("success", "skipped")
        ),
        cancelled=(True, False),
        inputs__action=ACTIONS,
        inputs__dry_run=(True, False),
        needs__build__result=RESULTS,
    )


@of_release
def people_are_asked_about_a_plan_that_would_be_carried_out_and_no_other(seen: Workflows) -> None:
    runs_when(
        seen.job("gate"),
        lambda run: (
            not run["cancelled()"]
            and run["inputs.approval"]
            and not run["inputs.dry_run"]
            and run["needs.plan.result"] == "success"
            and run["needs.plan.outputs.go"] == "true"
        ),
        cancelled=(True, False),
        inputs__approval=(True, False),
        inputs__dry_run=(True, False),
        needs__plan__result=RESULTS,
        needs__plan__outputs__go=("true", "false", ""),
    )


@of_release
def nothing_is_carried_out_but_a_plan_that_stands_and_was_approved(seen: Workflows) -> None:
    def wanted(run: Names) -> bool:
        if run["cancelled()"] or run["inputs.dry_run"] or run["inputs.action"] == "drift":
            return False
        if run["inputs.action"] == "advance":
            return True
        if run["needs.plan.result"] != "success" or run["needs.plan.outputs.go"] != "true":
            return False
        gate = run["needs.gate.result"]
        return bool(gate == "success" or (gate == "skipped" and not run["inputs.approval"]))

    runs_when(
        seen.job("deploy"),
        wanted,
        cancelled=(True, False),
        inputs__action=ACTIONS,
        inputs__approval=(True, False),
        inputs__dry_run=(True, False),
        needs__plan__result=RESULTS,
        needs__plan__outputs__go=("true", "false", ""),
        needs__gate__result=RESULTS,
    )


@of_release
def drift_is_looked_for_when_that_is_asked_and_nothing_else_is_done_then(seen: Workflows) -> None:
    """It waits for no job, and so for no role but its own: the one that plans, which only reads."""
    runs_when(
        seen.job("drift"),
        lambda run: not run["cancelled()"] and run["inputs.action"] == "drift",
        cancelled=(True, False),
        inputs__action=ACTIONS,
        inputs__dry_run=(True, False),
    )
    step = seen.step("drift", "Look for drift")
    same(step["run"], 'release drift "--pipeline=$PIPELINE" --tell -- "$STAGE"')
    for name in ("build", "plan", "gate", "deploy"):
        job = seen.job(name)
        for run in runs(
            inputs__action=("drift",), needs__plan__result=RESULTS, inputs__approval=(True, False)
        ):
            happens = holds(job.get("if"), {**run, "success()": True})
            assert not happens or name == "gate", f"{name}: {run}"  # the gate waits for a plan


@of_release
def every_end_is_recorded_whatever_came_before_it(seen: Workflows) -> None:
    """Also of one that `advance` has led to, and where the deploy job or a step before has failed."""
    record = seen.job("record")
    runs_when(
        record,
        lambda run: bool(run["needs.deploy.result"] != "skipped"),
        cancelled=(True, False),
        inputs__action=ACTIONS,
        needs__plan__result=RESULTS,
        needs__deploy__result=RESULTS,
    )
    step = seen.step("record", "Record it on GitHub")
    for before in (True, False):
        for run in runs(cancelled=(True, False), inputs__action=ACTIONS):
            assert holds(step.get("if"), {**run, "success()": before})
    same(step["run"], 'release record "--pipeline=$PIPELINE" -- "$STAGE"')


@of_release
def a_rollout_is_given_the_time_of_its_bakes_and_of_its_way_back(seen: Workflows) -> None:
    """GitHub ends a job that takes longer, and what was half-way stays there until somebody looks."""
    minutes = {name: job["timeout-minutes"] for name, job in jobs_of(seen.release).items()}
    same(minutes, {"build": 30, "plan": 15, "gate": 5, "deploy": 180, "drift": 30, "record": 15})


@of_release
def only_the_deploy_job_queues_and_a_rollback_waits_for_no_promotion(seen: Workflows) -> None:
    assert "concurrency" not in seen.release
    queues = {name: job["concurrency"] for name, job in jobs_of(seen.release).items() if "concurrency" in job}
    group = "release-${{ inputs.environment }}-${{ inputs.action }}"
    same(queues, {"deploy": {"group": group, "cancel-in-progress": False, "queue": "max"}})


@of_all
def a_button_queues_nothing_while_somebody_decides(seen: Workflows) -> None:
    for name, (workflow, job) in seen.callers.items():
        assert "concurrency" not in job, name
        queue = workflow.get("concurrency")
        wanted: dict[str, object] | None
        if "push" in workflow["on"]:
            wanted = {"group": f"push-{job['with']['environment']}", "cancel-in-progress": False}
        else:
            wanted = None
            if name.startswith(WATCH):  # which group: the promise of watch
                wanted = {"group": queue["group"] if queue else "", "cancel-in-progress": False}
        assert queue == wanted, f"{name}: {queue}"
