"""What the forge remembers. Plain records that change, and go to JSON and back when a state is saved.

Times are texts as GitHub gives them (2026-11-21T20:00:00Z). `id` are unique over all kinds of things.
"""

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Level = Literal["read", "write", "admin"]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Asset:
    """A file of a release. `state` "starter": its upload was cut, and nothing can be read of it."""

    id: int
    name: str
    label: str | None
    content_type: str
    size: int
    digest: str | None  # "sha256:…"; the bytes are kept by it
    uploader: str
    created_at: str
    state: Literal["uploaded", "starter"] = "uploaded"


@dataclass(slots=True)
class Release:
    id: int
    tag: str
    target: str
    name: str | None
    body: str | None
    draft: bool
    prerelease: bool
    author: str
    created_at: str
    published_at: str | None = None
    updated_at: str | None = None
    immutable: bool = False
    assets: list[Asset] = field(default_factory=list)


@dataclass(slots=True)
class DeploymentStatus:
    id: int
    state: str
    creator: str
    description: str
    environment: str
    log_url: str
    environment_url: str
    created_at: str


@dataclass(slots=True)
class Deployment:
    id: int
    sha: str
    ref: str
    task: str
    payload: dict[str, Any] | str
    environment: str
    description: str | None
    transient: bool
    production: bool
    creator: str
    created_at: str
    updated_at: str
    statuses: list[DeploymentStatus] = field(default_factory=list)  # oldest first


@dataclass(slots=True)
class BranchPolicy:
    id: int
    name: str
    type: str


@dataclass(slots=True)
class Environment:
    """`branch_policy` says which branches may deploy: None is all of them."""

    id: int
    name: str
    created_at: str
    updated_at: str
    wait_timer: int = 0
    reviewers: list[str] = field(default_factory=list)  # logins
    prevent_self_review: bool = False
    branch_policy: Literal["protected", "custom"] | None = None
    policies: list[BranchPolicy] = field(default_factory=list)


@dataclass(slots=True)
class Ruleset:
    id: int
    name: str
    target: str
    enforcement: str
    bypass_actors: list[dict[str, Any]]
    conditions: dict[str, Any] | None
    rules: list[dict[str, Any]]
    created_at: str


@dataclass(slots=True)
class Review:
    """What a reviewer said to jobs that wait for environments."""

    user: str
    state: str
    comment: str
    environments: list[str]


@dataclass(slots=True)
class Job:
    id: int
    name: str
    status: str
    conclusion: str | None
    started_at: str
    completed_at: str | None


@dataclass(slots=True)
class Run:
    id: int
    number: int
    attempt: int
    workflow: str  # its path, .github/workflows/NAME.yml
    title: str
    event: str
    status: str
    conclusion: str | None
    branch: str
    sha: str
    actor: str
    triggering_actor: str
    created_at: str
    updated_at: str
    inputs: dict[str, Any] = field(default_factory=dict)  # of a dispatch
    waiting_for: list[str] = field(default_factory=list)  # environments whose reviewers have not answered
    reviews: list[Review] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)


@dataclass(slots=True)
class Comment:
    id: int
    user: str
    body: str
    created_at: str
    updated_at: str


@dataclass(slots=True)
class Pull:
    """A pull request; `commits` are those of its branch, `merged_as` what it became on its base."""

    id: int
    number: int
    title: str
    user: str
    head: str
    base: str
    commits: list[str]
    merged_as: str | None
    created_at: str
    comments: list[Comment] = field(default_factory=list)


@dataclass(slots=True)
class Repository:
    """`name` is OWNER/NAME, `remote` the folder of the bare git repository."""

    id: int
    owner_id: int
    name: str
    remote: str
    created_at: str
    private: bool = True
    roles: dict[str, Level] = field(default_factory=dict)  # of people; who is not named is an admin
    immutable_releases: bool = False
    burned_tags: list[str] = field(default_factory=list)  # of immutable releases that were deleted
    latest: int | None = None  # the release that somebody set as the latest
    default_workflow_permissions: Literal["read", "write"] = "read"
    can_approve_pull_requests: bool = False
    subject_claims: list[str] | None = None  # of OIDC subjects; None: as GitHub makes them
    subject_has_ids: bool = False
    releases: list[Release] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    environments: list[Environment] = field(default_factory=list)
    rulesets: list[Ruleset] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    pulls: list[Pull] = field(default_factory=list)

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]


@dataclass(slots=True)
class AppToken:
    """What a job of Actions has as GITHUB_TOKEN: permissions in one repository, and no person behind it."""

    repository: str
    permissions: dict[str, Level]


@dataclass(slots=True)
class JobIdentity:
    """Of a job with `id-token: write`: what is said in its tokens, and how long each holds, in seconds."""

    claims: dict[str, str]
    lifetime_seconds: float


@dataclass(slots=True)
class ForgeState:
    secret: str  # signs OIDC tokens
    last_id: int = 1000
    people: dict[str, int] = field(default_factory=dict)  # login -> id
    repositories: dict[str, Repository] = field(default_factory=dict)  # by name in lower case
    app_tokens: dict[str, AppToken] = field(default_factory=dict)
    job_identities: dict[str, JobIdentity] = field(default_factory=dict)  # by request token

    def new_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def id_of(self, login: str) -> int:
        """The id of a person or organisation, who exists from then on."""
        if login not in self.people:
            self.people[login] = self.new_id()
        return self.people[login]

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return dataclasses.asdict(self)


def read(document: Any) -> ForgeState:
    """The state of a document. Raises ValueError or TypeError for one that is none."""
    state: ForgeState = _typed(ForgeState, document)
    return state


def _typed(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        if unknown := set(value) - set(hints):
            raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
        return kind(**{name: _typed(hints[name], one) for name, one in value.items()})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is list:
        return [_typed(arguments[0], one) for one in value]
    if origin is dict:
        return {key: _typed(arguments[1], one) for key, one in value.items()}
    if NoneType in arguments and value is None:
        return None
    return value
