"""What GitHub says that it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status; we never write "queued"
# and "pending".
DeploymentState = Literal["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    id: int
    environment: str
    commit: str
    created_at: str  # UTC, as the ledger writes times
    payload: Mapping[str, Any]  # empty: it has none, or one that is no JSON object


@dataclass(frozen=True, slots=True)
class StatusFacts:
    state: DeploymentState
    description: str
    log_url: str


@dataclass(frozen=True, slots=True)
class AssetFacts:
    id: int
    name: str
    size: int  # bytes
    digest: str | None  # sha256, hex; None: this GitHub does not tell
    uploaded: bool  # False: an upload broke off, and what is there is nothing


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    id: int
    tag: str
    name: str
    body: str
    draft: bool
    prerelease: bool
    immutable: bool  # its files and its tag cannot be changed any more; name and body can
    url: str  # for people
    upload_url: str  # where files are sent, without its template
    assets: tuple[AssetFacts, ...]
    target: str = ""  # branch or commit for which it was made: what its tag would have named, were there none


@dataclass(frozen=True, slots=True)
class PullFacts:
    number: int
    merged: bool


@dataclass(frozen=True, slots=True)
class CommentFacts:
    id: int
    author: str  # login
    by_app: bool  # an app has written it: no person can have
    body: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's answer to a run that waited."""

    login: str
    state: Literal["approved", "rejected", "pending"]
    environments: tuple[str, ...]  # for which it was given


@dataclass(frozen=True, slots=True)
class RunFacts:
    id: int
    attempt: int
    workflow: str  # path of its file
    event: str
    status: str  # queued, in_progress, completed …
    conclusion: str | None  # success, failure, cancelled …; None: it has not completed
    commit: str
    branch: str | None
    title: str
    actor: str
    created_at: str
    url: str


@dataclass(frozen=True, slots=True)
class JobFacts:
    id: int
    name: str
    status: str
    conclusion: str | None
    url: str


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    default_branch: str
    private: bool
    archived: bool
    permissions: Mapping[str, bool]  # of whose token asks: admin, maintain, push …; empty: not told
    ids: tuple[int, int] | None = None  # of the owner and of the repository, as OIDC subjects have them


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    name: str
    reviewers: tuple[str, ...]  # logins and slugs of teams
    prevents_self_review: bool
    branches: tuple[str, ...] | None  # patterns that may use it; None: any branch
    only_protected_branches: bool
    reviewer_ids: tuple[tuple[str, int], ...] = ()  # kind (User, Team) and id, as they are written
    wait_minutes: int = 0


@dataclass(frozen=True, slots=True)
class RulesetFacts:
    id: int
    name: str
    target: str  # branch, tag, push
    enforcement: str  # active, evaluate, disabled
    include: tuple[str, ...]  # patterns of refs, or ~ALL, ~DEFAULT_BRANCH
    exclude: tuple[str, ...]
    rules: tuple[str, ...]  # types: creation, update, deletion, non_fast_forward …
    bypasses: int  # how many may bypass it; told to administrators alone
    code_owners: bool = False  # a pull request needs the consent of code owners


@dataclass(frozen=True, slots=True)
class TokenDefaults:
    """What a workflow's token may do where the workflow does not say."""

    permissions: Literal["read", "write"]
    may_approve: bool  # whether it may approve pull requests


@dataclass(frozen=True, slots=True)
class BranchProtection:
    """The older kind of rules of a branch, beside rulesets."""

    pull_requests: bool
    code_owners: bool
    force_pushes: bool
    deletions: bool
