"""What a test says to the forge beside the API: what people, jobs and GitHub itself would have done.

Each public method of `Setup` is a door of the sandbox, /_sandbox/forge/METHOD, and takes its arguments as a
JSON object.
"""

import inspect
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from release.errors import Misconfigured
from release.sandbox.forge import people
from release.sandbox.forge.accounts import Accounts
from release.sandbox.forge.assets import Assets
from release.sandbox.forge.git_objects import GitObjects, is_bare_repository
from release.sandbox.forge.runs import Runs
from release.sandbox.forge.state import ForgeState, Job, JobIdentity, Level, Pull, Repository, now

_NAME = re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}")
_CHANGEABLE_RUN = ("status", "conclusion", "waiting_for", "attempt")
_CHANGEABLE_REPOSITORY = ("private", "roles", "subject_has_ids")


class Setup:
    def __init__(self, state: ForgeState, assets: Assets, runs: Runs, accounts: Accounts) -> None:
        self._state = state
        self._assets = assets
        self._runs = runs
        self._accounts = accounts
        self._violations: list[dict[str, str]] = []

    def answer(self, method: str, arguments: Any) -> Any:
        """What a method answers. Raises Misconfigured for one that there is not, or not with these
        arguments.
        """
        known = {name for name, one in inspect.getmembers(type(self), inspect.isfunction) if name[0] != "_"}
        if method not in known - {"answer", "note_violation"}:
            raise Misconfigured(
                f"the forge has no door {method!r}", fix="use the sandbox of this very version"
            )
        bound = getattr(self, method)
        try:
            inspect.signature(bound).bind(**arguments)
        except TypeError as error:
            raise Misconfigured(
                f"{method} of the forge: {error}", fix="give what the method takes"
            ) from error
        return bound(**arguments)

    def note_violation(self, kind: str, repository: str, request: str, problem: str) -> None:
        """`kind` "request": a client broke the description; "answer": the forge itself did."""
        self._violations.append(
            {"kind": kind, "repository": repository, "request": request, "problem": problem}
        )

    def violations(self) -> list[dict[str, str]]:
        return list(self._violations)

    def state(self) -> dict[str, Any]:
        """Everything, without what would let somebody sign in."""
        document = self._state.document()
        for secret in ("secret", "app_tokens", "job_identities"):
            del document[secret]
        return document

    def add_repository(self, name: str, remote: str) -> None:
        """Stands on a bare git repository. A name that is known gets this remote, and keeps everything
        else.
        """
        if not _NAME.fullmatch(name):
            raise Misconfigured(f"{name!r} is no repository", fix="name it OWNER/NAME, as on GitHub")
        if not is_bare_repository(Path(remote)):
            raise Misconfigured(
                f"{remote} is no bare git repository", fix="give what `Sandbox.remote` returns"
            )
        known = self._state.repositories.get(name.lower())
        if known:
            known.name, known.remote = name, remote
            return
        owner = self._state.id_of(name.partition("/")[0])
        self._state.repositories[name.lower()] = Repository(self._state.new_id(), owner, name, remote, now())

    def change_repository(self, repository: str, **changes: Any) -> None:
        """`private`, `roles` (login -> read, write or admin), `subject_has_ids`."""
        found = self._repository(repository)
        for role in changes.get("roles", {}).values():
            if role not in get_args(Level):
                raise Misconfigured(f"there is no role {role!r}", fix="a role is read, write or admin")
        _change(found, changes, _CHANGEABLE_REPOSITORY)

    def app_token(self, repository: str, permissions: Mapping[str, Level]) -> str:
        """A new token of a job in the repository."""
        return people.new_app_token(self._state, self._repository(repository).name, permissions)

    def job_token(
        self, repository: str, claims: Mapping[str, str], lifetime_seconds: float, ref: str, workflow: str
    ) -> str:
        """A token with which a job asks for its identity; `claims` are added to what GitHub says of every
        job.
        """
        found = self._repository(repository)
        git = GitObjects(found.remote)
        sha = git.resolve(ref) or "0" * 40
        whole = {
            "repository": found.name,
            "repository_owner": found.owner,
            "repository_id": str(found.id),
            "repository_owner_id": str(found.owner_id),
            "repository_visibility": "private" if found.private else "public",
            "ref": ref,
            "ref_type": "tag" if ref.startswith("refs/tags/") else "branch",
            "sha": sha,
            "event_name": "workflow_dispatch",
            "runner_environment": "github-hosted",
            "actor": "octocat",
            "run_id": "1",
            "run_number": "1",
            "run_attempt": "1",
            "head_ref": "",
            "base_ref": "",
            "workflow": workflow,
            "workflow_ref": f"{found.name}/.github/workflows/{workflow}@{ref}",
            "workflow_sha": sha,
            "job_workflow_ref": f"{found.name}/.github/workflows/{workflow}@{ref}",
            "job_workflow_sha": sha,
            **claims,
        }
        whole.setdefault("actor_id", str(self._state.id_of(whole["actor"])))
        token = secrets.token_urlsafe(30)
        self._state.job_identities[token] = JobIdentity(whole, lifetime_seconds)
        return token

    def add_pull(
        self,
        repository: str,
        title: str,
        commits: list[str],
        user: str = "octocat",
        head: str = "topic",
        base: str = "main",
        merged_as: str | None = None,
        number: int | None = None,
    ) -> int:
        """A pull request of these commits (oldest first); its number."""
        found = self._repository(repository)
        taken = {one.number for one in found.pulls}
        chosen = number or max(taken, default=0) + 1
        if chosen in taken or not commits:
            raise Misconfigured(
                f"pull request {chosen} cannot be", fix="a number is used once, for some commits"
            )
        pull = Pull(self._state.new_id(), chosen, title, user, head, base, commits, merged_as, now())
        found.pulls.append(pull)
        return chosen

    def add_run(self, repository: str, workflow: str, **described: Any) -> int:
        """A run, as `Runs.add` takes it; its id."""
        found = self._repository(repository)
        git = GitObjects(found.remote)
        branch = described.pop("branch", git.default_branch())
        waiting_for = tuple(described.pop("waiting_for", ()))
        run = self._runs.add(
            found,
            workflow=f".github/workflows/{workflow}",
            title=described.pop("title", workflow),
            event=described.pop("event", "workflow_dispatch"),
            branch=branch,
            sha=described.pop("sha", None) or git.resolve(branch) or "0" * 40,
            actor=described.pop("actor", "octocat"),
            waiting_for=waiting_for,
            **described,
        )
        return run.id

    def change_run(self, repository: str, run_id: int, **changes: Any) -> None:
        """`status`, `conclusion`, `waiting_for` (names of environments), `attempt`."""
        for run in self._repository(repository).runs:
            if run.id == run_id:
                _change(run, changes, _CHANGEABLE_RUN)
                run.updated_at = now()
                return
        raise Misconfigured(f"there is no run {run_id}", fix="give the id of a run of this repository")

    def add_job(self, repository: str, run_id: int, name: str, status: str, conclusion: str | None) -> int:
        for run in self._repository(repository).runs:
            if run.id == run_id:
                ended = now() if status == "completed" else None
                run.jobs.append(Job(self._state.new_id(), name, status, conclusion, now(), ended))
                return run.jobs[-1].id
        raise Misconfigured(f"there is no run {run_id}", fix="give the id of a run of this repository")

    def cut_upload(self, repository: str, release_id: int, name: str) -> int:
        """What an upload leaves whose connection broke; the asset's id."""
        for release in self._repository(repository).releases:
            if release.id == release_id:
                return self._assets.cut_upload(release, name, "octocat").id
        raise Misconfigured(f"there is no release {release_id}", fix="give the id of a release")

    def limit_requests(self, hourly: int | None) -> None:
        """How many requests each caller may make in an hour; None: as many as with GitHub."""
        self._accounts.hourly = hourly

    def person(self, login: str) -> int:
        """The id of a person, who exists from then on."""
        return self._state.id_of(login)

    def _repository(self, name: str) -> Repository:
        found = self._state.repositories.get(name.lower())
        if found is None:
            raise Misconfigured(f"the forge has no repository {name}", fix="add it: `Forge.add_repository`")
        return found


def _change(record: Any, changes: Mapping[str, Any], changeable: tuple[str, ...]) -> None:
    for name, value in changes.items():
        if name not in changeable:
            raise Misconfigured(
                f"{name!r} is not to be changed here", fix=f"these are: {', '.join(changeable)}"
            )
        setattr(record, name, value)
