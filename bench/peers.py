"""Peers: installed on demand, at the versions and hashes of bench/locks, into a folder outside git.

Where packages come from is the machine's own configuration of uv and npm.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

LOCKS = Path(__file__).resolve().parent / "locks"
_SECONDS_TO_INSTALL = 600


class NotInstallable(Exception):
    """Why a peer is not there."""


@dataclass(frozen=True, slots=True)
class Installed:
    """`start` gives the beginning of the argument list of one of its commands."""

    folder: Path
    version: str
    node: str | None = None

    def start(self, script: str) -> tuple[str, ...]:
        if self.node is None:
            return (str(self.folder / "venv" / "bin" / script),)
        return (self.node, str(self.folder / "node_modules" / script / "bin" / f"{script}.js"))


def names() -> list[str]:
    """Every peer that there is a lock for."""
    return sorted(path.stem for path in LOCKS.iterdir() if path.suffix == ".txt" or path.is_dir())


def install(name: str, cache: Path, *, offline: bool, progress: Callable[[str], None]) -> Installed:
    """Have a peer, from an earlier run or from the registry. Raises NotInstallable."""
    node = shutil.which("node") if (LOCKS / name).is_dir() else None
    if (LOCKS / name).is_dir() and node is None:
        raise NotInstallable("node is not installed")
    lock = LOCKS / name / "package-lock.json" if node else LOCKS / f"{name}.txt"
    content = lock.read_bytes()
    # The path is in it because the scripts of an environment name it: a moved folder needs its own.
    key = hashlib.sha256(content + f"{platform.python_version()} {cache}".encode()).hexdigest()[:12]
    installed = Installed(cache / f"{name}-{key}", _version(name, content), node)
    stamp = installed.folder / ".complete"
    if stamp.exists():
        return installed
    if offline:
        raise NotInstallable("not installed yet, and --offline was asked for")
    progress(f"installing {name} {installed.version}")
    shutil.rmtree(installed.folder, ignore_errors=True)
    installed.folder.mkdir(parents=True)
    if node:
        _install_by_npm(lock.parent, installed.folder)
    else:
        _install_by_uv(lock, installed.folder / "venv")
    stamp.touch()
    return installed


def _version(name: str, lock: bytes) -> str:
    if lock.startswith(b"{"):
        return str(json.loads(lock)["packages"][f"node_modules/{name}"]["version"])
    found = re.search(rf"^{re.escape(name)}==(\S+)", lock.decode(), re.MULTILINE)
    if found is None:
        raise NotInstallable(f"bench/locks/{name}.txt does not pin {name}")
    return found[1]


def _install_by_uv(lock: Path, venv: Path) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise NotInstallable("uv is not installed")
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], venv.parent)
    into = ["--python", str(venv / "bin" / "python"), "--compile-bytecode", "--require-hashes"]
    _run([uv, "pip", "install", "--quiet", *into, "--requirements", str(lock)], venv.parent)


def _install_by_npm(lock: Path, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstallable("npm is not installed")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(lock / name, folder)
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS_TO_INSTALL,
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstallable(f"not installed within {_SECONDS_TO_INSTALL} seconds") from error
    except OSError as error:
        raise NotInstallable(f"{command[0]} cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise NotInstallable(
            f"{Path(command[0]).name} ended with {done.returncode}: {' '.join(said)[:200] or 'no word'}"
        )


def _environment(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The caller's, which knows the registries, less what would send the installation somewhere else."""
    elsewhere = (
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
        "VIRTUAL_ENV",
        "UV_PYTHON",
        "PIP_TARGET",
    )
    return {name: value for name, value in environ.items() if name not in elsewhere}
