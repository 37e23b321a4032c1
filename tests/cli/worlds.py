"""The repositories that the CLI meets: one that is in order, and others in which one thing is wrong.

`Fleet` is in order: a bare remote with pipelines, a service and a ledger by which dev and qa have run two
releases each. Building one takes a second; `copied` makes another in a few milliseconds.
"""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.repositories import Repository
from release.adapters.artifacts_folder import FolderArtifacts
from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.core.manifest import Manifest
from release.core.records import Event, Holder, ReleaseRef, Served

ACCOUNTS = {"dev": "111111111111", "qa": "222222222222", "uat": "333333333333", "prod": "444444444444"}
BUCKET = '{account: "999999999999", bucket: "acme-artifacts-{region}"}'
FOLDER = "{folder: ../store}"  # beside the clone
ENVIRONMENTS = """\
artifacts: ARTIFACTS
alias: live
environments:
  dev: {account: "111111111111", regions: [us-east-1]}
  qa:  {account: "222222222222", regions: [us-east-1]}
  uat: {account: "333333333333", regions: [us-east-1]}
"""
FLEET = """\
services: ["*"]
tags: "v{version}"
branches: [main]
stages:
  - {name: dev, on: push, rollout: all-at-once}
  - {name: qa, channel: qa, after: dev, rollout: all-at-once}
  - {name: uat, channel: rc, after: qa, rollout: all-at-once}
"""
SERVICE = """\
team: backend
owner: orders@acme.example
data_class: internal
cost_center: "4711"
runtime: python3.13
architecture: arm64
functions:
  api: {name: "orders-{stage}", handler: orders.handler.handler}
"""
TEMPLATE = """\
Parameters:
  AliasExists: {Type: String, Default: "false"}
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: "{{ functions.api.name }}"}
"""
FILES = {
    "pipelines/environments.yaml": ENVIRONMENTS.replace("ARTIFACTS", BUCKET),
    "pipelines/fleet.yaml": FLEET,
    "services/orders/service.yaml": SERVICE,
    "services/orders/template.yaml.j2": TEMPLATE,
    "services/orders/orders/handler.py": "def handler(event, context):\n    return {}\n",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == 0, f"git {arguments}: {done.stderr.decode()}"
    return done.stdout.decode(errors="surrogateescape").strip()


@dataclass(frozen=True)
class Fleet(Repository):
    """`clone` is a work tree, `remote` its bare origin, by a URL: a plain path would ignore --depth."""

    @classmethod
    def with_files(cls, folder: Path, files: dict[str, str] | None = None) -> "Fleet":
        """A clone and a remote whose main holds the files in one commit; no tag, no ledger."""
        fleet = cls(folder)
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "--quiet", "--template=", "--bare", "--initial-branch=main", str(fleet.remote))
        git(folder, "init", "--quiet", "--template=", "--initial-branch=main", str(fleet.clone))
        fleet.git("remote", "add", "origin", fleet.url)
        fleet.commit("feat: everything", FILES if files is None else files)
        fleet.git("push", "--quiet", "origin", "main")
        fleet.git("fetch", "--quiet", "origin")
        return fleet

    def copied(self, folder: Path) -> "Fleet":
        shutil.copytree(self.folder, folder, symlinks=True)
        copy = Fleet(folder)
        copy.git("config", "remote.origin.url", copy.url)
        return copy

    def git(self, *arguments: str) -> str:
        return git(self.clone, *arguments)

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, message: str, files: dict[str, str] | None = None) -> str:
        self.write(dict(files or {}))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        self.git("push", "--quiet", "origin", *(refs or ("HEAD:refs/heads/main",)))

    def tag(self, name: str, commit: str = "HEAD", *, message: str = "made by a test") -> None:
        """An annotated tag, on the remote as well."""
        self.git("tag", "--annotate", "--message", message, name, commit)
        self.push(f"refs/tags/{name}")

    def ran(
        self,
        stage: str,
        commit: str,
        number: int,
        tag: str | None = None,
        *,
        back_in: str | None = None,
        actor: str = "Test Person",
        run: str | None = None,
        known: str | None = None,
    ) -> None:
        """Record that a stage has run a commit with success, as a promotion would.

        `back_in`: as a rollback would that reached this region alone.
        """
        repo = GitRepo.open(self.clone)
        ledger = GitLedger(repo, SystemClock())
        state = ledger.read()
        served = Served("orders", f"orders-{stage}", ACCOUNTS[stage], "us-east-1")
        tag_object = self.git("rev-parse", f"refs/tags/{tag}") if tag else None
        empty = Manifest("fleet", commit, "lambda-release 0.1.0", {})
        manifest = FolderArtifacts(self.folder / "store").put(empty.to_bytes(), kind="manifest")
        begun: dict[str, Any] = {
            "id": f"20261121T0950{number:02d}Z-fleet-{stage}-{number:08x}",
            "at": f"2026-11-21T09:50:{number:02d}Z",
            "pipeline": "fleet",
            "stage": stage,
            "verb": "rollback" if back_in else "promote" if tag else "deploy",
            "regions": (back_in,) if back_in else None,
            "release": ReleaseRef(commit, manifest, tag, tag_object),
            "actor": actor,
            "run": run,
            "known": known,
            "tool": "lambda-release 0.1.0",
            "fence": state.head("fleet", stage).fence + 1,
        }
        holder = Holder("elsewhere/boot", 4711, "1")
        state = ledger.append(
            state,
            Event(kind="started", holder=holder, next_by="2026-11-21T10:50:00Z", before=(served,), **begun),
        )
        after = replace(served, lambda_version=str(number), code="c" * 64)
        ledger.append(state, Event(kind="outcome", outcome="succeeded", after=(after,), **begun))


def healthy(folder: Path, *, artifacts: str = BUCKET) -> Fleet:
    """Two commits, each of which dev and then qa have run with success.

    Their manifests are empty, and in the folder store whatever the configuration says.
    """
    environments = ENVIRONMENTS.replace("ARTIFACTS", artifacts)
    fleet = Fleet.with_files(folder, FILES | {"pipelines/environments.yaml": environments})
    for number, version in ((1, "v1.0.0-qa.1"), (3, "v1.0.0-qa.2")):
        commit = fleet.commit(f"feat: change {number}", {"services/orders/orders/data.txt": str(number)})
        fleet.push()
        fleet.ran("dev", commit, number)
        fleet.tag(version, commit)
        fleet.ran("qa", commit, number + 1, version)
    return fleet
