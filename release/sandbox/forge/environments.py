"""Environments with the rules that protect them: https://docs.github.com/rest/deployments/environments"""

from typing import Any
from urllib.parse import quote

from release.sandbox.forge import shapes
from release.sandbox.forge.state import BranchPolicy, Environment, ForgeState, Repository, now
from release.sandbox.forge.wire import Answer, Asked, Place, Refused, not_found, paged

_MOST_REVIEWERS = 6


class Environments:
    def __init__(self, state: ForgeState) -> None:
        self._state = state

    def listed(self, asked: Asked) -> Answer:
        everything = asked.repository.environments
        page, links = paged(asked.question, everything)
        shown = [self._shown(asked, one) for one in page]
        return Answer(200, {"total_count": len(everything), "environments": shown}, headers=links)

    def get(self, asked: Asked) -> Answer:
        return Answer(200, self._shown(asked, _found(asked)))

    def put(self, asked: Asked) -> Answer:
        """Made, or changed: what is not said is as if it had never been."""
        body, name = asked.body or {}, asked.name("environment_name")
        policy = body.get("deployment_branch_policy")
        if policy and policy["protected_branches"] == policy["custom_branch_policies"]:
            raise Refused(422, "protected_branches and custom_branch_policies cannot have the same value")
        reviewers = [self._login(one) for one in body.get("reviewers") or []]
        if len(reviewers) > _MOST_REVIEWERS:
            raise Refused(422, f"An environment has at most {_MOST_REVIEWERS} reviewers")
        environment = find(asked.repository, name)
        if environment is None:
            environment = Environment(self._state.new_id(), name, now(), now())
            asked.repository.environments.append(environment)
        environment.wait_timer = body.get("wait_timer", 0)
        environment.reviewers = reviewers
        environment.prevent_self_review = body.get("prevent_self_review", False)
        environment.branch_policy = (
            None if policy is None else "protected" if policy["protected_branches"] else "custom"
        )
        if environment.branch_policy != "custom":
            environment.policies = []
        environment.updated_at = now()
        return Answer(200, self._shown(asked, environment))

    def delete(self, asked: Asked) -> Answer:
        asked.repository.environments.remove(_found(asked))
        return Answer(204)

    def policies(self, asked: Asked) -> Answer:
        everything = _found(asked).policies
        page, links = paged(asked.question, everything)
        shown = [_policy_shown(one) for one in page]
        return Answer(200, {"total_count": len(everything), "branch_policies": shown}, headers=links)

    def create_policy(self, asked: Asked) -> Answer:
        environment, name = _found(asked), asked.body["name"]
        kind = asked.body.get("type", "branch")
        if environment.branch_policy != "custom":
            raise not_found()  # as GitHub: "… or custom_branch_policies … is set to false"
        for policy in environment.policies:
            if (policy.name, policy.type) == (name, kind):
                return Answer(303, _policy_shown(policy))
        policy = BranchPolicy(self._state.new_id(), name, kind)
        environment.policies.append(policy)
        return Answer(200, _policy_shown(policy))

    def _login(self, reviewer: dict[str, Any]) -> str:
        by_id = {number: login for login, number in self._state.people.items()}
        if reviewer.get("type", "User") != "User" or reviewer.get("id") not in by_id:
            raise Refused(422, "Invalid reviewer: the forge of the sandbox knows people, by their ids")
        return by_id[reviewer["id"]]

    def _shown(self, asked: Asked, environment: Environment) -> dict[str, Any]:
        policy = environment.branch_policy
        return {
            **brief(asked.question.place, asked.repository, environment),
            "protection_rules": self._rules(asked, environment),
            "deployment_branch_policy": None
            if policy is None
            else {"protected_branches": policy == "protected", "custom_branch_policies": policy == "custom"},
        }

    def _rules(self, asked: Asked, environment: Environment) -> list[dict[str, Any]]:
        def rule(offset: int, kind: str, **more: Any) -> dict[str, Any]:
            # Rules have ids of their own; these are made of the environment's.
            number = environment.id * 10 + offset
            return {"id": number, "node_id": shapes.node_id("Gate", number), "type": kind, **more}

        rules = []
        if environment.wait_timer:
            rules.append(rule(1, "wait_timer", wait_timer=environment.wait_timer))
        if environment.reviewers:
            rules.append(
                rule(
                    2,
                    "required_reviewers",
                    prevent_self_review=environment.prevent_self_review,
                    reviewers=reviewers(self._state, asked, environment),
                )
            )
        if environment.branch_policy:
            rules.append(rule(3, "branch_policy"))
        return rules


def find(repository: Repository, name: str) -> Environment | None:
    """Names of environments differ by more than case."""
    return next((one for one in repository.environments if one.name.lower() == name.lower()), None)


def brief(place: Place, repository: Repository, environment: Environment) -> dict[str, Any]:
    """An environment without its rules, as runs name it."""
    name = quote(environment.name, safe="")
    site = f"{place.site}/{repository.name}"
    return {
        "id": environment.id,
        "node_id": shapes.node_id("Environment", environment.id),
        "name": environment.name,
        "url": f"{place.api}/repos/{repository.name}/environments/{name}",
        "html_url": f"{site}/deployments/activity_log?environments_filter={name}",
        "created_at": environment.created_at,
        "updated_at": environment.updated_at,
    }


def reviewers(state: ForgeState, asked: Asked, environment: Environment) -> list[dict[str, Any]]:
    return [{"type": "User", "reviewer": shapes.person(state, asked, one)} for one in environment.reviewers]


def _found(asked: Asked) -> Environment:
    found = find(asked.repository, asked.name("environment_name"))
    if found is None:
        raise not_found()
    return found


def _policy_shown(policy: BranchPolicy) -> dict[str, Any]:
    return {
        "id": policy.id,
        "node_id": shapes.node_id("Policy", policy.id),
        "name": policy.name,
        "type": policy.type,
    }
