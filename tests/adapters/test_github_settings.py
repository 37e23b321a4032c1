"""Settings that the sandbox's forge does not have, as GitHub's documentation shows their answers."""

from typing import Any

import httpx
import pytest

from release.adapters.clock import SystemClock
from release.adapters.github import GitHubForge
from release.adapters.github.credentials import Home
from release.core.forge.facts import BranchProtection
from release.errors import Misconfigured
from release.ports.forge import ForgeSettings

HOME = Home("https://api.github.com", "https://github.com", "acme/fleet")


def settings(answers: dict[str, Any]) -> ForgeSettings:
    """Path below the repository -> its JSON, or a status."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "GET"
        found = answers.get(request.url.path.removeprefix("/repos/acme/fleet").lstrip("/"), 404)
        if isinstance(found, int):
            return httpx.Response(found, json={"message": "no"})
        return httpx.Response(200, json=found)

    return GitHubForge(HOME, None, SystemClock(), transport=httpx.MockTransport(answer)).settings


def test_the_older_protection_of_a_branch_is_read() -> None:
    # https://docs.github.com/en/rest/branches/branch-protection#get-branch-protection
    whole = {
        "required_pull_request_reviews": {"require_code_owner_reviews": True},
        "allow_force_pushes": {"enabled": True},
        "allow_deletions": {"enabled": False},
    }

    assert settings({"branches/main/protection": whole}).protection("main") == BranchProtection(
        True, True, True, False
    )
    assert settings({"branches/main/protection": {}}).protection("main") == BranchProtection(
        False, False, False, False
    )
    assert settings({}).protection("main") is None


def test_names_of_secrets_are_those_of_the_repository_and_of_its_organisation() -> None:
    # https://docs.github.com/en/rest/actions/secrets#list-repository-secrets
    def listed(*names: str) -> dict[str, Any]:
        return {"total_count": len(names), "secrets": [{"name": name} for name in names]}

    both = {"actions/secrets": listed("A", "B"), "actions/organization-secrets": listed("C")}

    assert settings(both).secrets() == {"A", "B", "C"}


@pytest.mark.parametrize("asked", ["immutable_releases", "token_defaults"])
def test_what_is_forbidden_is_told_and_not_taken_for_off(asked: str) -> None:
    paths = {"immutable-releases": 403, "actions/permissions/workflow": 403}

    with pytest.raises(Misconfigured) as caught:
        getattr(settings(paths), asked)()

    assert "`administration: read`" in caught.value.fix
    assert getattr(settings({}), asked)() is None


def test_subjects_are_the_default_ones_or_made_of_claims() -> None:
    # https://docs.github.com/en/rest/actions/oidc
    path = "actions/oidc/customization/sub"
    custom = {"use_default": False, "include_claim_keys": ["repo", "actor"]}

    assert settings({path: {"use_default": True}}).subject_claims() is None
    assert settings({path: custom}).subject_claims() == ["repo", "actor"]
