"""Rules of refs: tags that stay, a ledger that is added to, a branch that changes by pull requests."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from release.core.doctor import rules
from release.core.doctor.clone import LEDGER
from release.core.doctor.findings import Finding, Trouble, no, ok, troubled, unknown
from release.core.doctor.github_facts import ADMINISTRATOR, GitHubFacts, api
from release.core.forge.facts import BranchProtection, RulesetFacts

OWNED: Final = ("pipelines/", ".github/", "templates/")
PROTECTED: Final = frozenset({"pull_request", "deletion", "non_fast_forward"})  # what `branch` asks for
# What keeps Actions from making a tag or adding a commit, which no app of it may bypass
_CLOSES_TAGS: Final = ("creation", "required_signatures", "required_status_checks", "required_deployments")
_CLOSES_LEDGER: Final = ("creation", "update", "pull_request", "merge_queue", *_CLOSES_TAGS[1:])


def findings_of_refs(facts: GitHubFacts) -> Iterator[Finding]:
    if isinstance(facts.rulesets, Trouble):
        for check in ("tags-fixed", "tags-open", "ledger-fixed", "ledger-open"):
            yield troubled(check, facts.rulesets)
    else:
        yield from _refs(facts, facts.rulesets)
    yield from _branch(facts)


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
        return unknown(check, "there are rules, and who may bypass them is not told", ADMINISTRATOR)
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
            "branch", f"whether {facts.branch} is protected is told to administrators alone", ADMINISTRATOR
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
            "code-owners", "whether owners have to agree is told to administrators alone", ADMINISTRATOR
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
