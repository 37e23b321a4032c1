"""Settings of the repository: environments, rulesets, immutable releases, what a workflow's token may do.

https://docs.github.com/en/rest/repos/repos, /deployments/environments, /repos/rules, /actions/permissions
"""

from collections.abc import Sequence
from typing import Any, Final

from release.adapters.github.client import Client, Need, part
from release.adapters.github.fields import is_true, listed, number, table, text
from release.core.forge.facts import (
    BranchProtection,
    EnvironmentFacts,
    RepositoryFacts,
    RulesetFacts,
    TokenDefaults,
)

_REPOSITORY: Final = Need("reading the repository", "metadata: read")
_ENVIRONMENTS: Final = Need("reading environments", "actions: read")
_RULES: Final = Need("reading rulesets", "metadata: read")
_ADMINISTRATION: Final = Need("reading settings", "administration: read")
_SUBJECT: Final = Need("reading how OIDC subjects are made", "actions: read")
_SECRETS: Final = Need("reading the names of secrets", "secrets: read")


class GitHubSettings:
    def __init__(self, client: Client) -> None:
        self._client = client

    def repository(self) -> RepositoryFacts:
        found = self._client.get("", _REPOSITORY)
        return RepositoryFacts(
            default_branch=text(found, "default_branch"),
            private=is_true(found, "private"),
            archived=is_true(found, "archived"),
            permissions={key: value is True for key, value in table(table(found).get("permissions")).items()},
            ids=(number(table(found).get("owner"), "id"), number(found, "id")),
        )

    def environments(self) -> Sequence[EnvironmentFacts]:
        items = self._client.pages("environments", _ENVIRONMENTS, under="environments")
        return [self._environment(item) for item in items]

    def rulesets(self) -> Sequence[RulesetFacts]:
        listed_ones = list(self._client.pages("rulesets", _RULES, includes_parents="true"))
        # The list leaves out rules and conditions.
        return [_ruleset(self._client.get(f"rulesets/{number(one, 'id')}", _RULES)) for one in listed_ones]

    def protection(self, branch: str) -> BranchProtection | None:
        """https://docs.github.com/en/rest/branches/branch-protection"""
        found = self._client.get_or_none(f"branches/{part(branch)}/protection", _ADMINISTRATION)
        if found is None:
            return None
        reviews = table(found).get("required_pull_request_reviews")
        return BranchProtection(
            pull_requests=reviews is not None,
            code_owners=is_true(reviews, "require_code_owner_reviews"),
            force_pushes=is_true(table(found).get("allow_force_pushes"), "enabled"),
            deletions=is_true(table(found).get("allow_deletions"), "enabled"),
        )

    def immutable_releases(self) -> bool | None:
        """GitHub answers 404 where they are off: https://docs.github.com/en/rest/repos/repos"""
        found = self._client.get_or_none("immutable-releases", _ADMINISTRATION)
        return None if found is None else is_true(found, "enabled")

    def token_defaults(self) -> TokenDefaults | None:
        found = self._client.get_or_none("actions/permissions/workflow", _ADMINISTRATION)
        if found is None:
            return None
        permissions = text(found, "default_workflow_permissions")
        return TokenDefaults(
            permissions="read" if permissions == "read" else "write",
            may_approve=is_true(found, "can_approve_pull_request_reviews"),
        )

    def subject_claims(self) -> Sequence[str] | None:
        """https://docs.github.com/en/rest/actions/oidc"""
        found = self._client.get("actions/oidc/customization/sub", _SUBJECT)
        if is_true(found, "use_default"):
            return None
        return [str(claim) for claim in listed(found, "include_claim_keys")]

    def secrets(self) -> frozenset[str]:
        """Of the repository, and of its organisation as far as the repository gets them."""
        paths = ("actions/secrets", "actions/organization-secrets")
        items = [one for path in paths for one in self._client.pages(path, _SECRETS, under="secrets")]
        return frozenset(text(item, "name") for item in items)

    def _environment(self, item: Any) -> EnvironmentFacts:
        rules = {text(rule, "type"): rule for rule in listed(item, "protection_rules")}
        reviewers = rules.get("required_reviewers")
        policy = table(item).get("deployment_branch_policy")
        branches: tuple[str, ...] | None = None
        if is_true(policy, "custom_branch_policies"):
            path = f"environments/{part(text(item, 'name'))}/deployment-branch-policies"
            patterns = self._client.pages(path, _ENVIRONMENTS, under="branch_policies")
            branches = tuple(text(one, "name") for one in patterns)
        return EnvironmentFacts(
            name=text(item, "name"),
            reviewers=tuple(map(_reviewer, listed(reviewers, "reviewers"))),
            prevents_self_review=is_true(reviewers, "prevent_self_review"),
            branches=branches,
            only_protected_branches=is_true(policy, "protected_branches"),
            reviewer_ids=tuple(map(_reviewer_id, listed(reviewers, "reviewers"))),
            wait_minutes=table(rules.get("wait_timer")).get("wait_timer") or 0,
        )


def _reviewer(item: Any) -> str:
    who = table(item).get("reviewer")
    return text(who, "login") or text(who, "slug")


def _reviewer_id(item: Any) -> tuple[str, int]:
    return text(item, "type") or "User", number(table(item).get("reviewer"), "id")


def _ruleset(item: Any) -> RulesetFacts:
    refs = table(table(item).get("conditions")).get("ref_name")
    pulls = [
        table(rule).get("parameters")
        for rule in listed(item, "rules")
        if text(rule, "type") == "pull_request"
    ]
    return RulesetFacts(
        id=number(item, "id"),
        name=text(item, "name"),
        target=text(item, "target"),
        enforcement=text(item, "enforcement"),
        include=tuple(map(str, listed(refs, "include"))),
        exclude=tuple(map(str, listed(refs, "exclude"))),
        rules=tuple(text(rule, "type") for rule in listed(item, "rules")),
        bypasses=len(listed(item, "bypass_actors")),
        code_owners=any(is_true(one, "require_code_owner_review") for one in pulls),
    )
