"""The checks of a Python service: ruff, mypy, pytest, pip-audit."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from release.build.process import Ended
from release.check.configured import own_mypy, says_where_imports_begin
from release.check.environment import Python
from release.check.job import Job
from release.core.checks import CheckName, CheckResult

MODULES: Final[Mapping[CheckName, str]] = {
    "lint": "ruff",
    "types": "mypy",
    "tests": "pytest",
    "audit": "pip_audit",
}
_SERVICES: Final = "services"
_LOCK: Final = "requirements.txt"
_NOTHING_COLLECTED: Final = 5  # https://docs.pytest.org/en/stable/reference/exit-codes.html
_PLACE = re.compile(r"^(?:[EF] +)?(?P<file>[^\s:]+\.\w+):(?P<line>\d+)(?::\d+)?:? ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PythonChecks:
    top: Path
    python: Python
    environment: Mapping[str, str]
    scratch: Path  # a folder that goes away after the checks

    def __call__(self, name: str, checks: frozenset[CheckName]) -> Iterator[Job]:
        """`name` is a folder in services/: a service, or the shared core."""
        for check, made in (
            ("lint", self._lint),
            ("types", self._types),
            ("tests", self._tests),
            ("audit", self._audit),
        ):
            if check in checks:
                yield made(name)

    def _lint(self, name: str) -> Job:
        command = (*self._module("ruff"), "check", "--no-cache", "--output-format=concise", _folder(name))
        if not says_where_imports_begin(self.top, _folder(name)):
            # Where imports stand hangs on which are the repository's own.
            command = (*command, "--config", f"src = {json.dumps(['.', *_roots(name)])}")
        judge = partial(_judged, fix=f"{_said(command)} --fix mends some of it")
        return self._job(name, "lint", command, judge)

    def _types(self, name: str) -> Job:
        if not any((self.top / _folder(name)).rglob("*.py")):
            return self._absent(name, "types", "no Python here")
        # One cache for each: two mypy at once would write the same one.
        command = (
            *(*self._module("mypy"), "--no-error-summary", "--hide-error-context", "--no-pretty"),
            f"--cache-dir={self.top / '.mypy_cache' / 'services' / name}",
            *(("--config-file", own) if (own := own_mypy(self.top, _folder(name))) else ()),
            _folder(name),
        )
        alone = f"MYPYPATH={':'.join(_roots(name))} python -m mypy {_folder(name)}"
        job = self._job(name, "types", command, partial(_judged, fix=f"mend the types; it alone: {alone}"))
        path = ":".join(f"{self.top / root}" for root in _roots(name))
        return replace(job, environment={**self.environment, "MYPYPATH": path})

    def _tests(self, name: str) -> Job:
        if not (self.top / _folder(name) / "tests").is_dir():
            return self._absent(name, "tests", f"there is no {_folder(name)}/tests")
        command = (
            *(*self._module("pytest"), "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider"),
            f"{_folder(name)}/tests",
        )
        path = ":".join(str(self.top / root) for root in _roots(name))
        job = self._job(name, "tests", command, partial(_tested, fix=_said(command)))
        return replace(job, environment={**self.environment, "PYTHONPATH": path})

    def _audit(self, name: str) -> Job:
        lock = f"{_folder(name)}/{_LOCK}"
        if not (self.top / lock).is_file():
            return self._absent(name, "audit", f"there is no {lock}: nothing is installed")
        report = self.scratch / f"{name}.json"
        command = (
            *(*self._module("pip_audit"), "--requirement", lock, "--require-hashes", "--disable-pip"),
            *("--progress-spinner=off", "--format=json", f"--output={report}"),
        )
        return self._job(name, "audit", command, partial(_audited, lock=lock, report=report))

    def _module(self, name: str) -> tuple[str, ...]:
        return (self.python.path, "-m", name)

    def _job(self, name: str, check: CheckName, command: tuple[str, ...], judge: object) -> Job:
        return Job(name, check, self.top, self.top, command, self.environment, judge)  # type: ignore[arg-type]

    def _absent(self, name: str, check: CheckName, why: str) -> Job:
        return Job(name, check, self.top, self.top, absent=why)


def _judged(ended: Ended, blank: CheckResult, *, fix: str) -> CheckResult:
    if ended.code == 0:
        return replace(blank, outcome="passed", lines=())
    places = _PLACE.findall("\n".join(blank.lines))
    see = ":".join(places[0]) if places else None
    count = len(places)
    why = f"{count} finding{'' if count == 1 else 's'}" if count else f"it ended with {ended.code}"
    return replace(blank, outcome="failed", why=why, see=see, fix=fix)


def _tested(ended: Ended, blank: CheckResult, *, fix: str) -> CheckResult:
    if ended.code == _NOTHING_COLLECTED:
        return replace(blank, outcome="absent", why="pytest collects no test", lines=())
    found = _judged(ended, blank, fix=f"run it alone: {fix}")
    if found.outcome == "failed":
        summary = next(
            (line for line in reversed(blank.lines) if re.search(r"\d+ (?:failed|error)", line)), ""
        )
        found = replace(found, why=summary.strip("= ") or f"pytest ended with {ended.code}")
    return found


def _audited(ended: Ended, blank: CheckResult, *, lock: str, report: Path) -> CheckResult:
    """pip-audit ends with 1 also where it could not ask: what it has written tells them apart."""
    try:
        dependencies = json.loads(report.read_text(encoding="utf-8"))["dependencies"]
        flawed = [one for one in dependencies if one.get("vulns")]
        skipped = [f"{one['name']}: {one['skip_reason']}" for one in dependencies if "skip_reason" in one]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return replace(
            blank,
            outcome="unknown",
            why="the index of known flaws could not be asked",
            see=lock,
            fix="give it a network, or leave it out and say so: --skip audit",
        )
    if flawed:
        lines = [
            f"{one['name']} {one['version']}: {flaw['id']}"
            f" (mended in {', '.join(flaw.get('fix_versions') or ['no version yet'])})"
            for one in flawed
            for flaw in one["vulns"]
        ]
        count = len(flawed)
        why = f"{count} package{' has' if count == 1 else 's have'} known flaws"
        fix = f"lock newer versions in {lock}"
        return replace(blank, outcome="failed", why=why, lines=tuple(lines), see=lock, fix=fix)
    if skipped or ended.code != 0:
        why = f"{len(skipped)} packages could not be looked up" if skipped else f"it ended with {ended.code}"
        fix = "lock packages that the index knows, or leave it out and say so: --skip audit"
        return replace(blank, outcome="unknown", why=why, lines=tuple(skipped), see=lock, fix=fix)
    return replace(blank, outcome="passed", lines=())


def _folder(name: str) -> str:
    return f"{_SERVICES}/{name}"


def _roots(name: str) -> tuple[str, ...]:
    """Where a service's imports begin, as in the function: its own folder, then services/."""
    return (_SERVICES,) if name == "common" else (_folder(name), _SERVICES)


def _said(command: tuple[str, ...]) -> str:
    """As a person would call it."""
    return shlex.join(["python", *command[1:]])
