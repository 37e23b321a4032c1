"""A repository of its own on the forge for each test, with two commits, and clients that speak real HTTP."""

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from release.sandbox.session import Sandbox
from tests.plain_http import NOBODY

_numbers = itertools.count(1)


def git(at: Path, *arguments: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
        "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
        **{
            f"GIT_{who}_{what}": "ana@acme.example"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    done = subprocess.run(
        ["git", *arguments], cwd=at, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@dataclass(frozen=True)
class Repo:
    """`client` speaks as ana, an admin; paths are below the repository."""

    sandbox: Sandbox
    name: str
    remote: Path
    tree: Path
    client: httpx.Client
    open_client: Callable[[str | None], httpx.Client]

    def ask(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        return self.client.request(method, f"/repos/{self.name}{path}", **options)

    def ok(self, method: str, path: str = "", **options: Any) -> Any:
        answer = self.ask(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str = "", **options: Any) -> tuple[int, str]:
        """Status and words of a refusal, those of its errors as well."""
        answer = self.ask(method, path, **options)
        assert answer.is_error, answer.text
        said = answer.json()
        errors = [
            " ".join((e.get("field", ""), e["code"], e.get("message", ""))) for e in said.get("errors", ())
        ]
        return answer.status_code, "; ".join([said["message"], *errors]).strip()

    def release(self, tag: str = "v1.0.0", **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.ok("POST", "/releases", json={"tag_name": tag, **fields})
        return made

    def upload(self, release: dict[str, Any], name: str, content: bytes = b"{}") -> httpx.Response:
        address = release["upload_url"].partition("{")[0]
        return self.client.post(address, params={"name": name}, content=content)

    def head(self, ref: str = "main") -> str:
        return git(self.remote, "rev-parse", ref)

    def as_token(self, token: str) -> "Repo":
        """The same repository, for somebody else."""
        client = self.open_client(token)
        return Repo(self.sandbox, self.name, self.remote, self.tree, client, self.open_client)


def client_of(sandbox: Sandbox, token: str | None) -> httpx.Client:
    headers = {"User-Agent": "tests"} | ({"Authorization": f"Bearer {token}"} if token else {})
    # The first answer of a sandbox takes a second, since the description is read then.
    return httpx.Client(
        base_url=sandbox.forge.api, headers=headers, trust_env=False, timeout=30, verify=NOBODY
    )


MakeRepo = Callable[[], Repo]


@pytest.fixture
def make_repo(sandbox: Sandbox, tmp_path: Path) -> Iterator[MakeRepo]:
    made: list[Repo] = []
    clients: list[httpx.Client] = []

    def open_client(token: str | None) -> httpx.Client:
        clients.append(client_of(sandbox, token))
        return clients[-1]

    def make() -> Repo:
        number = next(_numbers)
        tree = tmp_path / f"tree-{number}"
        tree.mkdir()
        git(tree, "init", "--quiet", "--initial-branch=main")
        git(tree, "commit", "--quiet", "--allow-empty", "-m", "first")
        git(tree, "commit", "--quiet", "--allow-empty", "-m", "second")
        remote = sandbox.remote(tree)
        name = sandbox.forge.add_repository(f"acme/fleet-{number}", remote)
        made.append(Repo(sandbox, name, remote, tree, open_client("gho_ana"), open_client))
        return made[-1]

    yield make
    for client in clients:
        client.close()
    for one in made:
        broken = [found for found in sandbox.forge.violations(one.name) if found["kind"] == "answer"]
        assert not broken, "the forge broke GitHub's description"


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    return make_repo()
