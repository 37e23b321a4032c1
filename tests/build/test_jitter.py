"""The services of this repository, with their real dependencies, built on machines that differ in everything
but the commit.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.errors import ExitCode
from tests.absent import absent

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")
APART = 2.1  # seconds: the clock of a zip has steps of two


@dataclass(frozen=True)
class Machine:
    umask: int
    zone: str
    locale: str
    seed: str
    in_memory: bool = False


MACHINES = (
    Machine(0o022, "UTC", "C", "1"),
    Machine(0o077, "Asia/Tokyo", "C.UTF-8", "2"),
    Machine(0o000, "America/New_York", "POSIX", "3", in_memory=True),
)


def git(cwd: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "safe.directory=*", *words], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """The work tree as one commit in a bare repository, with a store in a folder beside each clone."""
    tree, bare = tmp_path / "tree", tmp_path / "remote.git"
    tree.mkdir()
    for name in ("services", "pipelines", "templates"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    environments = tree / "pipelines/environments.yaml"
    settings = yaml.safe_load(environments.read_text(encoding="utf-8"))
    assert "bucket" in settings["artifacts"]
    settings["artifacts"] = {"folder": "../store"}
    environments.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "--all")
    git(tree, "commit", "-q", "-m", "feat: everything")
    git(tmp_path, "clone", "-q", "--bare", str(tree), str(bare))
    return bare


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Callable[[Machine, int], Path]]:
    made: list[Path] = []

    def folder(machine: Machine, number: int) -> Path:
        if machine.in_memory and os.access(MEMORY, os.W_OK):
            made.append(Path(tempfile.mkdtemp(prefix="jitter-", dir=MEMORY)))
            return made[-1]
        there = tmp_path / f"machine {number}" / ("deep/" * number)
        there.mkdir(parents=True)
        return there

    yield folder
    for one in made:
        shutil.rmtree(one)


def built(folder: Path, machine: Machine, target: str) -> Mapping[str, Any]:
    """What `release build` says on a machine. Skips where the packages of a platform cannot be had."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    kept = {
        name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_", "HTTP", "GIT_"))
    }
    ended = subprocess.run(
        [sys.executable, "-m", "release", "-C", str(folder / "clone"), "build", "--json"],
        cwd=folder,
        env=kept
        | {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
        | {"TZ": machine.zone, "LC_ALL": machine.locale, "PYTHONHASHSEED": machine.seed}
        | {"XDG_CACHE_HOME": str(folder / "cache"), "RELEASE_BUILD_TARGET": target},
        umask=machine.umask,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode == ExitCode.TRY_AGAIN:
        absent(f"the wheels for {target} cannot be had here: {ended.stderr.splitlines()[0]}")
    assert ended.returncode == 0, ended.stderr
    answer: Mapping[str, Any] = json.loads(ended.stdout)
    assert {one["outcome"] for one in answer["services"].values()} == {"built"}
    return answer


@pytest.mark.prove
@pytest.mark.parametrize("target", ["host", "lambda"])
def test_every_service_of_this_repository_has_the_same_bytes_on_every_machine(
    remote: Path,
    folders: Callable[[Machine, int], Path],
    target: str,
    request: pytest.FixtureRequest,
) -> None:
    """Other folder, umask, time zone, locale, hash seed, file system, time: one sha256 for each service."""
    said = []
    for number, machine in enumerate(MACHINES):
        folder = folders(machine, number)
        git(folder, "clone", "-q", str(remote), "clone")
        begun = time.monotonic()
        said.append(built(folder, machine, target))
        time.sleep(max(0.0, APART - (time.monotonic() - begun)))
    artifacts = [{name: one["artifact"] for name, one in answer["services"].items()} for answer in said]
    assert artifacts[0].keys() >= {"config-service", "price-fetcher"}
    assert artifacts[1:] == artifacts[:1] * 2
    assert {answer["manifest"] for answer in said} == {said[0]["manifest"]}
    digests = ", ".join(f"{name} {digest[:10]}" for name, digest in artifacts[0].items())
    request.node.user_properties.append(("proof", f"{len(MACHINES)} jittered builds for {target}: {digests}"))
