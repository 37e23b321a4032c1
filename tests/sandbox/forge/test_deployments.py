"""Deployments, their statuses, and the environments that they belong to."""

from typing import Any

import pytest

from tests.sandbox.forge.conftest import Repo

PLAIN: dict[str, Any] = {"auto_merge": False, "required_contexts": []}


def deploy(repo: Repo, environment: str = "qa", **fields: Any) -> int:
    body = {"ref": "main", "environment": environment, **PLAIN, **fields}
    return int(repo.ok("POST", "/deployments", json=body)["id"])


def say(repo: Repo, number: int, state: str, **fields: Any) -> Any:
    return repo.ok("POST", f"/deployments/{number}/statuses", json={"state": state, **fields})


def states(repo: Repo, number: int) -> list[str]:
    return [one["state"] for one in repo.ok("GET", f"/deployments/{number}/statuses")]


def test_a_deployment_is_of_a_commit_and_keeps_its_payload(repo: Repo) -> None:
    first = repo.head("main~1")
    number = deploy(repo, "prod", ref=first, payload={"promotion": "p1"}, description="us-east-1")
    found = repo.ok("GET", f"/deployments/{number}")

    assert (found["sha"], found["ref"], found["payload"]) == (first, first, {"promotion": "p1"})
    assert (found["environment"], found["description"], found["task"]) == ("prod", "us-east-1", "deploy")
    assert (found["production_environment"], found["transient_environment"]) == (False, False)
    assert found["creator"]["login"] == "ana"
    assert [one["name"] for one in repo.ok("GET", "/environments")["environments"]] == ["prod"]
    assert repo.ok("GET", f"/deployments/{deploy(repo, 'production')}")["production_environment"] is True


def test_deployments_are_listed_by_what_they_are_of(repo: Repo) -> None:
    qa, prod = deploy(repo, "qa"), deploy(repo, "prod", ref=repo.head("main~1"))

    assert [one["id"] for one in repo.ok("GET", "/deployments")] == [prod, qa]
    for query, expected in (
        ({"environment": "qa"}, [qa]),
        ({"sha": repo.head()}, [qa]),
        ({"ref": "main"}, [qa]),
        ({"task": "other"}, []),
    ):
        assert [one["id"] for one in repo.ok("GET", "/deployments", params=query)] == expected


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"ref": "nothing"}, 422, "No ref found for: nothing"),
        ({"ref": "HEAD~1"}, 422, "No ref found for: HEAD~1"),
        ({"ref": "main", "required_contexts": ["ci"]}, 409, "Commit status checks failed"),
        ({"environment": "qa"}, 422, "'ref' is a required property"),
        ({"ref": "main", "enviroment": "qa"}, 422, "'enviroment' was unexpected"),
        ({"ref": "main", "payload": [1]}, 422, "payload"),
    ],
)
def test_what_cannot_be_deployed_is_refused(
    repo: Repo, fields: dict[str, Any], status: int, words: str
) -> None:
    found, said = repo.refused("POST", "/deployments", json=fields)
    assert (found, words in said) == (status, True), said
    assert repo.ok("GET", "/deployments") == []


def test_an_older_commit_is_deployed_only_without_auto_merge(repo: Repo) -> None:
    older = repo.head("main~1")
    refusal = repo.refused("POST", "/deployments", json={"ref": older, "required_contexts": []})
    assert refusal == (409, f"Conflict merging main into {older}.")
    assert repo.ok("POST", "/deployments", json={"ref": "main"})  # not behind, and there are no contexts
    deploy(repo, ref=older)


def test_a_status_says_what_became_of_it(repo: Repo) -> None:
    number = deploy(repo)
    say(repo, number, "in_progress", log_url="https://acme.example/runs/1", description="x" * 140)
    last = say(repo, number, "success", environment_url="https://acme.example")

    assert (last["target_url"], last["description"], last["environment"]) == ("", "", "qa")
    newest, oldest = repo.ok("GET", f"/deployments/{number}/statuses")
    assert (newest["id"], newest["environment_url"]) == (last["id"], "https://acme.example")
    assert oldest["target_url"] == oldest["log_url"] == "https://acme.example/runs/1"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "done"}, "'done' is not one of"),
        (
            {"state": "success", "description": "x" * 141},
            "description is too long (maximum is 140 characters)",
        ),
        ({"state": "success", "log": "https://x"}, "'log' was unexpected"),
        ({}, "'state' is a required property"),
    ],
)
def test_a_status_that_says_nothing_is_refused(repo: Repo, fields: dict[str, Any], words: str) -> None:
    number = deploy(repo)
    status, said = repo.refused("POST", f"/deployments/{number}/statuses", json=fields)
    assert (status, words in said) == (422, True), said
    assert states(repo, number) == []


def test_a_success_ends_the_ones_before_it_in_the_same_environment(repo: Repo) -> None:
    failed, served, other, new = deploy(repo), deploy(repo), deploy(repo, "uat"), deploy(repo)
    production = deploy(repo, production_environment=True)
    later = deploy(repo)
    for number in (served, other, production, later):
        say(repo, number, "success", auto_inactive=False)
    say(repo, failed, "failure")
    say(repo, new, "failure")
    assert states(repo, served) == ["success"]  # only a success ends others
    say(repo, new, "success", auto_inactive=False)
    assert states(repo, served) == ["success"]
    say(repo, new, "success")

    assert states(repo, served) == ["inactive", "success"]
    assert states(repo, failed) == ["failure"]
    assert states(repo, other) == ["success"]
    assert states(repo, later) == ["success"]  # came after it
    say(repo, later, "success")
    assert states(repo, production) == ["success"]  # those of production stay as they are
    assert states(repo, new)[0] == "inactive"


def test_an_active_deployment_is_not_deleted(repo: Repo) -> None:
    one, other = deploy(repo), deploy(repo, "uat")
    say(repo, one, "success")
    assert repo.refused("DELETE", f"/deployments/{one}")[0] == 422
    say(repo, one, "inactive")
    repo.ok("DELETE", f"/deployments/{one}")
    say(repo, other, "success")
    repo.ok("DELETE", f"/deployments/{other}")  # the only one


def test_an_environment_has_rules_that_protect_it(repo: Repo) -> None:
    ben = repo.sandbox.forge.person("ben")
    body = {
        "wait_timer": 5,
        "prevent_self_review": True,
        "reviewers": [{"type": "User", "id": ben}],
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
    }
    made = repo.ok("PUT", "/environments/Prod%2Fapproval", json=body)
    rules = {rule["type"]: rule for rule in made["protection_rules"]}

    assert set(rules) == {"wait_timer", "required_reviewers", "branch_policy"}
    assert rules["wait_timer"]["wait_timer"] == 5
    assert rules["required_reviewers"]["prevent_self_review"] is True
    assert [one["reviewer"]["login"] for one in rules["required_reviewers"]["reviewers"]] == ["ben"]
    policies = "/environments/prod%2Fapproval/deployment-branch-policies"  # whatever the case
    policy = repo.ok("POST", policies, json={"name": "main"})
    assert repo.ask("POST", policies, json={"name": "main"}).status_code == 303
    assert repo.ok("GET", policies) == {"total_count": 1, "branch_policies": [policy]}
    assert repo.ok("GET", "/environments/Prod%2Fapproval")["id"] == made["id"]

    bare = repo.ok("PUT", "/environments/Prod%2Fapproval")
    assert (bare["protection_rules"], bare["deployment_branch_policy"]) == ([], None)
    assert repo.refused("POST", policies, json={"name": "main"})[0] == 404
    repo.ok("DELETE", "/environments/Prod%2Fapproval")
    assert repo.refused("GET", "/environments/Prod%2Fapproval")[0] == 404


def test_an_environment_that_cannot_be_is_refused(repo: Repo) -> None:
    both = {"protected_branches": True, "custom_branch_policies": True}
    reviewers = [{"type": "User", "id": repo.sandbox.forge.person(f"p{n}")} for n in range(7)]
    for body in (
        {"deployment_branch_policy": both},
        {"reviewers": reviewers},
        {"reviewers": [{"type": "User", "id": 1}]},
        {"wait_timers": 3},
    ):
        assert repo.refused("PUT", "/environments/prod", json=body)[0] == 422
    assert repo.refused("PUT", f"/environments/{'x' * 256}")[0] == 422
    assert repo.ok("GET", "/environments")["total_count"] == 0
