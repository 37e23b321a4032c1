"""A small fleet of real parts: two tiny services in a real repository, a bare remote, the sandbox, the CLI.

A `World` is one repository with accounts of its own in a sandbox that many worlds share. Nothing here uses
the code under test but the CLI as a process: ledger and tags are read with git, aliases with boto3.
"""

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import boto3
from botocore.config import Config

from release.sandbox.session import Sandbox
from tests.e2e.forks import Starter
from tests.e2e.processes import Ended, Running
from tests.e2e.remote import Remote
from tests.e2e.texts import (
    ARTIFACT_ACCOUNT,
    BUCKET,
    GIT_CONFIG,
    HANDLER,
    HOOK,
    PRIMARY,
    REGIONS,
    SERVICES,
    pipelines,
    service,
)

ROOT = Path(__file__).resolve().parents[2]
FORKS = (
    sys.platform == "linux"
)  # elsewhere a library may not stand being forked, and commands start from nothing
_FIRST_ACCOUNT, _ACCOUNTS = 200000000000, 2000


class Fleet:
    """The sandbox of a test session, its shared artifact buckets, and repositories to start from."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.session = boto3.session.Session()
        self._accounts = itertools.count(_FIRST_ACCOUNT)
        self._numbers = itertools.count(1)
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._running: list[Running] = []
        home = folder / "home"
        home.mkdir()
        (home / ".gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
        self.environment = sandbox.environment(base=_environment(home))
        self._starter = Starter(self.environment, ROOT) if FORKS else None
        # Buckets that every world may read; the roles come with the worlds.
        sandbox.provision(
            environments=[
                (str(account), REGIONS, None) for account in range(_FIRST_ACCOUNT, _FIRST_ACCOUNT + _ACCOUNTS)
            ],
            artifact_account=ARTIFACT_ACCOUNT,
            bucket_pattern=BUCKET,
        )

    def account(self) -> str:
        """A new account with a deploy role, and the execution role `function` of all functions in it."""
        account = str(next(self._accounts))
        iam = self._client("iam", account, PRIMARY)
        for name, principal in (
            ("release-deploy", {"AWS": f"arn:aws:iam::{ARTIFACT_ACCOUNT}:root"}),
            ("function", {"Service": "lambda.amazonaws.com"}),
        ):
            statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)
        return account

    def client(self, service: str, account: str, region: str) -> Any:
        key = (service, account, region)
        if key not in self._clients:
            self._clients[key] = self._client(*key)
        return self._clients[key]

    def _client(self, service: str, account: str, region: str) -> Any:
        return self.session.client(
            cast(Any, service),
            region,
            endpoint_url=self.sandbox.endpoint,
            aws_access_key_id=account,
            aws_secret_access_key="sandbox",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def start(self, words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Running:
        log = self.folder / f"run-{next(self._numbers)}"
        running = Running(words, cwd, environment, log, self._starter)
        self._running.append(running)
        return running

    def end(self) -> None:
        self.end_all()
        if self._starter is not None:
            self._starter.end()

    def end_all(self) -> None:
        """Kill whatever a test has left running."""
        while self._running:
            self._running.pop().end()

    def git(self, cwd: Path, *words: str, given: str = "") -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=cwd,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            input=given,
        )
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def world(
        self,
        stages: Mapping[str, str],
        services: Sequence[str] = SERVICES,
        files: Callable[[str], Mapping[str, str]] = service,
    ) -> "World":
        """A new repository with these services, pushed to a remote of its own; no stage runs anything yet."""
        folder = self.folder / f"world-{next(self._numbers)}"
        folder.mkdir()
        remote, clone = folder / "remote.git", folder / "clone"
        self.git(folder, "init", "--quiet", "--bare", "--template=", str(remote))
        self.git(folder, "clone", "--quiet", "--template=", str(remote), str(clone))
        for name in services:
            _write(clone, files(name))
        accounts = {stage: self.account() for stage in stages}
        world = World(self, folder, accounts, stages, services)
        world.merge(f"feat: {len(services)} services", pipelines(accounts, stages))
        return world


class World:
    """One repository, its remote and its accounts."""

    def __init__(
        self,
        fleet: Fleet,
        folder: Path,
        accounts: Mapping[str, str],
        stages: Mapping[str, str],
        services: Sequence[str] = SERVICES,
    ) -> None:
        self.fleet = fleet
        self.folder = folder
        self.clone, self.control = folder / "clone", folder / "control"
        self.remote = Remote(folder / "remote.git", fleet.git)
        self.accounts = dict(accounts)
        self.stages = dict(stages)
        self.services = tuple(services)
        self.control.mkdir(exist_ok=True)
        (self.remote.path / "hooks").mkdir(exist_ok=True)
        for side, hook in (("before", "pre-receive"), ("after", "post-receive")):
            path = self.remote.path / "hooks" / hook
            path.write_text(HOOK.format(side=side, control=self.control), encoding="utf-8")
            path.chmod(0o755)

    def copy(self, *fresh: str, stages: Mapping[str, str] | None = None) -> "World":
        """The same history in a repository of its own, with new accounts for the stages in `fresh`.

        `stages`: in the place of those that it has.
        """
        stages = stages or self.stages
        folder = self.fleet.folder / f"world-{next(self.fleet._numbers)}"
        folder.mkdir()
        shutil.copytree(self.remote.path, folder / "remote.git")
        shutil.copytree(self.clone, folder / "clone")
        accounts = {**self.accounts, **{stage: self.fleet.account() for stage in fresh}}
        world = World(self.fleet, folder, accounts, stages, self.services)
        self.fleet.git(world.clone, "remote", "set-url", "origin", str(world.remote.path))
        world.merge("chore: other accounts", pipelines(accounts, stages))
        return world

    # -- acting

    def release(self, *words: str, ends: int | None = 0) -> Ended:
        """Run the CLI in the clone; `ends` is the exit code it must have (None: any)."""
        ended = self.start(*words).wait()
        assert ends is None or ended.code == ends, f"expected {ends}: {ended}"
        assert "Traceback" not in ended.err, str(ended)
        return ended

    def start(self, *words: str, **environment: str) -> Running:
        return self.fleet.start(words, self.clone, {**self.fleet.environment, **environment})

    def until(self, holds: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for something that another process does."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
            time.sleep(0.01)

    def git(self, *words: str) -> str:
        return self.fleet.git(self.clone, *words)

    def merge(self, message: str, files: Mapping[str, str]) -> str:
        """Write files, commit, push to main; the commit."""
        _write(self.clone, files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        self.reset_pushes()
        return self.git("rev-parse", "HEAD")

    def change(self, release: str, *services: str, text: str = HANDLER) -> str:
        """Merge a release of these services (default: all) whose handlers say `release`."""
        named = services or self.services
        return self.merge(
            f"feat: {' and '.join(named)} {release}",
            {
                f"services/{name}/{name}/handler.py": text.replace('RELEASE = "1"', f'RELEASE = "{release}"')
                for name in named
            },
        )

    def take_to_qa(self, release: str, *services: str, text: str = HANDLER) -> None:
        """Merge a change and bring it through dev to QA."""
        self.change(release, *services, text=text)
        self.release("deploy", "dev", "--yes")
        self.release("promote", "qa", "--yes")
        self.reset_pushes()

    # -- pushes that hang

    def reset_pushes(self) -> None:
        """Forget the pushes so far and what was to hang."""
        for name in ("pushes-before", "pushes-after", "hang-before", "hang-after", "hanging"):
            (self.control / name).unlink(missing_ok=True)

    def hang_push(self, number: int, side: str) -> None:
        """The push of this number (from 1) hangs before or after its refs have changed."""
        self.reset_pushes()
        (self.control / f"hang-{side}").write_text(str(number), encoding="utf-8")

    @property
    def push_hangs(self) -> bool:
        return (self.control / "hanging").exists()

    def pushes(self) -> list[float]:
        """When each push that was accepted since then had changed its refs, in seconds since 1970."""
        path = self.control / "pushes-after"
        return [float(line) for line in path.read_text().split()] if path.exists() else []

    # -- what AWS has

    def functions(self, stage: str, region: str) -> Any:
        return self.fleet.client("lambda", self.accounts[stage], region)

    def alias(self, service: str, stage: str, region: str = PRIMARY) -> dict[str, Any] | None:
        """The alias `live`, as AWS shows it. None: there is none."""
        functions = self.functions(stage, region)
        try:
            found: dict[str, Any] = functions.get_alias(FunctionName=f"{service}-{stage}", Name="live")
        except functions.exceptions.ResourceNotFoundException:
            return None
        return found

    def live(self, stage: str) -> dict[tuple[str, str], str | None]:
        """(service, region) -> lambda version behind the alias, in every region of a stage."""
        regions = REGIONS if stage == "prod" else (PRIMARY,)
        found = {
            (name, region): self.alias(name, stage, region) for region in regions for name in self.services
        }
        return {key: alias["FunctionVersion"] if alias else None for key, alias in found.items()}

    def versions(self, service: str, stage: str, region: str = PRIMARY) -> list[dict[str, Any]]:
        """Published versions, without $LATEST."""
        functions = self.functions(stage, region)
        try:
            shown = functions.list_versions_by_function(FunctionName=f"{service}-{stage}")["Versions"]
        except functions.exceptions.ResourceNotFoundException:
            return []
        return [version for version in shown if version["Version"] != "$LATEST"]

    def code(self, service: str, stage: str, region: str = PRIMARY) -> str:
        """sha256 (hex) of what the alias serves."""
        found = self.functions(stage, region).get_function(
            FunctionName=f"{service}-{stage}", Qualifier="live"
        )
        return base64.b64decode(found["Configuration"]["CodeSha256"]).hex()

    def says(self, service: str, stage: str, region: str = PRIMARY) -> str:
        """What the service answers through its alias."""
        answer = self.functions(stage, region).invoke(
            FunctionName=f"{service}-{stage}", Qualifier="live", Payload=b"{}"
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
        said: str = json.load(answer["Payload"])["body"]
        return said

    def manifest(self, digest: str) -> dict[str, Any]:
        """The manifest of this digest, found by its content."""
        s3 = self.fleet.client("s3", ARTIFACT_ACCOUNT, PRIMARY)
        bucket = BUCKET.format(region=PRIMARY)
        listed = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        found_in = (item["Key"] for page in listed for item in page.get("Contents", []))
        keys = [key for key in found_in if digest in key and not key.startswith("index/")]
        assert len(keys) == 1, keys
        found: dict[str, Any] = json.load(s3.get_object(Bucket=bucket, Key=keys[0])["Body"])
        return found


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """A fleet with a sandbox that ends with the block, and every process with it."""
    with Sandbox.start(settle_seconds=0.05) as sandbox:
        made = Fleet(sandbox, folder)
        try:
            yield made
        finally:
            made.end()


def _environment(home: Path) -> dict[str, str]:
    kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "UV_CACHE_DIR")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "TZ": "UTC",
    }


def _write(top: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
