"""Workflow runs: dispatched, waiting for people, approved, listed."""

from typing import Any

import pytest

from tests.sandbox.forge.conftest import Repo, git

WORKFLOW = """\
name: Promote to PROD
on:
  workflow_dispatch:
    inputs:
      reason: {required: true, type: string}
      dry_run: {type: boolean, default: false}
      bump: {type: choice, options: [auto, minor], default: auto}
"""
DISPATCHES = "/actions/workflows/promote-prod.yml/dispatches"


@pytest.fixture
def button(repo: Repo) -> Repo:
    """A repository with one button, and a workflow that is none."""
    folder = repo.tree / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "promote-prod.yml").write_text(WORKFLOW)
    (folder / "ci.yml").write_text("on: [push, pull_request]\n")
    git(repo.tree, "add", ".github")
    git(repo.tree, "commit", "--quiet", "-m", "workflows")
    git(repo.tree, "push", "--quiet", str(repo.remote), "HEAD:main", "HEAD~1:refs/heads/old")
    return repo


def test_a_dispatch_is_a_queued_run_with_its_inputs(button: Repo) -> None:
    said = 'it\'s "done"\n$(x) ${{ y }}'
    answer = button.ok(
        "POST", DISPATCHES, json={"ref": "main", "inputs": {"reason": said}, "return_run_details": True}
    )
    run = button.ok("GET", f"/actions/runs/{answer['workflow_run_id']}")

    assert (run["status"], run["conclusion"], run["event"]) == ("queued", None, "workflow_dispatch")
    assert (run["head_branch"], run["head_sha"], run["actor"]["login"]) == ("main", button.head(), "ana")
    assert (run["path"], run["run_attempt"]) == (".github/workflows/promote-prod.yml", 1)
    assert answer["html_url"] == run["html_url"]
    (recorded,) = button.sandbox.forge.dispatched(button.name)
    assert recorded["inputs"] == {"reason": said, "dry_run": False, "bump": "auto"}
    # the id is told only where it is asked for
    plain = button.ask("POST", DISPATCHES, json={"ref": "main", "inputs": {"reason": "x"}})
    assert (plain.status_code, plain.content) == (204, b"")


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (DISPATCHES, {"ref": "main"}, 422, "Required input 'reason' not provided"),
        (
            DISPATCHES,
            {"ref": "main", "inputs": {"reason": "x", "why": "y"}},
            422,
            'Unexpected inputs provided: ["why"]',
        ),
        (
            DISPATCHES,
            {"ref": "main", "inputs": {"reason": "x", "bump": "huge"}},
            422,
            "not in the list of allowed",
        ),
        (DISPATCHES, {"ref": "main", "inputs": {"reason": "x", "dry_run": "maybe"}}, 422, "is not a boolean"),
        (DISPATCHES, {"ref": "main", "inputs": {"reason": "x" * 66_000}}, 422, "inputs are too large"),
        (DISPATCHES, {"ref": "main", "inputs": {f"i{n}": "" for n in range(26)}}, 422, "inputs"),
        (DISPATCHES, {"ref": "main", "inputs": ["reason"]}, 422, "inputs"),
        (DISPATCHES, {"ref": "nothing", "inputs": {"reason": "x"}}, 422, "No ref found for: nothing"),
        (
            DISPATCHES,
            {"ref": "old", "inputs": {"reason": "x"}},
            422,
            "does not have 'workflow_dispatch' trigger",
        ),
        (DISPATCHES.replace("promote-prod", "ci"), {"ref": "main"}, 422, "does not have 'workflow_dispatch'"),
        (DISPATCHES.replace("promote-prod", "none"), {"ref": "main"}, 404, "Not Found"),
    ],
)
def test_what_is_no_dispatch_is_refused(
    button: Repo, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    found, said = button.refused("POST", path, json=body)
    assert (found, words in said) == (status, True), said
    assert button.sandbox.forge.dispatched(button.name) == []


def test_a_commit_is_no_ref_to_dispatch(button: Repo) -> None:
    body = {"ref": button.head(), "inputs": {"reason": "x"}}
    assert button.refused("POST", DISPATCHES, json=body)[0] == 422


def test_runs_are_listed_by_workflow_and_what_they_are(button: Repo) -> None:
    forge = button.sandbox.forge
    ci = forge.add_run(
        button.name, "ci.yml", event="push", status="completed", conclusion="failure", actor="ben"
    )
    prod = forge.add_run(button.name, "promote-prod.yml", attempt=2)
    forge.change_run(button.name, prod, status="in_progress")

    def ids(path: str = "/actions/runs", **query: str) -> list[int]:
        return [one["id"] for one in button.ok("GET", path, params=query)["workflow_runs"]]

    assert ids() == [prod, ci]
    assert ids("/actions/workflows/promote-prod.yml/runs") == [prod]
    assert ids("/actions/workflows/promote-prod.yml/runs", event="push") == []
    assert ids(event="push") == ids(actor="ben") == ids(status="failure") == ids(status="completed") == [ci]
    assert ids(status="in_progress") == ids(event="workflow_dispatch", branch="main") == [prod]
    assert ids(branch="other") == []
    assert button.ok("GET", f"/actions/runs/{prod}")["run_attempt"] == 2
    assert button.refused("GET", "/actions/workflows/none.yml/runs")[0] == 404
    assert button.refused("GET", "/actions/runs/1") == (404, "Not Found")


def test_jobs_of_a_run_are_listed(button: Repo) -> None:
    forge = button.sandbox.forge
    run = forge.add_run(button.name, "promote-prod.yml")
    forge.add_job(button.name, run, "plan")
    forge.add_job(button.name, run, "deploy", status="in_progress", conclusion=None)
    jobs = button.ok("GET", f"/actions/runs/{run}/jobs")

    assert jobs["total_count"] == 2
    assert [(one["name"], one["conclusion"]) for one in jobs["jobs"]] == [
        ("plan", "success"),
        ("deploy", None),
    ]
    assert jobs["jobs"][1]["completed_at"] is None


def test_a_run_waits_until_a_reviewer_has_approved(button: Repo) -> None:
    forge = button.sandbox.forge
    reviewers = [{"type": "User", "id": forge.person(login)} for login in ("ana", "ben")]
    body = {"reviewers": reviewers, "prevent_self_review": True}
    gate = button.ok("PUT", "/environments/prod-approval", json=body)["id"]
    run = forge.add_run(
        button.name, "promote-prod.yml", actor="ana", status="waiting", waiting_for=["prod-approval"]
    )
    path = f"/actions/runs/{run}/pending_deployments"
    review = {"environment_ids": [gate], "state": "approved", "comment": "ship it"}
    ben, cleo = button.as_token("ben"), button.as_token("cleo")
    (pending,) = button.ok("GET", path)

    assert (pending["environment"]["name"], pending["current_user_can_approve"]) == ("prod-approval", False)
    assert ben.ok("GET", path)[0]["current_user_can_approve"] is True
    for other in (button, cleo):  # who has started it, and who is no reviewer
        assert other.refused("POST", path, json=review)[0] == 422
    assert button.ok("GET", f"/actions/runs/{run}/approvals") == []
    ben.ok("POST", path, json=review)

    (approval,) = button.ok("GET", f"/actions/runs/{run}/approvals")
    assert (approval["user"]["login"], approval["state"], approval["comment"]) == (
        "ben",
        "approved",
        "ship it",
    )
    assert [one["name"] for one in approval["environments"]] == ["prod-approval"]
    assert button.ok("GET", path) == []
    assert button.ok("GET", f"/actions/runs/{run}")["status"] == "queued"
    assert ben.refused("POST", path, json=review)[0] == 422  # nothing waits any more
    job = button.as_token(forge.app_token(button.name, deployments="write", actions="write"))
    assert job.refused("POST", path, json=review)[0] == 403  # no job approves


def test_a_rejected_run_has_failed(button: Repo) -> None:
    forge = button.sandbox.forge
    body = {"reviewers": [{"type": "User", "id": forge.person("ana")}]}
    gate = button.ok("PUT", "/environments/prod-approval", json=body)["id"]
    run = forge.add_run(button.name, "promote-prod.yml", status="waiting", waiting_for=["prod-approval"])
    review = {"environment_ids": [gate], "state": "rejected", "comment": "not today"}
    button.ok("POST", f"/actions/runs/{run}/pending_deployments", json=review)

    found = button.ok("GET", f"/actions/runs/{run}")
    assert (found["status"], found["conclusion"]) == ("completed", "failure")
