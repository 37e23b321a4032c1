"""What it costs to build one Python service whose dependencies are at hand, and one that was built before.

All of them find the same wheels, in a folder: no network is measured.
"""

import itertools
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench import peers
from bench.imports import imports_of
from bench.model import Absent, Contender, Contenders, Goal, Row
from bench.one_service import CHALICE, CHALICE_CONFIG, CODE, HANDLER, LOCK, PLATFORM, PYTHON, SAM, files, pins
from bench.repositories import Repository, git, key, make_history
from bench.workshop import Workshop, floor


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where one row works: folders that are made again for every run of the bench."""

    shop: Workshop
    folder: Path
    wheels: Path
    tools: peers.Installed  # Chalice's environment, which has a pip

    @property
    def offline_pip(self) -> Mapping[str, str]:
        """For sam, which looks for the runtime's interpreter with a pip on PATH, and for chalice."""
        path = f"{self.tools.folder / 'venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        return {
            "PATH": path,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def _desk(shop: Workshop, name: str) -> _Desk:
    """Raises RuntimeError where the wheels cannot be had."""
    try:
        tools = peers.install("chalice", shop.cache / "peers", offline=shop.offline, progress=shop.progress)
    except peers.NotInstallable as reason:
        raise RuntimeError(f"there is no pip to fetch wheels with: {reason}") from reason
    wheels = shop.kept(f"wheels-{key(LOCK.read_bytes(), PYTHON, PLATFORM)}", partial(_fetch, shop, tools))
    folder = shop.cache / "work" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return _Desk(shop, folder, wheels, tools)


def _fetch(shop: Workshop, tools: peers.Installed, into: Path) -> None:
    if shop.offline:
        raise RuntimeError("the wheels are not there yet, and --offline was asked for")
    shop.progress("fetching the wheels of one service")
    wheels = (
        "--only-binary=:all:",
        "--platform",
        PLATFORM,
        "--python-version",
        PYTHON.removeprefix("python"),
    )
    done = subprocess.run(
        [*tools.start("pip"), "download", "--quiet", "--no-deps", "--require-hashes", *wheels,
         "--dest", str(into), "--requirement", str(LOCK)],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"pip ended with {done.returncode}: {done.stderr.strip()[-200:]}")


# -- ours ------------------------------------------------------------------------------------------------


def _repository(desk: _Desk) -> Repository:
    make_history(desk.folder, [("feat: prices", files())])
    return Repository(desk.folder)


def _ours(desk: _Desk, *, shows: str) -> Contender:
    found = {"UV_FIND_LINKS": str(desk.wheels), "UV_OFFLINE": "1"}
    return desk.shop.ours("build", folder=desk.folder / "clone", shows=shows, name="release build", **found)


def _commit(repository: Repository, rounds: Iterator[int]) -> None:
    """A handler that was never built, on the remote: what only one clone has is not built."""
    clone = repository.clone
    (clone / "services/prices" / HANDLER).write_text(CODE.format(round=next(rounds)))
    person = ("-c", "user.name=Bench", "-c", "user.email=bench@example.invalid", "-c", "commit.gpgsign=false")
    git(clone, *person, "commit", "--quiet", "--all", "--message", "fix: another handler")
    git(clone, "push", "--quiet", "origin", "HEAD:main")


def _build(shop: Workshop) -> Contenders:
    desk = _desk(shop, "build-service")
    rounds = itertools.count(1)
    changed = partial(_commit, _repository(desk), rounds)
    ours = replace(_ours(desk, shows=r"prices .* built\b"), before=changed)
    return [ours, _sam(desk, "sam build"), _sam(desk, "sam build --cached", "--cached"), _chalice(desk)]


# -- peers -----------------------------------------------------------------------------------------------


def _sam(desk: _Desk, name: str, *arguments: str) -> Contender | Absent:
    """It fills a folder; the archive it leaves to `sam package`."""
    folder = desk.folder / name.replace(" ", "-")
    (folder / "src").mkdir(parents=True)
    (folder / "template.yaml").write_text(SAM)
    (folder / "src" / "requirements.txt").write_text(pins())
    found = desk.shop.peer(
        "aws-sam-cli", "build", *arguments, script="sam", folder=folder, name=name, shows="Build Succeeded"
    )
    return _of_each_round(found, folder / "src" / "handler.py", CODE, desk.offline_pip)


def _chalice(desk: _Desk) -> Contender | Absent:
    folder = desk.folder / "chalice"
    (folder / ".chalice").mkdir(parents=True)
    (folder / ".chalice" / "config.json").write_text(CHALICE_CONFIG)
    (folder / "requirements.txt").write_text(pins())
    found = desk.shop.peer(
        "chalice",
        "package",
        "out",
        folder=folder,
        name="chalice package",
        shows="Creating deployment package",
    )
    return _of_each_round(found, folder / "app.py", CHALICE, desk.offline_pip)


def _of_each_round(
    found: Contender | Absent, code: Path, text: str, environment: Mapping[str, str]
) -> Contender | Absent:
    if isinstance(found, Absent):
        return found
    rounds = itertools.count(1)

    def before() -> None:
        code.write_text(text.format(round=next(rounds)))

    commands = tuple(replace(command, environment=environment) for command in found.commands)
    return replace(found, commands=commands, before=before)


# -- what was built before -------------------------------------------------------------------------------


def _unchanged(shop: Workshop) -> Contenders:
    desk = _desk(shop, "build-unchanged")
    clone = _repository(desk).clone
    whole = _ours(desk, shows=r"prices .* reused\b")
    (command,) = whole.commands
    environment = {**shop.environment(), **command.environment}
    for _ in range(2):  # the second one finds the first one's work, as every further one will
        done = subprocess.run(
            command.argv, cwd=clone, env=environment, check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"release build ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    modules = desk.folder / "imports.txt"
    modules.write_text("\n".join(imports_of(["build"], clone, environment)))
    inside = shop.program("build_after_imports", str(modules), folder=clone, **command.environment)
    imports = shop.program("import_all", str(modules), folder=clone)
    return [
        Contender("release build, imports done", "ours", shop.version, (inside,), whole.shows,
                  says_seconds=r"in ([0-9.]+) s after"),
        floor("imports alone", imports, version=f"Python {platform.python_version()}"),
        replace(whole, name="… as a whole process"),
    ]  # fmt: skip


ROWS = (
    Row(
        "build-service",
        "build one Python service whose handler has changed, dependencies at hand",
        _build,
        goals=(Goal(0.25, "sam build"), Goal(0.35, "chalice package")),
        rounds=5,
    ),
    Row(
        "build-unchanged",
        "build a commit that was built before",
        _unchanged,
        goals=(Goal(0.1),),
        rounds=11,
    ),
)
