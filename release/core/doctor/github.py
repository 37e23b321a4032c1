"""What GitHub is set to."""

from collections.abc import Iterator

from release.core.doctor.environments import findings_of_environments
from release.core.doctor.findings import Finding, Trouble, no, ok, troubled, unknown
from release.core.doctor.github_facts import ADMINISTRATOR, GitHubFacts, api
from release.core.doctor.refs import findings_of_refs
from release.core.forge.facts import TokenDefaults


def github_findings(facts: GitHubFacts) -> Iterator[Finding]:
    yield _repository(facts)
    yield from findings_of_refs(facts)
    yield _immutable(facts)
    yield from findings_of_environments(facts)
    yield _token(facts)
    yield _subject(facts)
    yield from (_alert(facts, name) for name in facts.webhooks)


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


def _immutable(facts: GitHubFacts) -> Finding:
    match facts.immutable:
        case Trouble() as trouble:
            return troubled("immutable-releases", trouble)
        case True:
            return ok("immutable-releases", "on")
        case None if not facts.by_administrator:
            return unknown(
                "immutable-releases", "whether they are on is told to administrators alone", ADMINISTRATOR
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
            return unknown("token-defaults", "they are told to administrators alone", ADMINISTRATOR)
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
