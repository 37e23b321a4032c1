"""Every check by its name, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from release.errors import ExitCode

State = Literal["ok", "no", "unknown"]
Group = Literal["This clone", "AWS", "GitHub"]


@dataclass(frozen=True, slots=True)
class Check:
    id: str
    group: Group
    protects: str  # what is no longer true where it says no
    see: str  # a page of docs/, or of whoever made what is checked


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fact that could not be read. `is_no`: that itself is the answer, because what is there is wrong."""

    cause: str
    fix: str
    is_no: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    check: Check
    subject: str  # which stage, bucket, environment …; empty: there is one
    state: State
    says: str
    fix: str = ""  # a command, or what to do; empty where all is well


_GITHUB = "docs/github.md#set-up"
_ROLES = "docs/github.md#roles"
_RULES = "https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/about-rulesets"
_S3 = "docs/configuration.md#pipelinesenvironmentsyaml"

CHECKS: Final[Mapping[str, Check]] = {
    check.id: check
    for check in (
        Check("git", "This clone", "tags and ledger are pushed in one piece", "docs/doctor.md"),
        Check("whole-clone", "This clone", "what a commit holds is known, not guessed", "docs/doctor.md"),
        Check("remote", "This clone", "the remote is the truth, and it answers", "docs/doctor.md"),
        Check("tags", "This clone", "a tag means the same here and there", "docs/doctor.md"),
        Check("ledger", "This clone", "what runs where is recorded, and can be read", "docs/runbook.md"),
        Check("configuration", "This clone", "gates and services are what their files say", _S3),
        Check("workflows", "This clone", "the buttons do what pipelines/ says", "docs/github.md"),
        Check("programs", "This clone", "services can be built here", "docs/doctor.md"),
        Check("account", "AWS", "nothing is done in another account", "docs/configuration.md"),
        Check("reads", "AWS", "a plan can be made", _ROLES),
        Check("trust", "AWS", "a role is for the jobs of one environment alone", _ROLES),
        Check(
            "boundary",
            "AWS",
            "no template gives a function more than the account lets any have",
            "docs/accounts.md#what-the-roles-may-do",
        ),
        Check("bucket", "AWS", "artifacts are ours, and where Lambda takes them", _S3),
        Check("bucket-versioned", "AWS", "what is deleted by mistake can be had back", _S3),
        Check("bucket-encrypted", "AWS", "artifacts are encrypted where they lie", _S3),
        Check("bucket-private", "AWS", "nobody outside reads artifacts", _S3),
        Check("github", "GitHub", "the repository can be asked, and takes pushes", "docs/github.md"),
        Check("tags-fixed", "GitHub", "nobody moves or deletes the tag of a release", _RULES),
        Check("tags-open", "GitHub", "a promotion can make its tag", _RULES),
        Check("ledger-fixed", "GitHub", "nobody rewrites or deletes the ledger", _RULES),
        Check("ledger-open", "GitHub", "a promotion can be recorded", _RULES),
        Check("branch", "GitHub", "what is released, and the gates, went through a pull request", _GITHUB),
        Check("code-owners", "GitHub", "gates and workflows change with their owners' consent", _GITHUB),
        Check(
            "immutable-releases",
            "GitHub",
            "files of a published release stay as they are",
            "https://docs.github.com/en/code-security/supply-chain-security/understanding-your-software-supply-chain/immutable-releases",
        ),
        Check("environments", "GitHub", "jobs find their environment, with its rules", _GITHUB),
        Check("reviewers", "GitHub", "a release is approved once, where approvals belong", _GITHUB),
        Check("environment-branches", "GitHub", "no branch of somebody's own becomes a role", _GITHUB),
        Check(
            "token-defaults",
            "GitHub",
            "a workflow that asks for nothing can change nothing",
            "https://docs.github.com/en/actions/security-for-github-actions/security-guides/automatic-token-authentication",
        ),
        Check("oidc-subject", "GitHub", "roles can tell jobs of one environment from others", _ROLES),
        Check("alerts", "GitHub", "people hear of what fails", "docs/configuration.md#notifications"),
    )
}


def ok(check: str, says: str, subject: str = "") -> Finding:
    return Finding(CHECKS[check], subject, "ok", says)


def no(check: str, says: str, fix: str, subject: str = "") -> Finding:
    return Finding(CHECKS[check], subject, "no", says, fix)


def unknown(check: str, says: str, fix: str, subject: str = "") -> Finding:
    return Finding(CHECKS[check], subject, "unknown", says, fix)


def troubled(check: str, trouble: Trouble, subject: str = "") -> Finding:
    return Finding(CHECKS[check], subject, "no" if trouble.is_no else "unknown", trouble.cause, trouble.fix)


def in_order(findings: Iterable[Finding]) -> Sequence[Finding]:
    """As CHECKS has them; subjects as they came."""
    places = {name: number for number, name in enumerate(CHECKS)}
    return sorted(findings, key=lambda finding: places[finding.check.id])


def exit_code(findings: Sequence[Finding]) -> ExitCode:
    """3: something is wrong, whatever else could not be asked. 4: nothing known is wrong."""
    states = {finding.state for finding in findings}
    if "no" in states:
        return ExitCode.CLOSED
    return ExitCode.TRY_AGAIN if "unknown" in states else ExitCode.DONE
