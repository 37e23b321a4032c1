"""A repository of the forge: settings, rules, refs, owners of code, pull requests and their comments."""

from pathlib import Path
from typing import Any

import pytest

from release.errors import Misconfigured
from release.sandbox.session import Sandbox
from tests.sandbox.forge.conftest import Repo, git

RULESET: dict[str, Any] = {
    "name": "release tags",
    "target": "tag",
    "enforcement": "active",
    "bypass_actors": [{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}],
    "conditions": {"ref_name": {"include": ["refs/tags/v*"], "exclude": []}},
    "rules": [{"type": "deletion"}, {"type": "update"}],
}


def test_a_repository_is_what_its_remote_is(repo: Repo) -> None:
    found = repo.ok("GET")
    assert (found["full_name"], found["default_branch"], found["private"]) == (repo.name, "main", True)
    assert found["pushed_at"] == "2026-01-02T03:04:05Z"
    assert found["permissions"]["admin"] is True
    git(repo.remote, "symbolic-ref", "HEAD", "refs/heads/trunk")
    assert repo.ok("GET")["default_branch"] == "trunk"  # also one without commits
    assert repo.client.get("/repos/acme/nothing").status_code == 404
    assert repo.client.get(f"/repos/{repo.name.upper()}").status_code == 200


def test_settings_are_what_was_set_last(repo: Repo) -> None:
    assert repo.refused("GET", "/immutable-releases") == (404, "Not Found")
    repo.ok("PUT", "/immutable-releases")
    assert repo.ok("GET", "/immutable-releases") == {"enabled": True, "enforced_by_owner": False}
    workflow = "/actions/permissions/workflow"
    assert repo.ok("GET", workflow)["default_workflow_permissions"] == "read"
    repo.ok("PUT", workflow, json={"default_workflow_permissions": "write"})
    assert repo.ok("GET", workflow)["default_workflow_permissions"] == "write"
    assert repo.refused("PUT", workflow, json={"default_workflow_permissions": "admin"})[0] == 422
    assert repo.ok("GET", "/actions/permissions")["enabled"] is True
    subject = "/actions/oidc/customization/sub"
    assert repo.ok("GET", subject) == {"use_default": True}
    assert repo.refused("PUT", subject, json={"use_default": False})[0] == 422
    repo.ok("PUT", subject, json={"use_default": False, "include_claim_keys": ["repo", "context"]})
    assert repo.ok("GET", subject) == {"use_default": False, "include_claim_keys": ["repo", "context"]}


def test_a_ruleset_is_listed_without_its_rules_and_read_with_them(repo: Repo) -> None:
    made = repo.ok("POST", "/rulesets", json=RULESET)
    whole = repo.ok("GET", f"/rulesets/{made['id']}")

    assert whole == made
    assert {key: whole[key] for key in RULESET} == RULESET
    (listed,) = repo.ok("GET", "/rulesets")
    assert "rules" not in listed and listed["enforcement"] == "active"
    assert repo.ok("GET", "/rulesets", params={"targets": "branch,push"}) == []
    assert repo.refused("POST", "/rulesets", json=RULESET)[0] == 422  # the name is taken
    assert (
        repo.refused("POST", "/rulesets", json=RULESET | {"name": "x", "rules": [{"type": "nothing"}]})[0]
        == 422
    )
    reader = repo.as_token(repo.sandbox.forge.app_token(repo.name, contents="read"))
    assert "bypass_actors" not in reader.ok("GET", f"/rulesets/{made['id']}")
    repo.ok("DELETE", f"/rulesets/{made['id']}")
    assert repo.refused("GET", f"/rulesets/{made['id']}") == (404, "Not Found")


def test_refs_are_those_of_the_remote(repo: Repo) -> None:
    git(repo.remote, "tag", "v1.0.0")
    git(repo.remote, "tag", "-a", "-m", "x", "v1.0.0-rc.1")
    head = repo.ok("GET", "/git/ref/heads/main")["object"]
    assert (head["sha"], head["type"]) == (repo.head(), "commit")
    matching = repo.ok("GET", "/git/matching-refs/tags/v1.0")
    assert [(one["ref"], one["object"]["type"]) for one in matching] == [
        ("refs/tags/v1.0.0", "commit"),
        ("refs/tags/v1.0.0-rc.1", "tag"),
    ]
    assert repo.refused("GET", "/git/ref/tags/v1") == (404, "Not Found")


def test_owners_that_cannot_be_are_errors_of_codeowners(repo: Repo) -> None:
    assert repo.refused("GET", "/codeowners/errors") == (404, "Not Found")
    text = "# owners\n/pipelines/ @acme/release-owners ana@acme.example\n*.py acme\n/docs/ @ana # @\n"
    (repo.tree / "CODEOWNERS").write_text(text)
    git(repo.tree, "add", "CODEOWNERS")
    git(repo.tree, "commit", "--quiet", "-m", "owners")
    git(repo.tree, "push", "--quiet", str(repo.remote), "HEAD:main")

    (error,) = repo.ok("GET", "/codeowners/errors")["errors"]
    assert (error["line"], error["column"], error["kind"]) == (3, 6, "Invalid owner")
    assert repo.refused("GET", "/codeowners/errors", params={"ref": "main~1"})[0] == 404


def test_a_commit_knows_the_pull_requests_that_it_came_from(repo: Repo) -> None:
    first, second = git(repo.remote, "rev-parse", "main~1"), repo.head()
    forge = repo.sandbox.forge
    merged = forge.add_pull(repo.name, "feat: prices", [first], user="ben", merged_as=second, number=12)
    assert forge.add_pull(repo.name, "fix: more", [second]) == 13

    assert merged == 12
    assert [one["number"] for one in repo.ok("GET", f"/commits/{first}/pulls")] == [12]
    assert [one["number"] for one in repo.ok("GET", f"/commits/{second}/pulls")] == [12, 13]
    assert repo.ok("GET", f"/commits/{'0' * 40}/pulls") == []
    pull = repo.ok("GET", "/pulls/12")
    assert (pull["title"], pull["user"]["login"], pull["merged"]) == ("feat: prices", "ben", True)
    assert (pull["merge_commit_sha"], pull["state"]) == (second, "closed")
    assert repo.ok("GET", "/pulls/13")["state"] == "open"
    assert repo.refused("GET", "/pulls/14") == (404, "Not Found")
    with pytest.raises(Misconfigured, match="12 cannot be"):
        forge.add_pull(repo.name, "again", [first], number=12)


def test_comments_are_said_changed_and_listed(repo: Repo) -> None:
    number = repo.sandbox.forge.add_pull(repo.name, "feat: prices", [repo.head()])
    path = f"/issues/{number}/comments"
    comments = [repo.ok("POST", path, json={"body": f"comment {n}"})["id"] for n in range(31)]

    first = repo.ask("GET", path)
    assert [one["id"] for one in first.json()] == comments[:30]
    assert [one["id"] for one in repo.client.get(first.links["next"]["url"]).json()] == comments[30:]
    changed = repo.ok("PATCH", f"/issues/comments/{comments[0]}", json={"body": "x" * 65_536})
    assert repo.ok("GET", f"/issues/comments/{comments[0]}") == changed
    status, said = repo.refused("PATCH", f"/issues/comments/{comments[0]}", json={"body": "x" * 65_537})
    assert (status, "maximum is 65536 characters" in said) == (422, True)
    assert repo.refused("POST", path, json={"body": " \n"})[0] == 422
    assert repo.refused("POST", "/issues/999/comments", json={"body": "x"}) == (404, "Not Found")
    repo.sandbox.forge.change_repository(repo.name, roles={"cleo": "read"})
    cleo = repo.as_token("cleo")
    mine = cleo.ok("POST", path, json={"body": "a question"})
    assert cleo.ok("PATCH", f"/issues/comments/{mine['id']}", json={"body": "mine"})["body"] == "mine"
    assert cleo.refused("PATCH", f"/issues/comments/{comments[1]}", json={"body": "x"})[0] == 403
    assert cleo.refused("DELETE", f"/issues/comments/{comments[1]}")[0] == 403
    repo.ok("DELETE", f"/issues/comments/{mine['id']}")
    assert repo.refused("GET", f"/issues/comments/{mine['id']}") == (404, "Not Found")


def test_what_is_set_up_wrongly_is_refused(sandbox: Sandbox, repo: Repo, tmp_path: Path) -> None:
    forge = sandbox.forge
    for words, call in (
        ("is no repository", lambda: forge.add_repository("fleet", repo.remote)),
        ("is no bare git repository", lambda: forge.add_repository("acme/fleet", tmp_path)),
        ("no repository acme/nothing", lambda: forge.add_pull("acme/nothing", "x", ["1"])),
        ("no run 1", lambda: forge.change_run(repo.name, 1, status="completed")),
        (
            "'number' is not to be changed",
            lambda: forge.change_run(repo.name, forge.add_run(repo.name, "ci.yml"), number=3),
        ),
        ("no role 'owner'", lambda: forge.change_repository(repo.name, roles={"ana": "owner"})),  # type: ignore[dict-item]
        ("unexpected keyword argument", lambda: forge.add_pull(repo.name, "x", ["1"], colour="red")),
    ):
        with pytest.raises(Misconfigured) as raised:
            call()
        assert words in raised.value.cause
        assert raised.value.fix
