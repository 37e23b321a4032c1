"""Environments of GitHub: which there are, whom they ask, and which branches may use them."""

from collections.abc import Iterator, Sequence
from typing import Any

from release.core.doctor.findings import Finding, Trouble, no, ok, troubled
from release.core.doctor.github_facts import GitHubFacts, WantedEnvironment, api
from release.core.forge.facts import EnvironmentFacts


def findings_of_environments(facts: GitHubFacts) -> Iterator[Finding]:
    if isinstance(facts.environments, Trouble):
        for check in ("environments", "reviewers", "environment-branches"):
            yield troubled(check, facts.environments)
        return
    found = {one.name.lower(): one for one in facts.environments}
    for wanted in facts.wanted:
        there = found.get(wanted.name.lower())
        if there is None:
            yield _missing(facts, wanted)
            continue
        yield ok("environments", "there", wanted.name)
        yield _reviewers(facts, wanted, there)
        yield _branches(facts, there)


def _missing(facts: GitHubFacts, wanted: WantedEnvironment) -> Finding:
    says = "GitHub would make it when a run names it, open to every branch"
    if wanted.may_have_reviewers:
        says += " and without reviewers"
    return no(
        "environments", says, _make(facts, EnvironmentFacts(wanted.name, (), False, None, False)), wanted.name
    )


def _reviewers(facts: GitHubFacts, wanted: WantedEnvironment, there: EnvironmentFacts) -> Finding:
    if there.reviewers and not wanted.may_have_reviewers:
        return no(
            "reviewers",
            f"every job of it would ask {', '.join(there.reviewers)} again",
            _put(facts, there, reviewers=()),
            wanted.name,
        )
    if wanted.must_have_reviewers and not there.reviewers:
        return no(
            "reviewers",
            "nobody is asked before a release enters",
            _put(facts, there, reviewers=(("Team", "ID"),))
            + f" (ID: gh api orgs/{facts.name.partition('/')[0]}/teams/TEAM --jq .id;"
            ' of a person: type "User", gh api users/LOGIN --jq .id)',
            wanted.name,
        )
    return ok("reviewers", ", ".join(there.reviewers) or "none, as it should be", wanted.name)


def _branches(facts: GitHubFacts, there: EnvironmentFacts) -> Finding:
    if there.branches == (facts.branch,):
        return ok("environment-branches", f"{facts.branch} alone", there.name)
    if there.branches is None:
        says = "every protected branch" if there.only_protected_branches else "any branch"
        return no("environment-branches", f"{says} may use it", _make(facts, there), there.name)
    path = f"repos/{facts.name}/environments/{_quoted(there.name)}/deployment-branch-policies"
    others = [one for one in there.branches if one != facts.branch]
    if not others:
        return no(
            "environment-branches",
            "no branch may use it",
            api("POST", path, {"name": facts.branch}),
            there.name,
        )
    return no(
        "environment-branches",
        f"{', '.join(others)} may use it",
        f"gh api {path} --jq '.branch_policies[] | [.id, .name]' shows the ids; gh api -X DELETE {path}/ID",
        there.name,
    )


def _make(facts: GitHubFacts, there: EnvironmentFacts) -> str:
    """Make it, or change whose branches may use it: all that is said of it has to be said again."""
    path = f"repos/{facts.name}/environments/{_quoted(there.name)}/deployment-branch-policies"
    policy = api("POST", path, {"name": facts.branch})
    return f"{_put(facts, there, reviewers=there.reviewer_ids)} && {policy}"


def _put(facts: GitHubFacts, there: EnvironmentFacts, *, reviewers: Sequence[tuple[str, int | str]]) -> str:
    body: dict[str, Any] = {
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}
    }
    if reviewers:
        body["reviewers"] = [{"type": kind, "id": number} for kind, number in reviewers]
        body["prevent_self_review"] = there.prevents_self_review
    if there.wait_minutes:
        body["wait_timer"] = there.wait_minutes
    return api("PUT", f"repos/{facts.name}/environments/{_quoted(there.name)}", body)


def _quoted(name: str) -> str:
    return name.replace("/", "%2F")
