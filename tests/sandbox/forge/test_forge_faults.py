"""The forge fails on demand, by the rules by which AWS does; its calls are in the same log; it is kept."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from release.errors import Misconfigured
from release.sandbox.session import Sandbox
from tests.sandbox.forge.conftest import Repo, client_of, git

pytestmark = pytest.mark.usefixtures("no_faults_left")


@pytest.mark.parametrize(
    ("rule", "status", "words", "headers"),
    [
        ({"status": 500}, 500, "injected by the sandbox", {}),
        ({"status": 502}, 502, "injected by the sandbox", {}),
        ({"status": 503, "message": "no server"}, 503, "no server", {}),
        ({"status": 429, "retry_after": 2}, 429, "secondary rate limit", {"retry-after": "2"}),
        ({"status": 403, "retry_after": 2}, 403, "secondary rate limit", {"retry-after": "2"}),
        ({"code": "SecondaryRateLimit"}, 403, "secondary rate limit", {}),
        ({"code": "RateLimit"}, 403, "API rate limit exceeded", {"x-ratelimit-remaining": "0"}),
        ({"status": 403}, 403, "Resource not accessible by integration", {}),
        ({"status": 401}, 401, "Bad credentials", {}),
    ],
)
def test_an_error_looks_like_githubs(
    repo: Repo, rule: dict[str, Any], status: int, words: str, headers: dict[str, str]
) -> None:
    repo.sandbox.faults([{"service": "github", "operation": "repos/create-release", "times": 1, **rule}])
    answer = repo.ask("POST", "/releases", json={"tag_name": "v1.0.0"})

    assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert ("retry-after" in answer.headers) == ("retry-after" in headers)
    assert repo.ok("GET", "/releases") == []
    repo.release("v1.0.0")  # once is over


def test_the_reset_of_a_spent_limit_is_told(repo: Repo) -> None:
    repo.sandbox.faults([{"service": "github", "code": "RateLimit", "retry_after": 30}])
    reset = int(repo.ask("GET").headers["x-ratelimit-reset"])
    assert 25 < reset - time.time() < 35


def test_an_answer_is_lost_after_its_effect(repo: Repo) -> None:
    rule = {"operation": "repos/create-release", "when": "after", "close": True, "times": 1, "skip": 1}
    repo.sandbox.faults([rule])
    repo.release("v1.0.0", draft=True)
    with pytest.raises(httpx.HTTPError):
        repo.release("v1.0.0", draft=True)

    assert len(repo.ok("GET", "/releases")) == 2
    (fired,) = repo.sandbox.fired()
    assert (fired["operation"], fired["resources"]) == ("repos/create-release", [repo.name, "v1.0.0"])


def test_a_call_is_met_by_what_it_is_about(repo: Repo) -> None:
    repo.sandbox.faults(
        [{"operation": "repos/upload-release-asset", "resource": "audit.json", "status": 502}]
    )
    release = repo.release(draft=True)
    assert repo.upload(release, "other.json").status_code == 201
    assert repo.upload(release, "audit.json").status_code == 502
    repo.sandbox.faults([{"service": "github", "resource": repo.name, "latency_ms": 150}])
    began = time.monotonic()
    repo.ok("GET")
    assert time.monotonic() - began >= 0.15


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"service": "github", "operation": "repos/create-relese"}, "no operation 'repos/create-relese'"),
        ({"service": "github", "region": "us-east-1"}, "has no region"),
        ({"service": "githob"}, "no AWS service"),
    ],
)
def test_a_rule_that_could_never_act_is_refused(repo: Repo, rule: dict[str, Any], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        repo.sandbox.add_fault({**rule, "status": 500})


def test_calls_of_the_forge_are_in_the_log_without_what_is_secret(repo: Repo) -> None:
    repo.sandbox.forget_calls()
    repo.release("v1.0.0")
    (call,) = [one for one in repo.sandbox.calls() if one["service"] == "github"]

    assert (call["operation"], call["status"]) == ("repos/create-release", 201)
    assert call["resources"] == [repo.name, "v1.0.0"]
    assert "ana" not in json.dumps(call)


def test_a_bucket_of_s3_is_no_part_of_the_forge(sandbox: Sandbox, client: Callable[..., Any]) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="forge")
    s3.put_object(Bucket="forge", Key="api/v3/user", Body=b"mine")
    assert s3.get_object(Bucket="forge", Key="api/v3/user")["Body"].read() == b"mine"


def test_the_environment_of_a_child_leads_to_the_forge_and_not_to_github(sandbox: Sandbox) -> None:
    real = {
        "GH_TOKEN": "ghp_real",
        "GITHUB_TOKEN": "ghs_real",
        "GITHUB_API_URL": "https://api.github.com",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://real",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "real",
    }
    given = sandbox.environment(base={"PATH": "/bin", **real})

    assert not [name for name, value in given.items() if "real" in value]
    assert given["GITHUB_API_URL"] == f"{sandbox.endpoint}/_forge/api/v3"
    assert given["GITHUB_SERVER_URL"] == f"{sandbox.endpoint}/_forge"
    assert sandbox.forge.environment("acme/x", login="ana")["GH_TOKEN"] == "gho_ana"


def test_the_forge_is_as_it_was_when_a_state_is_kept(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    git(tree, "init", "--quiet", "--initial-branch=main")
    git(tree, "commit", "--quiet", "--allow-empty", "-m", "first")

    def kept() -> Sandbox:
        return Sandbox.start(root=tmp_path / "root", save_state=True)

    def repo_of(sandbox: Sandbox, client: httpx.Client) -> Repo:
        remote = next((tmp_path / "root" / "remotes").glob("*.git"))
        return Repo(sandbox, "acme/fleet", remote, tree, client, lambda token: client_of(sandbox, token))

    with kept() as sandbox, client_of(sandbox, "ana") as client:
        sandbox.forge.add_repository("acme/fleet", sandbox.remote(tree))
        repo = repo_of(sandbox, client)
        repo.ok("PUT", "/immutable-releases")
        repo.ok("PUT", "/environments/prod", json={"wait_timer": 5})
        repo.ok(
            "POST", "/rulesets", json={"name": "r", "enforcement": "active", "rules": [{"type": "deletion"}]}
        )
        draft = repo.release(draft=True)
        digest = repo.upload(draft, "audit.json", b"audited").json()["digest"]
        repo.ok("PATCH", f"/releases/{draft['id']}", json={"draft": False})
        deployment = {"ref": "main", "required_contexts": [], "payload": {"p": 1}}
        number = repo.ok("POST", "/deployments", json=deployment)["id"]
        repo.ok("POST", f"/deployments/{number}/statuses", json={"state": "success"})
        sandbox.forge.add_pull("acme/fleet", "feat", [repo.head()])
        sandbox.forge.add_run("acme/fleet", "ci.yml", waiting_for=["prod"])
        token = sandbox.forge.app_token("acme/fleet", contents="read")
        before = sandbox.forge.state("acme/fleet")
    assert "burned_tags" in before

    with kept() as sandbox, client_of(sandbox, token) as client:
        assert sandbox.forge.state("acme/fleet") == before
        repo = repo_of(sandbox, client)
        release = repo.ok("GET", "/releases/latest")
        (asset,) = release["assets"]
        assert (asset["digest"], release["immutable"]) == (digest, True)
        led = client.get(asset["url"], headers={"Accept": "application/octet-stream"})
        assert client.get(led.headers["location"]).content == b"audited"
        sandbox.forge.add_repository("acme/fleet", repo.remote)  # as a start does
        assert sandbox.forge.state("acme/fleet") == before

    (tmp_path / "root" / "state" / "forge.json").write_text('{"secret": "x", "colour": "red"}')
    for _ in range(2):
        with pytest.raises(Misconfigured, match=r"is damaged: forge\.json: ForgeState has no colour"):
            kept()
