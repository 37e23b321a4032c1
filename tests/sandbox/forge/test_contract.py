"""Requests and answers are held to GitHub's description, which is GitHub's own."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from release.sandbox.forge import routes, trim
from release.sandbox.forge.contract import Contract
from release.sandbox.forge.forge import Forge, Request
from release.sandbox.forge.overlay import LONGEST, lay_over
from release.sandbox.forge.state import ForgeState, Repository, Ruleset
from release.sandbox.forge.wire import Answer, Refused
from tests.sandbox.forge.conftest import Repo


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract()


def problem(contract: Contract, method: str, path: str, answer: Answer) -> str | None:
    operation = routes.operation(method, path)
    assert operation is not None
    return contract.broken(operation, {}, {}, b'{"tag_name": "v1"}', answer)


def test_an_answer_of_ours_that_breaks_the_description_is_found(contract: Contract) -> None:
    releases = "/repos/a/b/releases"
    assert "'id' is a required property" in str(
        problem(contract, "POST", releases, Answer(201, {"url": "x"}))
    )
    assert problem(contract, "GET", f"{releases}/1", Answer(204)) is not None  # no such answer
    assert problem(contract, "GET", f"{releases}/1", Answer(404, {"message": 1})) is not None
    assert problem(contract, "GET", releases, Answer(200, {"not": "a list"})) is not None
    assert problem(contract, "GET", releases, Answer(200, [])) is None
    assert problem(contract, "GET", f"{releases}/1", Answer(404, {"message": "Not Found"})) is None


def test_a_key_that_github_does_not_give_is_found(contract: Contract) -> None:
    ruleset = {"id": 1, "name": "tags", "source": "a/b", "enforcement": "active"}
    path = "/repos/a/b/rulesets/1"
    assert problem(contract, "GET", path, Answer(200, ruleset)) is None
    assert "'colour' was unexpected" in str(
        problem(contract, "GET", path, Answer(200, ruleset | {"colour": 1}))
    )
    comment = json.dumps({"body": "x", "boddy": "y"}).encode()
    operation = routes.operation("POST", "/repos/a/b/issues/1/comments")
    assert operation is not None
    with pytest.raises(Refused, match="Invalid request"):
        contract.require_request(operation, {}, {}, comment)


def test_a_broken_answer_of_ours_is_a_500_that_says_so_and_is_noted(repo: Repo, tmp_path: Path) -> None:
    state = ForgeState("secret")
    broken = Ruleset(1, "tags", "tag", "sometimes", [], None, [], "2026-01-01T00:00:00Z")
    state.repositories["a/b"] = Repository(
        2, 3, "a/b", str(repo.remote), "2026-01-01T00:00:00Z", rulesets=[broken]
    )
    forge = Forge(state, tmp_path, "http://127.0.0.1:1/_forge")
    headers = {"authorization": "Bearer ana", "user-agent": "tests"}
    answer = forge.answer(Request("GET", "/repos/a/b/rulesets/1", "", headers, b""))

    assert answer.status == 500
    assert "broke GitHub's description of repos/get-repo-ruleset: enforcement" in answer.document["message"]
    (noted,) = forge.door("violations", {})
    assert (noted["kind"], noted["repository"]) == ("answer", "a/b")


@pytest.mark.parametrize(("template", "method", "name", "most"), LONGEST)
def test_the_longest_that_github_takes_is_taken_and_no_more(
    contract: Contract, template: str, method: str, name: str, most: int
) -> None:
    numbers = ("deployment_id", "release_id", "issue_number", "comment_id")
    operation = routes.operation(method, template.format(owner="a", repo="b", **dict.fromkeys(numbers, "1")))
    assert operation is not None
    others = {"state": "success"} if "statuses" in template else {}
    others |= {"tag_name": "v1"} if "releases" in template else {}
    for length, fits in ((most, True), (most + 1, False)):
        body = json.dumps({**others, name: "x" * length}).encode()
        if fits:
            contract.require_request(operation, {}, {}, body)
        else:
            with pytest.raises(Refused) as raised:
                contract.require_request(operation, {}, {}, body)
            assert f"(maximum is {most} characters)" in raised.value.errors[0]["message"]


def test_what_the_forge_does_not_know_is_no_operation_and_is_noted(repo: Repo) -> None:
    missing = f"/repos/{repo.name}/relases"
    assert "has no GET" in repo.client.get(missing).json()["message"]
    assert repo.ask("PUT", "/releases").status_code == 404
    assert repo.refused("GET", "/releases", params={"per-page": 5})[0] == 422
    assert repo.refused("GET", "/releases/latest-one")[0] == 404
    assert repo.ask("POST", "/releases", content=b"{nope").status_code == 400
    noted = {one["request"]: one["problem"] for one in repo.sandbox.forge.violations()}
    assert f"GET {missing}" in noted
    mine = [one["kind"] for one in repo.sandbox.forge.violations(repo.name)]
    assert mine == ["request"] * 3


def test_a_parameter_may_hold_slashes_only_where_it_is_the_last() -> None:
    for path, tag in (("payments/v1", "payments/v1"), ("payments%2Fv1", "payments/v1"), ("v1", "v1")):
        found = routes.operation("GET", f"/repos/a/b/releases/tags/{path}")
        assert found is not None and found.parameters["tag"] == tag
        assert "/" not in found.path.rpartition("tags/")[2]
    latest = routes.operation("GET", "/repos/a/b/releases/latest")
    assert latest is not None and latest.id == "repos/get-latest-release"
    assert routes.operation("GET", "/repos/a/b/c/releases") is None


def test_the_description_is_a_valid_one_and_small() -> None:
    validate(_with_prose(lay_over(copy.deepcopy(routes.description()))))
    assert trim.DESCRIPTION.stat().st_size < 300_000
    assert set(routes.description()["paths"]) == set(trim.OPERATIONS)
    assert "octokit/openapi 23.0.2" in routes.description()["info"]["x-source"]


def _with_prose(description: dict[str, Any]) -> dict[str, Any]:
    """The description with the one piece of prose that OpenAPI asks for."""
    operations = [one for methods in description["paths"].values() for one in methods.values()]
    answers = [one["responses"] for one in operations if "responses" in one]
    for responses in (*answers, description["components"]["responses"]):
        for response in responses.values():
            if "$ref" not in response:
                response["description"] = "said elsewhere"
    return description
