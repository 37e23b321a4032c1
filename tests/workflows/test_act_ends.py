"""How runs of the buttons end under act where something is in the way: what AWS and the forge have then."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.texts import HANDLER, LINE, PRIMARY, SHORT
from tests.workflows.act import Act, by
from tests.workflows.test_act import BIN

pytestmark = [pytest.mark.prove, pytest.mark.xdist_group("act")]

SHARED = "acme/lambdas@" + "0123456789" * 4
FILES = {"audit.json", "manifest.json", "provenance.intoto.jsonl", "sboms.zip"}
SOAKING = {**SHORT, "qa": SHORT["qa"].replace("after: dev", "after: dev, gates: {soak: 24h}")}
QUICK = "{canary: [10, 100], bake: 1s, min_samples: 1, max_error_rate: 1%}"


def deployments(act: Act, environment: str) -> list[tuple[str, str]]:
    """(region, newest status) of each deployment that the forge shows, oldest first."""
    shown = [one for one in act.shown()["deployments"] if one["environment"] == environment]
    return [(one["payload"]["region"], one["statuses"][-1]["state"]) for one in shown]


def test_uat_gets_what_qa_runs_and_the_forge_shows_where_it_serves(program: Path, fleet: Fleet) -> None:
    world = fleet.world({name: LINE[name] for name in ("dev", "qa", "uat")})
    act = Act(program, world, BIN)
    by("ada", world, "deploy", "dev")
    by("ada", world, "promote", "qa")

    run = act.run("promote-uat.yml", reason="signed off", approved_by={"uat-approval": "grace"})

    assert run.code == 0, run.log
    assert run.jobs == {
        "Plan": "success", "promote v1.0.0-rc.1 to uat": "success", "Deploy": "success", "Record": "success"
    }  # fmt: skip
    assert set(world.live("uat").values()) == {"1"}
    assert world.git("ls-remote", "origin", "v1.0.0-rc.1^{}").split()[0] == world.git(
        "ls-remote", "origin", "v1.0.0-qa.1^{}"
    ).split()[0]  # fmt: skip
    assert deployments(act, "uat") == [(PRIMARY, "success")]
    assert act.shown()["releases"] == [] and act.violations() == []


def test_a_repository_that_has_only_buttons_goes_by_the_workflow_of_another(
    program: Path, fleet: Fleet
) -> None:
    world = fleet.world(SHORT)
    act = Act(program, world, BIN, shared=SHARED)
    assert not (world.clone / ".github/workflows/_release.yml").exists()
    assert not (world.clone / "actions").exists()

    pushed = act.run("deploy-dev.yml", event="push")
    assert pushed.code == 0, pushed.log
    assert pushed.jobs == dict.fromkeys(("Build", "Plan", "Deploy", "Record"), "success")

    promoted = act.run("promote-qa.yml", reason="it's $(touch hacked) ${{ github.token }}")
    assert promoted.code == 0, promoted.log
    stated = world.remote.trailers("v1.0.0-qa.1")
    assert stated["Release-Reason"] == "it's $(touch hacked) ${{ github.token }}"
    assert set(world.live("qa").values()) == {"1"}
    assert deployments(act, "qa") == [(PRIMARY, "success")]


def test_a_copy_of_the_workflow_in_another_repository_is_trusted_by_no_role(
    program: Path, fleet: Fleet
) -> None:
    """The roles trust `_release.yml` of one repository; a changed copy in another is nobody to them."""
    world = fleet.world(SHORT)
    act = Act(program, world, BIN, shared=SHARED)
    act.trust_only("acme/elsewhere")

    run = act.run("deploy-dev.yml", event="push")

    assert run.jobs == {"Build": "failure"}, run.log
    assert "does not trust this job" in " ".join(run.log.split())
    assert set(world.live("dev").values()) == {None}


def test_a_failing_smoke_test_is_red_and_a_failed_deployment_and_the_next_promotion_mends_it(
    program: Path, fleet: Fleet
) -> None:
    world = fleet.world(SHORT)
    act = Act(program, world, BIN)
    by("ada", world, "deploy", "dev")
    world.change("2", "orders", text=f'{HANDLER}\n\nraise RuntimeError("a broken handler")\n')

    failed = act.run("deploy-dev.yml", event="push")

    assert failed.code != 0
    assert (failed.jobs["Deploy"], failed.jobs["Record"]) == ("failure", "success"), failed.log
    assert "## Deploy: failure" in failed.summary and "failed by ada" in failed.summary
    assert world.says("orders", "dev") == "1"
    # The one before was recorded as well: nothing else has told the forge of it.
    assert deployments(act, "dev") == [(PRIMARY, "success"), (PRIMARY, "failure")]

    world.change("3", "orders")
    assert act.run("deploy-dev.yml", event="push").code == 0
    assert deployments(act, "dev") == [(PRIMARY, "inactive"), (PRIMARY, "failure"), (PRIMARY, "success")]
    assert act.violations() == []


def test_a_closed_gate_ends_the_run_in_the_plan_and_says_which(program: Path, fleet: Fleet) -> None:
    world = fleet.world(SOAKING)
    act = Act(program, world, BIN)
    by("ada", world, "deploy", "dev")
    before = world.git("ls-remote", "origin")

    run = act.run("promote-qa.yml", reason="go", approved_by={"qa-approval": "grace"})

    assert run.code != 0 and run.jobs == {"Plan": "failure"}, run.log
    assert "exit status 3" in run.log and "soak" in run.summary, run.log
    assert world.git("ls-remote", "origin") == before
    assert act.shown()["deployments"] == []


def test_a_rollback_without_a_reason_is_refused_also_where_github_has_not_asked_for_one(
    program: Path, fleet: Fleet
) -> None:
    world = fleet.world(SHORT)
    act = Act(program, world, BIN)

    run = act.run("rollback.yml", stage="dev", reason="")

    assert run.code != 0 and run.jobs == {"Plan": "failure"}, run.log
    assert "exit status 2" in run.log and "error: --reason: " in run.log, run.log


WAITS = (
    'run: echo "approved',
    'run: until [ -e "$ACT_FILES/decided" ]; do sleep 0.1; done; echo "approved',
)


def test_what_was_approved_is_carried_out_or_nothing(program: Path, fleet: Fleet) -> None:
    """While somebody decides on release 1, DEV has gone on: `apply` plans again, and it is another plan."""
    world = fleet.world(SHORT)
    act = Act(program, world, BIN, slip=WAITS)
    by("ada", world, "deploy", "dev")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(act.run, "promote-qa.yml", reason="go", approved_by={"qa-approval": "grace"})
        world.until(lambda: (act.files / "plan-qa" / "plan.json").exists() or running.done(), 120)
        world.change("2")
        by("ada", world, "deploy", "dev")
        (act.files / "decided").touch()
        run = running.result()

    assert run.code != 0
    assert (run.jobs["Plan"], run.jobs["Deploy"], run.jobs["Record"]) == ("success", "failure", "success")
    assert "exit status 4" in run.log and "the plan no longer holds" in run.log, run.log
    assert world.remote.tags() == {} and set(world.live("qa").values()) == {None}


def test_a_bake_that_has_passed_is_ended_by_watch_and_told(program: Path, fleet: Fleet) -> None:
    stages = {**SHORT, "qa": SHORT["qa"].replace("all-at-once", QUICK)}
    world = fleet.world(stages)
    act = Act(program, world, BIN)
    by("ada", world, "deploy", "dev")
    by("ada", world, "promote", "qa")
    world.change("2", "orders")
    by("ada", world, "deploy", "dev")
    world.release("promote", "qa", "--yes", "--wait", "0", ends=7)
    for _ in range(60):
        assert world.says("orders", "qa") in ("1", "2")

    watched = act.run("watch.yml")

    assert watched.code == 0, watched.log
    assert watched.jobs == {"Look": "success", "Deploy": "success", "Record": "success"}
    assert {world.says("orders", "qa") for _ in range(20)} == {"2"}
    assert deployments(act, "qa")[-1] == (PRIMARY, "success")
    assert act.run("watch.yml").jobs == {"Look": "success"}


def test_a_record_that_broke_off_is_made_whole_by_running_the_failed_job_again(
    program: Path, fleet: Fleet
) -> None:
    world = fleet.world(SHORT)
    act = Act(program, world, BIN)
    by("ada", world, "deploy", "dev")
    by("ada", world, "promote", "qa")
    upload = {"service": "github", "operation": "repos/upload-release-asset", "resource": act.repository}
    fault = fleet.sandbox.add_fault({**upload, "status": 403, "skip": 2})
    try:
        run = act.run("promote-prod.yml", reason="go", approved_by={"prod-approval": "grace"})
    finally:
        fleet.sandbox.remove_fault(fault)

    assert (run.jobs["Deploy"], run.jobs["Record"]) == ("success", "failure"), run.log
    assert set(world.live("prod").values()) == {"1"}
    (half,) = act.shown()["releases"]
    assert half["draft"] and len(half["assets"]) == 2

    said = {"plan.outputs.release": "v1.0.0", "deploy.result": "success"}
    again = act.run_again("promote-prod.yml", "record", said, reason="go")

    assert (again.code, again.jobs) == (0, {"Record": "success"}), again.log
    (whole,) = act.shown()["releases"]
    assert (whole["tag"], whole["draft"], whole["id"]) == ("v1.0.0", False, half["id"])
    assert {asset["name"] for asset in whole["assets"]} == FILES and len(whole["assets"]) == len(FILES)
    assert act.violations() == []
