"""Who may do what: permissions, environments, tokens, secrets, and whose code runs."""

import re
from collections.abc import Mapping

from release.views.workflows import WEBHOOKS
from tests.workflows.promises.seen import (
    RESULTS,
    Workflows,
    of_all,
    of_release,
    runs_when,
    same,
)
from tests.workflows.rendered import jobs_of, steps_of, words_in

_REACHING = r"release (build|plan|apply|advance|drift|record|workflows waiting)\b"


@of_all
def nothing_is_granted_at_the_top_and_every_job_says_what_it_needs(seen: Workflows) -> None:
    for name, workflow in seen.all.items():
        assert workflow["permissions"] == {}, name
        assert all("permissions" in job for job in jobs_of(workflow).values()), name


@of_release
def jobs_hold_the_least_that_they_work_with(seen: Workflows) -> None:
    read = {"contents": "read", "id-token": "write"}
    same(
        {name: job["permissions"] for name, job in jobs_of(seen.release).items()},
        {
            "build": read,
            "plan": read,
            "gate": {},
            "deploy": {"actions": "read", "contents": "write", "id-token": "write"},
            "drift": read,
            "record": {
                "contents": "write",
                "deployments": "write",
                "id-token": "write",
                "pull-requests": "write",
            },
        },
    )


@of_all
def a_caller_grants_what_the_jobs_need_and_no_more(seen: Workflows) -> None:
    wanted = {
        "actions": "read",
        "contents": "write",
        "deployments": "write",
        "id-token": "write",
        "pull-requests": "write",
    }
    for _, job in seen.callers.values():
        same(job["permissions"], wanted)


@of_all
def only_the_comment_of_ci_may_write_and_only_of_a_branch_of_this_repository(seen: Workflows) -> None:
    """`pull_request_target` would give the token of this repository to the code of a stranger."""
    jobs = jobs_of(seen.all["ci.yml"])
    granted = {name: job["permissions"] for name, job in jobs.items()}
    same({name for name, given in granted.items() if given != {"contents": "read"}}, {"comment"})
    same(granted["comment"], {"contents": "read", "pull-requests": "write"})
    runs_when(
        jobs["comment"],
        lambda run: (
            not run["cancelled()"]
            and run["github.event.pull_request.head.repo.full_name"] == run["github.repository"]
            and (run["needs.infra.result"] == "success" or run["needs.infra.outputs.differs"] == "true")
        ),
        cancelled=(True, False),
        github__event__pull_request__head__repo__full_name=("ours/fleet", "stranger/fleet"),
        github__repository=("ours/fleet",),
        needs__infra__result=RESULTS,
        needs__infra__outputs__differs=("true", ""),
    )


@of_all
def what_runs_code_of_a_pull_request_has_no_token(seen: Workflows) -> None:
    for job, step in steps_of(seen.all["ci.yml"]):
        if job not in ("changed", "comment"):
            assert "github.token" not in str(step) and "secrets." not in str(step), (job, step)


@of_release
def each_job_becomes_whom_its_environment_is_trusted_with(seen: Workflows) -> None:
    environments = {name: job.get("environment") for name, job in jobs_of(seen.release).items()}
    stage = "${{ inputs.environment }}"
    same(
        environments,
        {
            "build": {"name": "build", "deployment": False},
            "plan": {"name": f"{stage}-plan", "deployment": False},
            "gate": {"name": f"{stage}-approval"},
            "deploy": {"name": stage, "deployment": False},
            "drift": {"name": f"{stage}-plan", "deployment": False},
            "record": {"name": f"{stage}-plan", "deployment": False},
        },
    )
    access = {"build": "build", "plan": "plan", "deploy": "deploy", "drift": "plan", "record": "plan"}
    for job, step in steps_of(seen.release):
        reaches = re.search(_REACHING, step.get("run", ""))
        said = step.get("env", {}).get("RELEASE_ACCESS")
        assert said == (access[job] if reaches else None), f"{job}: {step['name']} is {said}"


@of_all
def no_action_of_others_signs_in(seen: Workflows) -> None:
    for name, workflow in seen.all.items():
        words = [text for _, text in words_in(workflow) if "aws-actions" in text or "AWS_" in text]
        assert words == [], (name, words)


@of_all
def actions_are_pinned_by_commit_with_their_version_beside(seen: Workflows) -> None:
    for name, text in seen.texts.items():
        for used in re.findall(r"uses: (.*)", text):
            assert re.fullmatch(
                r"\$/[\w/.-]+|acme/lambdas/[\w/.-]+@[0-9a-f]{40}"
                r"|actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+",
                used,
            ), f"{name}: {used}"


@of_all
def an_action_is_the_same_one_wherever_it_is_used(seen: Workflows) -> None:
    """One that differs in a single place is a merge gone wrong, or somebody's commit behind GitHub's name."""
    pins: dict[str, set[str]] = {}
    for text in seen.texts.values():
        for action, pin in re.findall(r"uses: (actions/[\w-]+)@(.*)", text):
            pins.setdefault(action, set()).add(pin)
    assert "actions/checkout" in pins
    assert {action: one for action, one in pins.items() if len(one) > 1} == {}


@of_all
def a_clone_leaves_no_token_behind_and_has_the_whole_history(seen: Workflows) -> None:
    for name, workflow in seen.all.items():
        for job, step in steps_of(workflow):
            if step.get("uses", "").startswith("actions/checkout@"):
                wanted = {"fetch-depth": 0, "persist-credentials": False}
                assert step.get("with") == wanted, f"{name}: {job}"


@of_all
def the_token_is_given_to_single_steps_and_git_asks_for_it_there(seen: Workflows) -> None:
    for name, workflow in seen.all.items():
        held = [path for path, text in words_in(workflow) if "github.token" in text]
        assert all(path[2:] == ("steps", "env", "GH_TOKEN") for path in held), (name, held)
        for job, step in steps_of(workflow):
            env = step.get("env", {})
            if "GH_TOKEN" in env:
                assert env["GH_TOKEN"] == "${{ github.token }}", (name, job)
            if not any(key.startswith("GIT_") for key in env):
                continue
            said = {key: env.get(key) for key in env if key.startswith(("GIT_", "GH_"))}
            same(
                said,
                {
                    "GH_TOKEN": "${{ github.token }}",
                    "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "credential.${{ github.server_url }}.helper",
                    "GIT_CONFIG_VALUE_0": '!f() { test "$1" = get && echo username=x-access-token'
                    ' && echo "password=$GH_TOKEN"; }; f',
                },
            )
            assert "release " in step["run"], (name, job)


@of_release
def steps_that_reach_the_remote_hold_the_token_and_no_others(seen: Workflows) -> None:
    remote = r"release (build|plan|apply|advance|drift|record|audit show|workflows (waiting|approvers))\b"
    for job, step in steps_of(seen.release):
        reaches = bool(re.search(remote, step.get("run", "")))
        env = step.get("env", {})
        assert ("GH_TOKEN" in env) is reaches, f"{job}: {step['name']}"
        # Approvals are asked of the API; everything else talks git as well.
        by_git = reaches and "approvers" not in step["run"]
        assert ("GIT_CONFIG_COUNT" in env) is by_git, f"{job}: {step['name']}"


@of_all
def secrets_are_named_one_by_one(seen: Workflows) -> None:
    """`secrets: inherit` would hand a called workflow all that a repository has."""
    for name, (_, job) in seen.callers.items():
        handed = job.get("secrets", {})
        assert isinstance(handed, Mapping), f"{name}: {handed}"
        same(handed, {key: f"${{{{ secrets.{key} }}}}" for key in handed})
        assert set(handed) <= set(WEBHOOKS), name


@of_release
def addresses_of_webhooks_reach_the_steps_that_tell_people_and_no_other(seen: Workflows) -> None:
    held = {
        (job, step["name"]): {
            key: text for key, text in step.get("env", {}).items() if "secrets." in str(text)
        }
        for job, step in steps_of(seen.release)
        if "secrets." in str(step)
    }
    given = {name: f"${{{{ secrets.{name} }}}}" for name in WEBHOOKS}
    telling = [("plan", "Tell who decides"), ("deploy", "Carry it out"), ("drift", "Look for drift")]
    same(held, dict.fromkeys(telling, given))
    others = [path for path, text in words_in(seen.release) if "secrets." in text]
    assert all(path[2:4] == ("steps", "env") for path in others), others


@of_all
def nothing_is_cached_and_no_job_runs_without_end(seen: Workflows) -> None:
    for name, workflow in seen.all.items():
        for job in jobs_of(workflow).values():
            assert "uses" in job or 0 < job.get("timeout-minutes", 0) <= 180, name
        assert [path for path, text in words_in(workflow) if "cache:" in text or "/cache" in text] == []
        assert "cache" not in {key for _, step in steps_of(workflow) for key in step.get("with", {})}


@of_all
def jobs_run_on_a_named_version_of_linux(seen: Workflows) -> None:
    for name, workflow in seen.all.items():
        for job in jobs_of(workflow).values():
            assert "uses" in job or job.get("runs-on") == "ubuntu-24.04", name
