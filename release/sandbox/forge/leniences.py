"""What the forge takes, or answers, where GitHub does not: known, and told in docs/sandbox.md."""

from dataclasses import dataclass

_DOCS = "https://docs.github.com/"


@dataclass(frozen=True, slots=True)
class Lenience:
    """`github` is what GitHub does, `forge` what the forge does instead; `source` documents the former."""

    id: str
    github: str
    forge: str
    source: str


LENIENCES: tuple[Lenience, ...] = (
    Lenience(
        "tokens",
        github="a token belongs to somebody, has scopes and expires",
        forge="a token is the login that it names, an admin unless a test gives a role; those of jobs have "
        "the permissions that a test gives them, and never expire",
        source=f"{_DOCS}authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
    ),
    Lenience(
        "anonymous",
        github="who does not sign in may read public repositories",
        forge="they may read nothing",
        source=f"{_DOCS}rest/authentication/authenticating-to-the-rest-api",
    ),
    Lenience(
        "rulesets",
        github="a push or a release that a ruleset forbids is refused",
        forge="rulesets are kept and shown; the git remote takes every push",
        source=f"{_DOCS}repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/"
        "about-rulesets",
    ),
    Lenience(
        "immutable-tags",
        github="the tag of an immutable release cannot be moved or deleted by a push either",
        forge="the API keeps it, the git remote does not",
        source=f"{_DOCS}code-security/concepts/supply-chain-security/immutable-releases",
    ),
    Lenience(
        "attestations",
        github="an immutable release gets an attestation that names its tag, commit and files",
        forge="there is none; files have their digests",
        source=f"{_DOCS}code-security/concepts/supply-chain-security/immutable-releases",
    ),
    Lenience(
        "workflows",
        github="a push, a release or a dispatch starts workflows, and jobs wait for their environments",
        forge="nothing runs: a dispatch is a queued run, and a test says what becomes of runs",
        source=f"{_DOCS}actions/how-tos/write-workflows/choose-when-workflows-run/trigger-a-workflow",
    ),
    Lenience(
        "filters-of-runs",
        github="runs are listed by the time at which they were made, and by check suite",
        forge="by workflow, event, status, actor, branch and commit alone; the other filters are taken and "
        "do nothing",
        source=f"{_DOCS}rest/actions/workflow-runs",
    ),
    Lenience(
        "merged-deployments",
        github="a ref behind the default branch is merged for its deployment",
        forge="without auto_merge: false it is a conflict, 409",
        source=f"{_DOCS}rest/deployments/deployments",
    ),
    Lenience(
        "commit-statuses",
        github="a deployment waits for the statuses of its commit",
        forge="no commit has a status: required_contexts that names one is a conflict, 409",
        source=f"{_DOCS}rest/deployments/deployments",
    ),
    Lenience(
        "teams",
        github="reviewers, owners of code and bypass actors may be teams",
        forge="reviewers are people; nobody looks up who owns code or may bypass",
        source=f"{_DOCS}rest/deployments/environments",
    ),
    Lenience(
        "generated-notes",
        github="generate_release_notes writes the name and the body of a release, discussions are opened "
        "for it",
        forge="both are taken and do nothing",
        source=f"{_DOCS}rest/releases/releases",
    ),
    Lenience(
        "pull-requests",
        github="they come from branches, are reviewed and merged",
        forge="a test says of which commits one is, and what it became; comments are on pull requests alone",
        source=f"{_DOCS}rest/pulls/pulls",
    ),
    Lenience(
        "codeowners",
        github="every mistake in CODEOWNERS is told, also owners without access",
        forge="owners that cannot be names are told",
        source=f"{_DOCS}rest/repos/repos",
    ),
    Lenience(
        "secondary-limits",
        github="too many requests at once, or too much content in a minute, are refused",
        forge="requests are counted by the hour; secondary limits are fault rules",
        source=f"{_DOCS}rest/using-the-rest-api/rate-limits-for-the-rest-api",
    ),
    Lenience(
        "id-token-keys",
        github="tokens of jobs are signed with keys that everybody can look up",
        forge="only the sandbox's STS can tell a good one: they are signed with a secret of the sandbox",
        source=f"{_DOCS}actions/reference/security/oidc",
    ),
    Lenience(
        "unknown-keys",
        github="some operations ignore keys and parameters that they do not know",
        forge="all are refused with 422: stricter, so that a misspelt one is found",
        source=f"{_DOCS}rest/using-the-rest-api/getting-started-with-the-rest-api",
    ),
)
