"""The checks of a Node service: the scripts of its package.json, and npm audit."""

import json
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from release.build import npm
from release.build.process import Ended
from release.check.job import Job, Prepare
from release.core.checks import CheckName, CheckResult
from release.errors import Misconfigured

_SCRIPTS: Final[Mapping[CheckName, tuple[str, ...]]] = {
    "lint": ("lint",),
    "types": ("types", "typecheck", "type-check"),
    "tests": ("test",),
}
_NO_TEST = "no test specified"  # what `npm init` writes
_SECONDS: Final = 600.0  # that an installation may take
_PLACE = re.compile(r"(?P<file>[\w./-]+\.[cm]?[jt]sx?)[:(](?P<line>\d+)")
_CLEAN = re.compile(r"^found 0 vulnerabilities", re.MULTILINE)
_FLAWED = re.compile(r"^(\d+) (?:\w+ severity )?vulnerabilit(?:y|ies)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NodeChecks:
    top: Path
    environment: Mapping[str, str]

    def __call__(self, name: str, checks: frozenset[CheckName]) -> Iterator[Job]:
        """Raises Misconfigured for a package.json that cannot be read."""
        folder = self.top / "services" / name
        scripts = _scripts(folder / npm.PACKAGE, f"services/{name}/{npm.PACKAGE}")
        prepare = _once(folder, f"services/{name}")
        for check, names in _SCRIPTS.items():
            if check in checks:
                yield self._script(name, check, folder, names, scripts, prepare)
        if "audit" in checks:
            command = (_npm(), "audit", "--package-lock-only", "--no-workspaces", "--no-color")
            yield Job(name, "audit", self.top, folder, command, npm.npm_environment(os.environ), _audited)

    def _script(
        self,
        name: str,
        check: CheckName,
        folder: Path,
        names: tuple[str, ...],
        scripts: Mapping[str, str],
        prepare: Prepare,
    ) -> Job:
        script = next((one for one in names if one in scripts and _NO_TEST not in scripts[one]), None)
        if script is None:
            return Job(name, check, self.top, folder, absent=f"package.json has no script {names[0]}")
        command = (_npm(), "run", "--silent", script)
        return Job(name, check, self.top, folder, command, self.environment, _judged, prepare=prepare)


def _judged(ended: Ended, blank: CheckResult) -> CheckResult:
    if ended.code == 0:
        return replace(blank, outcome="passed", lines=())
    place = _PLACE.search("\n".join(blank.lines))
    see = (
        f"services/{blank.service}/{place['file']}:{place['line']}" if place else f"services/{blank.service}"
    )
    return replace(
        blank,
        outcome="failed",
        why=f"its script ended with {ended.code}",
        see=see,
        fix=f"run it alone: npm --prefix services/{blank.service} run {blank.check}",
    )


def _audited(ended: Ended, blank: CheckResult) -> CheckResult:
    """npm ends with 1 also where it could not ask: what it has said tells them apart."""
    lock = f"services/{blank.service}/{npm.LOCK}"
    said = "\n".join(blank.lines)
    if ended.code == 0 and _CLEAN.search(said):
        return replace(blank, outcome="passed", lines=())
    if flaws := _FLAWED.search(said):
        why = f"{flaws[1]} known flaws in its packages"
        return replace(blank, outcome="failed", why=why, see=lock, fix=f"lock newer versions in {lock}")
    return replace(
        blank,
        outcome="unknown",
        why="the registry could not be asked for known flaws",
        see=lock,
        fix="give it a network, or leave it out and say so: --skip audit",
    )


def _once(folder: Path, name: str) -> Prepare:
    """Install what is locked, before the first of a service's scripts, where nothing is installed yet."""
    lock = threading.Lock()

    def install() -> None:
        with lock:
            if (folder / "node_modules").is_dir():
                return
            try:
                data = (folder / npm.LOCK).read_bytes()
            except OSError as error:
                raise Misconfigured(
                    f"there is no {name}/{npm.LOCK}",
                    fix=f"in {name}: npm install --package-lock-only --ignore-scripts; commit it",
                    see=name,
                ) from error
            packages = npm.read_npm_lock(data, file=f"{name}/{npm.LOCK}")
            if not packages:
                return
            npm.npm_install(folder, packages, name=name, hide=Path(tempfile.gettempdir()), seconds=_SECONDS)

    return install


def _scripts(path: Path, shown: str) -> Mapping[str, str]:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        scripts = document.get("scripts", {})
        return {str(name): str(script) for name, script in scripts.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise Misconfigured(f"{shown} cannot be read: {error}", fix="correct it", see=shown) from error


def _npm() -> str:
    return npm.find("npm")
