"""What GitHub is found to be set to, both ways for each check."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from release.core.doctor.findings import CHECKS, Finding, Trouble
from release.core.doctor.github import github_findings
from release.core.doctor.github_facts import GitHubFacts, WantedEnvironment, api
from release.core.forge.facts import (
    BranchProtection,
    EnvironmentFacts,
    RepositoryFacts,
    RulesetFacts,
    TokenDefaults,
)

LOST = Trouble("GitHub refuses the token", "give the token the permission `administration: read`")
NAMES = ("build", "prod", "prod-plan", "prod-approval")
TAGS = RulesetFacts(1, "tags", "tag", "active", ("refs/tags/v*",), (), ("update", "deletion"), 0)
LEDGER = RulesetFacts(
    2, "ledger", "branch", "active", ("refs/heads/release-ledger",), (), ("deletion", "non_fast_forward"), 0
)
MAIN = RulesetFacts(
    3,
    "main",
    "branch",
    "active",
    ("~DEFAULT_BRANCH",),
    (),
    ("deletion", "non_fast_forward", "pull_request"),
    0,
    True,
)
OLDER = BranchProtection(pull_requests=True, code_owners=True, force_pushes=False, deletions=False)


def environment(name: str, **changed: Any) -> EnvironmentFacts:
    reviewers = ("ada",) if name.endswith("-approval") else ()
    ids = (("User", 7),) if reviewers else ()
    return replace(EnvironmentFacts(name, reviewers, True, ("main",), False, ids), **changed)


def environments(**changed: Any) -> list[EnvironmentFacts]:
    """All of them; of one that is named (hyphens as underscores) something is changed, None takes it out."""
    there = {name: environment(name) for name in NAMES}
    for name, how in changed.items():
        key = name.replace("_", "-")
        if how is None:
            del there[key]
        else:
            there[key] = environment(key, **how)
    return list(there.values())


HEALTHY = GitHubFacts(
    name="acme/fleet",
    branch="main",
    prefixes=("v",),
    wanted=tuple(
        WantedEnvironment(name, name.endswith("-approval"), name.endswith("-approval")) for name in NAMES
    ),
    repository=RepositoryFacts("main", True, False, {"admin": True}),
    rulesets=[TAGS, LEDGER, MAIN],
    protection=None,
    codeowners="/pipelines/ @acme/owners\n/.github/ @acme/owners\n",
    folders=("pipelines/", ".github/"),
    immutable=True,
    environments=environments(),
    token=TokenDefaults("read", False),
    claims=None,
    webhooks=("RELEASE_SLACK_WEBHOOK",),
    handed_on=("RELEASE_SLACK_WEBHOOK",),
    set_here=frozenset(),
    secrets=frozenset({"RELEASE_SLACK_WEBHOOK"}),
)
NOT_ADMIN = RepositoryFacts("main", True, False, {"push": True})


def found(**changed: Any) -> list[Finding]:
    return list(github_findings(replace(HEALTHY, **changed)))


def not_ok(**changed: Any) -> list[tuple[str, str, str]]:
    """(check, subject, state)"""
    return [(one.check.id, one.subject, one.state) for one in found(**changed) if one.state != "ok"]


def fix(**changed: Any) -> str:
    (one,) = [one for one in found(**changed) if one.state != "ok"]
    return one.fix


def test_what_is_set_up_is_green_in_every_check() -> None:
    assert not_ok() == []
    assert {one.check.id for one in found()} == {
        name for name, check in CHECKS.items() if check.group == "GitHub"
    }


@pytest.mark.parametrize(
    ("changed", "expected", "command"),
    [
        (
            {"repository": replace(HEALTHY.repository, archived=True)},
            "github",
            "gh api -X PATCH repos/acme/fleet",
        ),
        ({"repository": replace(HEALTHY.repository, default_branch="trunk")}, "github", "git remote -v"),
        ({"rulesets": [LEDGER, MAIN]}, "tags-fixed", "refs/tags/v*"),
        ({"rulesets": [replace(TAGS, rules=("update",)), LEDGER, MAIN]}, "tags-fixed", '"deletion"'),
        ({"rulesets": [replace(TAGS, include=("refs/tags/v*-qa.*",)), LEDGER, MAIN]}, "tags-fixed", "POST"),
        (
            {"rulesets": [replace(TAGS, bypasses=1), LEDGER, MAIN]},
            "tags-fixed",
            "PUT repos/acme/fleet/rulesets/1",
        ),
        ({"prefixes": ("v", "payments/v")}, "tags-fixed", "refs/tags/payments/v*"),
        (
            {"rulesets": [replace(TAGS, rules=(*TAGS.rules, "creation")), LEDGER, MAIN]},
            "tags-open",
            "creation",
        ),
        ({"rulesets": [TAGS, MAIN]}, "ledger-fixed", "refs/heads/release-ledger"),
        ({"rulesets": [TAGS, replace(LEDGER, bypasses=2), MAIN]}, "ledger-fixed", "rulesets/2"),
        ({"rulesets": [TAGS, LEDGER, replace(MAIN, include=("~ALL",))]}, "ledger-open", "rulesets/3"),
        ({"rulesets": [TAGS, LEDGER, replace(MAIN, rules=("deletion", "pull_request"))]}, "branch", "main"),
        ({"rulesets": [TAGS, LEDGER, replace(MAIN, code_owners=False)]}, "code-owners", "require_code_owner"),
        ({"codeowners": "/pipelines/ @acme/owners\n"}, "code-owners", "printf '/.github/ @OWNERS"),
        ({"codeowners": None}, "code-owners", "CODEOWNERS"),
        ({"immutable": None}, "immutable-releases", "gh api -X PUT repos/acme/fleet/immutable-releases"),
        ({"immutable": False}, "immutable-releases", "gh api -X PUT repos/acme/fleet/immutable-releases"),
        (
            {"environments": environments(prod=None)},
            "environments prod",
            "environments/prod/deployment-branch",
        ),
        ({"environments": environments(prod_approval=None)}, "environments prod-approval", "prod-approval"),
        (
            {"environments": environments(prod={"reviewers": ("ada",)})},
            "reviewers prod",
            "environments/prod ",
        ),
        (
            {"environments": environments(prod_approval={"reviewers": ()})},
            "reviewers prod-approval",
            '"id":"ID"',
        ),
        ({"environments": environments(build={"branches": None})}, "environment-branches build", "build"),
        (
            {"environments": environments(build={"branches": ()})},
            "environment-branches build",
            '{"name":"main"}',
        ),
        (
            {"environments": environments(build={"branches": ("main", "*")})},
            "environment-branches build",
            "gh api -X DELETE repos/acme/fleet/environments/build/deployment-branch-policies/ID",
        ),
        (
            {"environments": environments(build={"branches": None, "only_protected_branches": True})},
            "environment-branches build",
            "custom_branch_policies",
        ),
        ({"token": TokenDefaults("write", False)}, "token-defaults", "default_workflow_permissions"),
        ({"token": TokenDefaults("read", True)}, "token-defaults", "can_approve_pull_request_reviews"),
        ({"claims": ("repo", "job_workflow_ref")}, "oidc-subject", "use_default"),
        ({"secrets": frozenset()}, "alerts RELEASE_SLACK_WEBHOOK", "gh secret set RELEASE_SLACK_WEBHOOK"),
        ({"handed_on": ()}, "alerts RELEASE_SLACK_WEBHOOK", "ARN"),
    ],
)
def test_a_setting_that_is_wrong_says_no_in_its_own_check_with_the_way_out(
    changed: dict[str, Any], expected: str, command: str
) -> None:
    check, _, subject = expected.partition(" ")

    assert not_ok(**changed) == [(check, subject, "no")]
    assert command in fix(**changed)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"repository": LOST, "rulesets": [TAGS, LEDGER, MAIN]}, ["github", "tags-fixed", "ledger-fixed"]),
        (
            {"rulesets": LOST},
            ["tags-fixed", "tags-open", "ledger-fixed", "ledger-open", "branch", "code-owners"],
        ),
        ({"rulesets": [TAGS, LEDGER], "protection": LOST}, ["branch", "code-owners"]),
        ({"codeowners": LOST}, ["code-owners"]),
        ({"immutable": LOST}, ["immutable-releases"]),
        ({"environments": LOST}, ["environments", "reviewers", "environment-branches"]),
        ({"token": LOST}, ["token-defaults"]),
        ({"token": None}, ["token-defaults"]),
        ({"claims": LOST}, ["oidc-subject"]),
        ({"secrets": LOST}, ["alerts"]),
    ],
)
def test_what_could_not_be_asked_is_unknown_with_what_the_token_lacks(
    changed: dict[str, Any], expected: list[str]
) -> None:
    assert [(check, state) for check, _, state in not_ok(**changed)] == [(one, "unknown") for one in expected]
    assert all("administration: read" in one.fix for one in found(**changed) if one.state == "unknown")


def test_what_administrators_alone_are_told_is_unknown_to_others() -> None:
    assert not_ok(repository=NOT_ADMIN) == [("tags-fixed", "", "unknown"), ("ledger-fixed", "", "unknown")]
    assert ("immutable-releases", "", "unknown") in not_ok(repository=NOT_ADMIN, immutable=None)
    assert ("branch", "", "unknown") in not_ok(repository=NOT_ADMIN, rulesets=[TAGS, LEDGER])
    assert ("code-owners", "", "unknown") in not_ok(repository=NOT_ADMIN, rulesets=[TAGS, LEDGER])


def test_the_older_kind_of_branch_protection_counts_as_well() -> None:
    older: Callable[..., Any] = lambda **changed: not_ok(  # noqa: E731 - one expression, four times
        rulesets=[TAGS, LEDGER], protection=replace(OLDER, **changed)
    )

    assert older() == []
    assert older(pull_requests=False) == older(force_pushes=True) == older(deletions=True)
    assert older(deletions=True) == [("branch", "", "no")]
    assert older(code_owners=False) == [("code-owners", "", "no")]


def test_a_webhook_of_this_process_counts_where_secrets_cannot_be_asked() -> None:
    here = frozenset({"RELEASE_SLACK_WEBHOOK"})

    assert not_ok(secrets=LOST, set_here=here) == []
    assert not_ok(secrets=frozenset(), set_here=here) == [("alerts", "RELEASE_SLACK_WEBHOOK", "no")]


def test_what_an_environment_has_already_is_said_again_by_the_command_that_changes_it() -> None:
    there = environments(prod_approval={"branches": None, "wait_minutes": 30})

    command = fix(environments=there)

    assert '"reviewers":[{"type":"User","id":7}],"prevent_self_review":true,"wait_timer":30' in command


def test_names_of_environments_do_not_differ_by_case_and_are_quoted() -> None:
    assert not_ok(environments=[replace(one, name=one.name.upper()) for one in environments()]) == []
    odd = (WantedEnvironment("payments/prod", False, False),)
    assert "environments/payments%2Fprod " in fix(wanted=odd)


def test_a_subject_that_says_what_the_default_says_is_none_other() -> None:
    assert not_ok(claims=("repo", "context")) == []


def test_without_a_pipeline_there_are_no_tags_to_look_at() -> None:
    assert [one.check.id for one in found(prefixes=()) if one.check.id.startswith("tags")] == []
    assert not_ok(
        branch="", rulesets=[TAGS, LEDGER, MAIN]
    )  # but what is not known of the branch is not green


def test_commands_are_quoted_for_a_shell() -> None:
    assert api("PUT", "repos/o/r/x y") == "gh api -X PUT 'repos/o/r/x y'"
    assert api("PUT", "p", {"a": "it's"}) == """echo '{"a":"it'"'"'s"}' | gh api -X PUT p --input -"""
