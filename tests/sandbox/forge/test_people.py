"""Who may ask the forge for what: people, jobs with their permissions, nobody."""

from pathlib import Path

import pytest

from release.errors import Misconfigured
from release.sandbox.forge import permissions, routes
from release.sandbox.forge.forge import Forge
from release.sandbox.forge.state import ForgeState
from tests.sandbox.forge.conftest import MakeRepo, Repo

NOT_A_JOBS = "Resource not accessible by integration"


def test_a_token_is_the_login_that_it_names(repo: Repo) -> None:
    for token in ("ana", "gho_ana", "ghp_ana", "github_pat_ana"):
        assert repo.open_client(token).get("/user").json()["login"] == "ana"
    assert repo.open_client("ghp_ben-2").get("/user").json()["login"] == "ben-2"


@pytest.mark.parametrize("token", [None, "ghs_made-up", "two words", "-ana", "a" * 40, "gho_"])
def test_who_is_nobody_gets_nothing(repo: Repo, token: str | None) -> None:
    answer = repo.open_client(token).get("/user")
    assert answer.status_code == 401
    assert answer.json()["message"] == ("Bad credentials" if token else "Requires authentication")


def test_a_job_may_do_what_its_permissions_say_and_is_no_person(repo: Repo) -> None:
    forge = repo.sandbox.forge
    reader = repo.as_token(forge.app_token(repo.name, contents="read"))
    writer = repo.as_token(forge.app_token(repo.name, contents="write", deployments="read"))
    body = {"tag_name": "v1.0.0"}

    assert reader.refused("POST", "/releases", json=body) == (403, NOT_A_JOBS)
    assert reader.refused("GET", "/deployments") == (403, NOT_A_JOBS)
    assert writer.ok("POST", "/releases", json=body)["author"]["login"] == "github-actions[bot]"
    assert writer.ok("GET", "/deployments") == []
    deployment = {"ref": "main", "required_contexts": []}
    assert writer.refused("POST", "/deployments", json=deployment) == (403, NOT_A_JOBS)
    assert repo.ok("GET", "/deployments") == []
    assert reader.ok("GET")["default_branch"] == "main"  # metadata is everybody's
    assert "permissions" not in reader.ok("GET")
    assert writer.client.get("/user").json()["message"] == NOT_A_JOBS
    assert writer.refused("PUT", "/immutable-releases") == (403, NOT_A_JOBS)
    assert writer.refused("GET", "/immutable-releases") == (403, NOT_A_JOBS)


def test_comments_need_one_of_two_permissions(repo: Repo) -> None:
    forge = repo.sandbox.forge
    number = forge.add_pull(repo.name, "feat: prices", [repo.head()])
    path = f"/issues/{number}/comments"
    for token in (
        forge.app_token(repo.name, pull_requests="write"),
        forge.app_token(repo.name, issues="write"),
    ):
        repo.as_token(token).ok("POST", path, json={"body": "in qa"})
    for token in (
        forge.app_token(repo.name, pull_requests="read"),
        forge.app_token(repo.name, contents="write"),
    ):
        assert repo.as_token(token).refused("POST", path, json={"body": "x"}) == (403, NOT_A_JOBS)
    assert len(repo.ok("GET", path)) == 2


def test_a_job_of_one_repository_sees_no_other(repo: Repo, make_repo: MakeRepo) -> None:
    token = repo.sandbox.forge.app_token(make_repo().name, contents="write")
    assert repo.as_token(token).refused("GET", "/releases") == (404, "Not Found")


def test_people_have_the_role_that_the_repository_gives_them(repo: Repo) -> None:
    repo.sandbox.forge.change_repository(repo.name, roles={"ben": "write", "cleo": "read"})
    ben, cleo = repo.as_token("ben"), repo.as_token("cleo")

    assert ben.ok("POST", "/releases", json={"tag_name": "v1.0.0"})["author"]["login"] == "ben"
    assert ben.refused("PUT", "/immutable-releases") == (403, "Must have admin rights to Repository.")
    assert cleo.refused("POST", "/releases", json={"tag_name": "v2.0.0"}) == (404, "Not Found")
    assert [one["tag_name"] for one in cleo.ok("GET", "/releases")] == ["v1.0.0"]
    assert ben.ok("GET")["permissions"] == {
        "admin": False,
        "maintain": False,
        "push": True,
        "triage": True,
        "pull": True,
    }


def test_a_permission_that_does_not_exist_is_refused(repo: Repo) -> None:
    for given in ({"content": "write"}, {"contents": "admin"}):
        with pytest.raises(Misconfigured, match="a job cannot have the permission"):
            repo.sandbox.forge.app_token(repo.name, **given)  # type: ignore[arg-type]


def test_requests_are_counted_and_run_out(repo: Repo) -> None:
    client = repo.open_client("gho_counted")
    first, second = client.get("/user"), client.get("/user")
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in (first, second)]
    assert left == [4999, 4998]
    assert client.get("/rate_limit").json()["rate"]["used"] == 2
    repo.sandbox.forge.limit_requests(3)
    try:
        assert client.get("/user").status_code == 200
        over = client.get("/user")
        assert (over.status_code, over.headers["x-ratelimit-remaining"]) == (403, "0")
        assert "API rate limit exceeded" in over.json()["message"]
        assert client.get("/rate_limit").status_code == 200
    finally:
        repo.sandbox.forge.limit_requests(None)


def test_a_request_without_a_name_or_of_another_version_is_refused(repo: Repo) -> None:
    assert repo.client.get("/user", headers={"User-Agent": ""}).status_code == 403
    assert repo.client.get("/user", headers={"X-GitHub-Api-Version": "2022-11-28"}).status_code == 200
    other = repo.client.get("/user", headers={"X-GitHub-Api-Version": "2020-01-01"})
    assert (other.status_code, "2022-11-28" in other.json()["message"]) == (400, True)


def test_every_described_operation_is_carried_out_and_needs_something(tmp_path: Path) -> None:
    forge = Forge(ForgeState("secret"), tmp_path, "http://127.0.0.1:1/_forge")
    assert routes.operations() == forge.operations == set(permissions.NEEDS)
    needed = {need.permission for need in permissions.NEEDS.values()} - {None, "administration", "metadata"}
    assert needed <= permissions.SCOPES
