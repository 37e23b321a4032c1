"""What people see of releases on a forge: deployments, releases, pull requests, workflow runs, settings.

Every method raises Misconfigured (token, permission, no such repository), Unavailable (out of reach, or its
rate limit stays used up) and Conflict (somebody else is at the same thing). A write whose answer was lost
raises AnswerLost and is not sent again: who has looked what is there knows whether it was done. Reads are
repeated inside. What is `None` where nothing was found may also be hidden from the token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.core.forge.deployments import WantedDeployment
    from release.core.forge.facts import (
        Approval,
        AssetFacts,
        BranchProtection,
        CommentFacts,
        DeploymentFacts,
        EnvironmentFacts,
        JobFacts,
        PullFacts,
        ReleaseFacts,
        RepositoryFacts,
        RulesetFacts,
        RunFacts,
        StatusFacts,
        TokenDefaults,
    )
    from release.core.forge.releases import WantedAsset, WantedRelease


class ForgeDeployments(Protocol):
    def of(self, environment: str, *, since: str) -> Sequence[DeploymentFacts]:
        """Those created from this moment on (UTC, as the ledger writes it), newest first."""

    def status(self, deployment: int) -> StatusFacts | None:
        """The newest one."""

    def create(self, wanted: WantedDeployment) -> DeploymentFacts: ...

    def add_status(self, deployment: int, status: StatusFacts) -> None: ...


class ForgeReleases(Protocol):
    def published(self, tag: str) -> ReleaseFacts | None: ...

    def drafts(self, tag: str) -> Sequence[ReleaseFacts]:
        """Every draft of a tag: looks through all releases, because a draft has no address of its own."""

    def asset(self, asset: AssetFacts) -> bytes:
        """What a file holds."""

    def create_draft(self, wanted: WantedRelease) -> ReleaseFacts: ...

    def upload(self, release: ReleaseFacts, asset: WantedAsset) -> AssetFacts:
        """Raises AnswerLost where other bytes have been stored than were sent."""

    def delete_asset(self, asset: int) -> None:
        """Nothing happens when it is not there; as with the next."""

    def delete_release(self, release: int) -> None: ...

    def publish(self, release: int, wanted: WantedRelease) -> ReleaseFacts:
        """Make a draft a release, with these words."""


class ForgePulls(Protocol):
    def pull(self, number: int) -> PullFacts | None: ...

    def of_commit(self, commit: str) -> Sequence[PullFacts]:
        """Pull requests that brought a commit in; none for a commit that the forge does not know."""

    def comments(self, number: int) -> Sequence[CommentFacts]:
        """Oldest first."""

    def create_comment(self, number: int, body: str) -> None: ...

    def update_comment(self, comment: int, body: str) -> None: ...


class ForgeRuns(Protocol):
    def run(self, id: int, *, at_once: bool = False) -> RunFacts | None:
        """`at_once`: without patience, as with a login; what is not found is Misconfigured then."""

    def runs(
        self, workflow: str, *, event: str | None = None, since: str | None = None
    ) -> Iterator[RunFacts]:
        """Runs of a workflow (name of its file), newest first; `since`: created at or after (UTC)."""

    def jobs(self, run: int) -> Sequence[JobFacts]:
        """Of its newest attempt."""

    def waiting(self, run: int) -> Sequence[str]:
        """Names of the environments whose reviewers it waits for."""

    def approvals(self, run: int) -> Sequence[Approval]:
        """Every answer to a run that waited for reviewers, of all its attempts."""

    def dispatch(self, workflow: str, *, ref: str, inputs: Mapping[str, str]) -> int | None:
        """Start a workflow. Returns the run's id where the forge tells it."""


class ForgeSettings(Protocol):
    def repository(self) -> RepositoryFacts: ...

    def environments(self) -> Sequence[EnvironmentFacts]: ...

    def rulesets(self) -> Sequence[RulesetFacts]:
        """Those of the repository and those above it that hold for it, with their rules."""

    def protection(self, branch: str) -> BranchProtection | None:
        """None here and below: there is none, or whoever asks is no administrator."""

    def immutable_releases(self) -> bool | None:
        """Whether what is published from now on is immutable."""

    def token_defaults(self) -> TokenDefaults | None: ...

    def subject_claims(self) -> Sequence[str] | None:
        """What OIDC subjects are made of. None: what GitHub makes them of by itself."""

    def secrets(self) -> frozenset[str]:
        """Names of the secrets that workflows of the repository get."""


class Forge(Protocol):
    """One repository of one forge."""

    @property
    def url(self) -> str:
        """Address of the repository, for people."""

    @property
    def name(self) -> str:
        """OWNER/NAME."""

    def login(self, *, at_once: bool = False) -> str | None:
        """Whose token it is. None: no person's (an app's, or that of a workflow).

        `at_once`: without repeating what fails, for what may go on without an answer.
        """

    @property
    def deployments(self) -> ForgeDeployments: ...

    @property
    def releases(self) -> ForgeReleases: ...

    @property
    def pulls(self) -> ForgePulls: ...

    @property
    def runs(self) -> ForgeRuns: ...

    @property
    def settings(self) -> ForgeSettings: ...
