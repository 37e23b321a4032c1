"""What GitHub is set to: rules of refs, environments, tokens."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any, Final

from release.core.doctor import rules
from release.core.doctor.clone import LEDGER
from release.core.doctor.findings import Finding, Trouble, no, ok, troubled, unknown
from release.core.forge.facts import (
    BranchProtection,
    EnvironmentFacts,
    RepositoryFacts,
    RulesetFacts,
    TokenDefaults,
)

OWNED: Final = ("pipelines/", ".github/", "templates/")
PROTECTED: Final = frozenset({"pull_request", "deletion", "non_fast_forward"})  # what `branch` asks for
# What keeps Actions from making a tag or adding a commit, which no app of it may bypass
_CLOSES_TAGS: Final = ("creation", "required_signatures", "required_status_checks", "required_deployments")
_CLOSES_LEDGER: Final = ("creation", "update", "pull_request", "merge_queue", *_CLOSES_TAGS[1:])
_ADMINISTRATOR: Final = "ask as an administrator of the repository: a token with `administration: read`"


@dataclass(frozen=True, slots=True)
class WantedEnvironment:
    name: str
    may_have_reviewers: bool  # the approval of a stage, and nothing else
    must_have_reviewers: bool


@dataclass(frozen=True, slots=True)
class GitHubFacts:
    """`None` of a setting: there is none, or whoever asks may not know (who is no administrator)."""

    name: str  # OWNER/NAME
    branch: str  # the remote's default branch
    prefixes: tuple[str, ...]  # of tags
    wanted: tuple[WantedEnvironment, ...]
    repository: RepositoryFacts | Trouble
    rulesets: Sequence[RulesetFacts] | Trouble
    protection: BranchProtection | Trouble | None
    codeowners: str | Trouble | None  # the file of the default branch
    folders: tuple[str, ...]  # of OWNED, those that there are
    immutable: bool | Trouble | None
    environments: Sequence[EnvironmentFacts] | Trouble
    token: TokenDefaults | Trouble | None
    claims: tuple[str, ...] | Trouble | None  # None: subjects are as GitHub makes them
    webhooks: tuple[str, ...]  # variables that notifications name
    handed_on: tuple[str, ...]  # those of them that the workflows give to release
    set_here: frozenset[str]  # those of them that have a value in this process
    secrets: frozenset[str] | Trouble

    @property
    def by_administrator(self) -> bool:
        return not isinstance(self.repository, Trouble) and self.repository.permissions.get("admin", False)


def github_findings(facts: GitHubFacts) -> Iterator[Finding]:
    yield _repository(facts)
    if isinstance(facts.rulesets, Trouble):
        for check in ("tags-fixed", "tags-open", "ledger-fixed", "ledger-open"):
            yield troubled(check, facts.rulesets)
    else:
        yield from _refs(facts, facts.rulesets)
    yield from _branch(facts)
    yield _immutable(facts)
    yield from _environments(facts)
    yield _token(facts)
    yield _subject(facts)
    yield from (_alert(facts, name) for name in facts.webhooks)


def api(method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
    """A call as gh makes it: a command to paste."""
    if body is None:
        return f"gh api -X {method} {quote(path)}"
    sent = json.dumps(body, separators=(",", ":"))
    return f"echo {quote(sent)} | gh api -X {method} {quote(path)} --input -"


def _repository(facts: GitHubFacts) -> Finding:
    found = facts.repository
    if isinstance(found, Trouble):
        return troubled("github", found)
    if found.archived:
        return no(
            "github", f"{facts.name} is archived", api("PATCH", f"repos/{facts.name}", {"archived": False})
        )
    if facts.branch and found.default_branch != facts.branch:
        return no(
            "github",
            f"the default branch is {found.default_branch} for GitHub, and {facts.branch} for the remote",
            "look whether remote and GITHUB_REPOSITORY name the same repository: git remote -v",
        )
    return ok("github", facts.name)


# -- rules of refs


def _refs(facts: GitHubFacts, rulesets: Sequence[RulesetFacts]) -> Iterator[Finding]:
    refs = [
        f"refs/tags/{prefix}{number}"
        for prefix in facts.prefixes
        for number in ("1.2.3", "1.2.3-qa.1", "1.2.3-rc.1")
    ]
    if refs:
        patterns = [f"refs/tags/{prefix}*" for prefix in facts.prefixes]
        yield _fixed(facts, rulesets, "tags-fixed", "tag", refs, patterns, ("update", "deletion"))
        yield _open(facts, rulesets, "tags-open", refs, _CLOSES_TAGS)
    ledger = f"refs/heads/{LEDGER}"
    rules_of_ledger = ("deletion", "non_fast_forward")
    yield _fixed(facts, rulesets, "ledger-fixed", "branch", [ledger], [ledger], rules_of_ledger)
    yield _open(facts, rulesets, "ledger-open", [ledger], _CLOSES_LEDGER)


def _fixed(
    facts: GitHubFacts,
    rulesets: Sequence[RulesetFacts],
    check: str,
    target: str,
    refs: Sequence[str],
    patterns: Sequence[str],
    wanted: Sequence[str],
) -> Finding:
    holding = {ref: rules.covering(rulesets, ref, facts.branch) for ref in refs}
    missing = [
        rule for rule in wanted if not all(rule in rules.asked_by(found) for found in holding.values())
    ]
    if missing:
        body = {
            "name": f"release: {check}",
            "target": target,
            "enforcement": "active",
            "conditions": {"ref_name": {"include": [*patterns], "exclude": []}},
            "rules": [{"type": rule} for rule in wanted],
        }
        what = {"update": "move", "deletion": "delete", "non_fast_forward": "rewrite"}
        can = " and ".join(what[rule] for rule in missing)
        of = "tags of releases" if target == "tag" else LEDGER
        return no(
            check, f"whoever may push can {can} {of}", api("POST", f"repos/{facts.name}/rulesets", body)
        )
    if not facts.by_administrator:
        return unknown(check, "there are rules, and who may bypass them is not told", _ADMINISTRATOR)
    loose = [
        one for ref in refs for rule in wanted if rules.evaded(holding[ref], rule) for one in holding[ref]
    ]
    if loose:
        first = loose[0]
        return no(
            check,
            f"the ruleset {first.name!r} may be bypassed",
            api("PUT", f"repos/{facts.name}/rulesets/{first.id}", {"bypass_actors": []}),
        )
    return ok(check, f"nobody may: {', '.join(wanted).replace('_', ' ')}")


def _open(
    facts: GitHubFacts,
    rulesets: Sequence[RulesetFacts],
    check: str,
    refs: Sequence[str],
    closing: Sequence[str],
) -> Finding:
    """GitHub Actions cannot be among those who bypass a ruleset."""
    for ref in refs:
        for one in rules.covering(rulesets, ref, facts.branch):
            against = [rule for rule in one.rules if rule in closing]
            if against:
                return no(
                    check,
                    f"the ruleset {one.name!r} ({', '.join(against)}) keeps GitHub Actions from {ref}",
                    f"take {', '.join(against)} out of it, or exclude {ref}: "
                    f"gh api repos/{facts.name}/rulesets/{one.id} shows it, "
                    f"gh api -X PUT repos/{facts.name}/rulesets/{one.id} --input FILE changes it",
                )
    return ok(check, "GitHub Actions may add")


def _branch(facts: GitHubFacts) -> Iterator[Finding]:
    if isinstance(facts.rulesets, Trouble):
        yield troubled("branch", facts.rulesets)
        yield troubled("code-owners", facts.rulesets)
        return
    ref = f"refs/heads/{facts.branch}"
    holding = rules.covering(facts.rulesets, ref, facts.branch)
    asked = rules.asked_by(holding)
    older = facts.protection if isinstance(facts.protection, BranchProtection) else None
    by_pulls = "pull_request" in asked or (older is not None and older.pull_requests)
    kept = {
        "non_fast_forward": "non_fast_forward" in asked or (older is not None and not older.force_pushes),
        "deletion": "deletion" in asked or (older is not None and not older.deletions),
    }
    owners = any(one.code_owners for one in holding) or (older is not None and older.code_owners)
    fix = api("POST", f"repos/{facts.name}/rulesets", _protecting(facts.branch))
    if by_pulls and all(kept.values()):
        yield ok("branch", f"{facts.branch} changes by pull requests alone")
    elif isinstance(facts.protection, Trouble):
        yield troubled("branch", facts.protection)
    elif older is None and not holding and not facts.by_administrator:
        yield unknown(
            "branch", f"whether {facts.branch} is protected is told to administrators alone", _ADMINISTRATOR
        )
    else:
        missing = [] if by_pulls else ["changes without a pull request"]
        missing += [
            {"deletion": "deletion", "non_fast_forward": "force pushes"}[one] for one in kept if not kept[one]
        ]
        yield no("branch", f"{facts.branch} allows {', '.join(missing)}", fix)
    yield _owners(facts, owners=owners, fix=fix)


def _owners(facts: GitHubFacts, *, owners: bool, fix: str) -> Finding:
    if isinstance(facts.codeowners, Trouble):
        return troubled("code-owners", facts.codeowners)
    without = rules.unowned(facts.codeowners, facts.folders)
    if without:
        lines = "".join(f"/{folder} @OWNERS\\n" for folder in without)
        return no(
            "code-owners",
            f"{', '.join(without)}: no owner in .github/CODEOWNERS of {facts.branch}",
            f"printf '{lines}' >> .github/CODEOWNERS, with the team that owns releases, and merge that",
        )
    if owners:
        return ok("code-owners", f"{', '.join(facts.folders)} change with their owners' consent")
    if isinstance(facts.protection, Trouble):
        return troubled("code-owners", facts.protection)
    if not facts.by_administrator:
        return unknown(
            "code-owners", "whether owners have to agree is told to administrators alone", _ADMINISTRATOR
        )
    return no("code-owners", f"code owners of {facts.branch} are asked, and need not agree", fix)


def _protecting(branch: str) -> Mapping[str, Any]:
    reviewed = {
        "required_approving_review_count": 1,
        "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": True,
        "require_last_push_approval": True,
        "required_review_thread_resolution": False,
    }
    return {
        "name": "release: branch",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}},
        "rules": [
            {"type": "deletion"},
            {"type": "non_fast_forward"},
            {"type": "pull_request", "parameters": reviewed},
        ],
    }


# -- settings


def _immutable(facts: GitHubFacts) -> Finding:
    match facts.immutable:
        case Trouble() as trouble:
            return troubled("immutable-releases", trouble)
        case True:
            return ok("immutable-releases", "on")
        case None if not facts.by_administrator:
            return unknown(
                "immutable-releases", "whether they are on is told to administrators alone", _ADMINISTRATOR
            )
        case _:
            return no(
                "immutable-releases",
                "off: whoever may write can replace a file of a release",
                api("PUT", f"repos/{facts.name}/immutable-releases"),
            )


def _token(facts: GitHubFacts) -> Finding:
    match facts.token:
        case Trouble() as trouble:
            return troubled("token-defaults", trouble)
        case None:
            return unknown("token-defaults", "they are told to administrators alone", _ADMINISTRATOR)
        case TokenDefaults(permissions="read", may_approve=False):
            return ok("token-defaults", "read, and no approving of pull requests")
        case found:
            says = "may write" if found.permissions == "write" else "may approve pull requests"
            body = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
            path = f"repos/{facts.name}/actions/permissions/workflow"
            return no("token-defaults", f"a workflow that asks for nothing {says}", api("PUT", path, body))


def _subject(facts: GitHubFacts) -> Finding:
    if isinstance(facts.claims, Trouble):
        return troubled("oidc-subject", facts.claims)
    if facts.claims is None or facts.claims == ("repo", "context"):
        return ok("oidc-subject", "as GitHub makes it: repository and environment")
    return no(
        "oidc-subject",
        f"customised ({', '.join(facts.claims)}): roles that ask for repo:…:environment:… trust no job",
        api(
            "PUT",
            f"repos/{facts.name}/actions/oidc/customization/sub",
            {"use_default": True},
        ),
    )


def _alert(facts: GitHubFacts, name: str) -> Finding:
    if name not in facts.handed_on:
        return no(
            "alerts", "no workflow hands it on", "keep the address in AWS, and name its ARN instead", name
        )
    fix = f"gh secret set {name} --repo {facts.name}"
    if isinstance(facts.secrets, Trouble):
        if name in facts.set_here:
            return ok("alerts", "set in this process", name)
        return troubled("alerts", facts.secrets, name)
    if name in facts.secrets:
        return ok("alerts", "a secret of the repository", name)
    return no("alerts", "there is no such secret: nobody hears of what happens", fix, name)


# -- environments


def _environments(facts: GitHubFacts) -> Iterator[Finding]:
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
