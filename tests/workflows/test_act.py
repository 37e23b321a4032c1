"""The buttons as GitHub would run them: real jobs, the real CLI, real handlers, a real remote."""

import sys
from pathlib import Path
from typing import Any

import pytest

from release.views.workflows import DAILY
from tests.adapters.notices import webhook
from tests.e2e.fleet import Fleet, World
from tests.e2e.texts import PRIMARY, REGIONS, SHORT
from tests.workflows.act import Act, by

pytestmark = [pytest.mark.prove, pytest.mark.xdist_group("act")]

BIN = Path(sys.executable).parent
FOUR_EYES = {**SHORT, "prod": SHORT["prod"].replace("after: qa", "after: qa, gates: {four_eyes: true}")}
CANARY = "{canary: [10, 100], bake: 1h, min_samples: 10, max_error_rate: 1%}"
BAKING = {
    name: stage.replace("all-at-once", CANARY) if name == "qa" else stage for name, stage in SHORT.items()
}


@pytest.fixture
def world(fleet: Fleet) -> World:
    return fleet.world(FOUR_EYES)


@pytest.fixture
def act(program: Path, world: World) -> Act:
    return Act(program, world, BIN)


def test_a_merge_goes_to_dev_and_by_the_button_to_qa(act: Act, world: World) -> None:
    pushed = act.run("deploy-dev.yml", event="push")
    assert pushed.code == 0, pushed.log
    assert pushed.jobs == {
        "Build": "success", "Plan": "success", "Deploy": "success", "Record": "success"
    }  # fmt: skip
    assert world.live("dev") == {("orders", PRIMARY): "1", ("stock", PRIMARY): "1"}

    before = world.git("ls-remote", "origin")
    dry = act.run("promote-qa.yml", dry_run="true", reason="look first")
    assert (dry.code, dry.jobs) == (0, {"Plan": "success"}), dry.log
    assert "| orders-qa | us-east-1 | nothing |" in dry.summary.replace("\\", "")
    assert world.git("ls-remote", "origin") == before

    reason = """it's "fine" $(touch hacked) `id` ${{ github.token }} ; exit 1 #"""
    promoted = act.run("promote-qa.yml", reason=reason)
    assert promoted.code == 0, promoted.log
    by_run = act.run_id
    assert promoted.jobs == {
        "Plan": "success", "promote v1.0.0-qa.1 to qa": "success", "Deploy": "success", "Record": "success"
    }  # fmt: skip
    stated = world.remote.trailers("v1.0.0-qa.1")
    assert (stated["Release-Reason"], stated["Release-Actor"]) == (reason, "ada")
    assert stated["Release-Run"] == f"{by_run}.1"
    assert "promote to qa: succeeded by ada" in promoted.summary

    again = act.run("promote-qa.yml")
    assert (again.code, again.jobs) == (0, {"Plan": "success"}), again.log


@pytest.mark.parametrize("reason", ["x" * 10_000, "two\nlines", "password=hunter22"], ids=len)
def test_a_reason_that_the_tool_refuses_ends_the_run_with_nothing_changed(
    reason: str, act: Act, world: World
) -> None:
    before = world.git("ls-remote", "origin")

    refused = act.run("rollback.yml", stage="dev", reason=reason)

    assert refused.code != 0 and refused.jobs == {"Plan": "failure"}, refused.log
    assert "error: --reason: " in refused.log
    assert world.git("ls-remote", "origin") == before


def test_prod_opens_to_a_second_person_alone(act: Act, world: World) -> None:
    by("ada", world, "deploy", "dev")
    by("ada", world, "promote", "qa")

    alone = act.run("promote-prod.yml", reason="go", approved_by={"prod-approval": "ada"})
    assert alone.jobs["Deploy"] == "failure" and alone.jobs["Record"] == "success", alone.log
    assert "four eyes are not proven" in alone.log or "the plan no longer holds" in alone.log
    elsewhere = {"uat-approval": "grace"}
    assert act.run("promote-prod.yml", reason="go", approved_by=elsewhere).code != 0
    asked = {"prod-approval": "grace"}
    assert act.run("promote-prod.yml", reason="go", approved_by=asked, attempt=2).code != 0
    assert list(world.remote.tags()) == ["v1.0.0-qa.1"]

    together = act.run("promote-prod.yml", reason="go", approved_by=asked)
    assert together.code == 0, together.log
    assert "v1.0.0" in world.remote.tags()
    assert set(world.live("prod").values()) == {"1"}
    shown = act.shown()
    (release,) = shown["releases"]
    assert (release["tag"], release["draft"]) == ("v1.0.0", False)
    assert {asset["name"] for asset in release["assets"]} == {
        "audit.json", "manifest.json", "provenance.intoto.jsonl", "sboms.zip"
    }  # fmt: skip
    served = [one for one in shown["deployments"] if one["environment"] == "prod"]
    assert [(one["payload"]["region"], one["statuses"][-1]["state"]) for one in served] == [
        (region, "success") for region in REGIONS
    ]
    assert f"/actions/runs/{act.run_id}/attempts/1" in served[0]["statuses"][-1]["log_url"]
    assert act.violations() == []


def test_the_rollback_button_brings_back_what_served(act: Act, world: World) -> None:
    by("ada", world, "deploy", "dev")
    world.change("2")
    by("ada", world, "deploy", "dev")

    run = act.run("rollback.yml", stage="dev", reason="prices are wrong")

    assert run.code == 0, run.log
    assert run.jobs == {"Plan": "success", "Deploy": "success", "Record": "success"}
    assert world.says("orders", "dev") == "1"


def test_watch_goes_on_with_what_bakes_and_is_green_while_it_does(program: Path, fleet: Fleet) -> None:
    world = fleet.world(BAKING)
    act = Act(program, world, BIN)
    quiet = act.run("watch.yml")
    assert (quiet.code, quiet.jobs) == (0, {"Look": "success"}), quiet.log
    by("ada", world, "deploy", "dev")
    by("ada", world, "promote", "qa")
    world.change("2", "orders")
    by("ada", world, "deploy", "dev")
    begun = world.start("promote", "qa", "--yes", "--wait", "0").wait()
    assert begun.code == 7, str(begun)

    watched = act.run("watch.yml")

    assert watched.code == 0, watched.log
    assert watched.jobs == {"Look": "success", "Deploy": "success", "Record": "success"}
    assert "qa is under way" in watched.log


@pytest.mark.parametrize(
    ("job", "slip"),
    [
        ("Plan", ("RELEASE_ACCESS: plan", "RELEASE_ACCESS: deploy")),
        ("Deploy", ("RELEASE_ACCESS: deploy", "RELEASE_ACCESS: plan")),
        ("Build", ("name: build\n", "name: ${{ inputs.environment }}\n")),
    ],
    ids=["a plan that would deploy", "a rollout that would plan", "a build in the stage's environment"],
)
def test_no_job_becomes_what_the_environment_of_another_is_trusted_with(
    job: str, slip: tuple[str, str], program: Path, world: World
) -> None:
    act = Act(program, world, BIN, slip=slip)

    run = act.run("deploy-dev.yml", event="push")

    assert run.jobs[job] == "failure", run.log
    assert "does not trust this job (subject repo:acme/" in " ".join(run.log.split())
    assert set(world.live("dev").values()) <= {None}


def test_people_are_told_what_waits_and_what_serves_by_secrets_of_the_repository(
    program: Path, world: World
) -> None:
    act = Act(program, world, BIN, notifications="notifications: [{webhook: RELEASE_WEBHOOK}]\n")
    by("ada", world, "deploy", "dev")
    with webhook("/services/nobodymayknow") as server:
        secrets = {"RELEASE_WEBHOOK": server.url}
        run = act.run("promote-qa.yml", reason="go", secrets=secrets, approved_by={"qa-approval": "grace"})

    assert run.code == 0, run.log
    assert [sent["occasion"] for _, sent in server.asked] == ["waiting", "succeeded"]
    waiting, serves = (sent for _, sent in server.asked)
    assert waiting["title"] == "promote of v1.0.0-qa.1 to qa waits for approval"
    assert serves["title"] == "v1.0.0-qa.1 serves in qa"
    assert serves["facts"]["approved by"] == "grace"
    assert f"/actions/runs/{act.run_id}/attempts/1" in serves["links"][0]["url"]
    assert "nobodymayknow" not in run.log


def test_what_a_hand_has_changed_is_told_once_a_day_by_the_role_that_only_reads(
    program: Path, fleet: Fleet
) -> None:
    world = fleet.world(SHORT)
    act = Act(program, world, BIN, notifications="notifications: [{webhook: RELEASE_WEBHOOK}]\n")
    by("ada", world, "deploy", "dev")
    daily: dict[str, Any] = {"event": "schedule", "payload": {"schedule": DAILY}}
    quiet = act.run("watch.yml", **daily)
    assert (quiet.code, quiet.jobs) == (0, {"Look": "success", "Drift": "success"}), quiet.log
    functions = world.functions("dev", PRIMARY)
    functions.put_function_concurrency(FunctionName="orders-dev", ReservedConcurrentExecutions=0)

    with webhook("/services/nobodymayknow") as server:
        found = act.run("watch.yml", secrets={"RELEASE_WEBHOOK": server.url}, **daily)

    assert (found.code, found.jobs) == (1, {"Look": "success", "Drift": "failure"}), found.log
    assert "Drift of dev: 1 finding" in found.summary and "reserved concurrency is 0" in found.summary
    ((_, told),) = server.asked
    assert (told["occasion"], told["title"]) == ("drift", "dev has drifted: 1 finding")
    assert told["facts"]["what"] == f"concurrency of orders-dev in {PRIMARY}"
    assert f"/actions/runs/{act.run_id}/attempts/1" in told["links"][0]["url"]
    assert act.run("watch.yml", event="schedule", payload={"schedule": "3-59/10 * * * *"}).jobs == {
        "Look": "success"
    }
