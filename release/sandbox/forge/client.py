"""The Python side of the forge: repositories, people and jobs of a running sandbox, and what it remembers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from release.sandbox.doors import Doors
from release.sandbox.forge.state import Level
from release.sandbox.forge.wire import PREFIX

DEFAULT_LOGIN = "developer"
ID_TOKEN_SECONDS = 300.0  # as GitHub's hold
# What would lead a program of the sandbox to the real GitHub, or let it show a real token to the sandbox.
REMOVED = (
    *("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GH_HOST", "GH_REPO"),
    *("GITHUB_API_URL", "GITHUB_SERVER_URL", "GITHUB_GRAPHQL_URL"),
    *("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
)


class Forge:
    """The forge of the sandbox at `endpoint`. Methods raise Misconfigured for what cannot be."""

    def __init__(self, endpoint: str, doors: Doors) -> None:
        self.site = f"{endpoint}{PREFIX}"
        self.api = f"{self.site}/api/v3"
        self._doors = doors

    def addresses(self) -> dict[str, str]:
        """The variables that lead every client of GitHub here; none of them lets it sign in."""
        return {"GITHUB_API_URL": self.api, "GITHUB_SERVER_URL": self.site}

    def environment(self, repository: str, *, login: str = DEFAULT_LOGIN) -> dict[str, str]:
        """What a person has on their machine: the addresses, the repository, a token of `login`."""
        return {**self.addresses(), "GITHUB_REPOSITORY": repository, "GH_TOKEN": f"gho_{login}"}

    def add_repository(self, name: str, remote: Path) -> str:
        """OWNER/NAME on a bare git remote, as `Sandbox.remote` makes it; what is known gets this remote."""
        self._doors.forge("add_repository", name=name, remote=str(remote))
        return name

    def change_repository(
        self,
        repository: str,
        *,
        private: bool | None = None,
        roles: Mapping[str, Level] | None = None,
        subject_has_ids: bool | None = None,
    ) -> None:
        """`roles`: of people (who is not named is an admin); `subject_has_ids`: of OIDC, as of new
        repositories.
        """
        changes = {"private": private, "roles": roles, "subject_has_ids": subject_has_ids}
        given = {name: value for name, value in changes.items() if value is not None}
        self._doors.forge("change_repository", repository=repository, **given)

    def app_token(self, repository: str, **permissions: Level) -> str:
        """The GITHUB_TOKEN of a job with these permissions (pull_requests for `pull-requests`), and no
        others.
        """
        named = {name.replace("_", "-"): level for name, level in permissions.items()}
        return cast(str, self._doors.forge("app_token", repository=repository, permissions=named))

    def job_environment(
        self,
        repository: str,
        *,
        environment: str | None = None,
        ref: str = "refs/heads/main",
        workflow: str = "release.yml",
        lifetime_seconds: float = ID_TOKEN_SECONDS,
        **claims: str,
    ) -> dict[str, str]:
        """What a job with `id-token: write` has to ask for its identity.

        `environment` is the one that the job names; `claims` (actor, run_id, event_name, job_workflow_ref,
        …) take the place of what GitHub would say of the run. Its tokens hold for `lifetime_seconds`.
        """
        said = {**claims, **({"environment": environment} if environment else {})}
        token = self._doors.forge(
            "job_token",
            repository=repository,
            claims=said,
            lifetime_seconds=lifetime_seconds,
            ref=ref,
            workflow=workflow,
        )
        # With a query string already, as GitHub's has.
        url = f"{self.site}/_services/token?api-version=2.0"
        return {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": cast(str, token)}

    def add_pull(self, repository: str, title: str, commits: Sequence[str], **described: Any) -> int:
        """A pull request of these commits, oldest first; its number.

        `described`: `user`, `head`, `base`, `number`, and `merged_as`, the commit that it became.
        """
        pull = self._doors.forge(
            "add_pull", repository=repository, title=title, commits=[*commits], **described
        )
        return cast(int, pull)

    def add_run(self, repository: str, workflow: str, **described: Any) -> int:
        """A run of `workflow` (NAME.yml); its id.

        `described`: `title`, `event`, `branch`, `sha`, `actor`, `triggering_actor`, `status`, `conclusion`,
        `attempt`, `inputs`, `run_id`, and `waiting_for`, the names of environments.
        """
        return cast(int, self._doors.forge("add_run", repository=repository, workflow=workflow, **described))

    def change_run(self, repository: str, run_id: int, **changes: Any) -> None:
        """`status`, `conclusion`, `waiting_for`, `attempt`."""
        self._doors.forge("change_run", repository=repository, run_id=run_id, **changes)

    def add_job(
        self,
        repository: str,
        run_id: int,
        name: str,
        status: str = "completed",
        conclusion: str | None = "success",
    ) -> int:
        return cast(
            int,
            self._doors.forge(
                "add_job",
                repository=repository,
                run_id=run_id,
                name=name,
                status=status,
                conclusion=conclusion,
            ),
        )

    def dispatched(self, repository: str) -> list[dict[str, Any]]:
        """The runs that somebody has dispatched, oldest first; `inputs` are those of the dispatch."""
        runs: list[dict[str, Any]] = self.state(repository)["runs"]
        return [run for run in runs if run["event"] == "workflow_dispatch"]

    def cut_upload(self, repository: str, release_id: int, name: str) -> int:
        """Leaves in a release what an upload leaves whose connection broke; the asset's id."""
        asset = self._doors.forge("cut_upload", repository=repository, release_id=release_id, name=name)
        return cast(int, asset)

    def person(self, login: str) -> int:
        """The id of a person, as reviewers of an environment are named."""
        return cast(int, self._doors.forge("person", login=login))

    def limit_requests(self, hourly: int | None) -> None:
        """How many requests each caller may make in an hour; None: as many as with GitHub."""
        self._doors.forge("limit_requests", hourly=hourly)

    def state(self, repository: str) -> dict[str, Any]:
        """All that the forge holds of a repository: the fields of `state.Repository`."""
        whole: dict[str, Any] = self._doors.forge("state")
        found: dict[str, Any] = whole["repositories"][repository.lower()]
        return found

    def violations(self, repository: str | None = None) -> list[dict[str, str]]:
        """What broke GitHub's description: `kind` ("request" or "answer"), `request`, `problem`,
        `repository`.
        """
        found: list[dict[str, str]] = self._doors.forge("violations")
        return [one for one in found if repository is None or one["repository"].lower() == repository.lower()]
