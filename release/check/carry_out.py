"""All checks of all chosen services, at once."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from release.build.process import side_by_side
from release.check.choose import SHARED, Choice
from release.check.environment import Python, python_of, without_keys
from release.check.job import Job
from release.check.node import NodeChecks
from release.check.python import MODULES, PythonChecks
from release.core.checks import CHECKS, Checked, CheckName, CheckResult
from release.core.models import Service
from release.core.recipe import how_built
from release.errors import Misconfigured

_PACKAGES: Final = {"pip_audit": "pip-audit"}  # module -> package, where the two differ


def check(
    choice: Choice,
    top: Path,
    *,
    skip: frozenset[CheckName],
    at_once: int,
    heard: Callable[[CheckResult], None],
) -> Checked:
    """`heard` gets every result as it comes. Raises Misconfigured where a tool is missing."""
    wanted = frozenset(CHECKS) - skip
    with tempfile.TemporaryDirectory(prefix="release-check-") as scratch:
        jobs = list(_jobs(choice, top, wanted, Path(scratch)))

        def work(job: Job) -> CheckResult:
            result = job()
            heard(result)
            return result

        results = side_by_side(work, jobs, at_once=at_once)
    names = list(dict.fromkeys(job.service for job in jobs)) or list(choice.services)
    skipped = [CheckResult(name, one, "skipped", "--skip") for name in names for one in CHECKS if one in skip]
    order = {name: number for number, name in enumerate(names)}
    everything = sorted([*results, *skipped], key=lambda one: (order[one.service], CHECKS.index(one.check)))
    return Checked(tuple(everything), choice.against, choice.unknown, choice.left_out)


def _jobs(choice: Choice, top: Path, wanted: frozenset[CheckName], scratch: Path) -> Iterator[Job]:
    environment = without_keys(os.environ)
    python = python_of(top, os.environ)
    of_python = PythonChecks(top, python, environment, scratch)
    of_node = NodeChecks(top, environment)
    if choice.shared or any(how_built(one) == "python" for one in choice.services.values()):
        _refuse_missing(python, wanted, top)
    if choice.shared:
        yield from of_python(SHARED, wanted - {"audit"})  # what it imports, its services lock
    for name, service in choice.services.items():
        match how_built(service):
            case "python":
                yield from of_python(name, wanted)
            case "node":
                yield from of_node(name, wanted)
            case _:
                yield from _unknown_kind(service, top, wanted)


def _unknown_kind(service: Service, top: Path, wanted: frozenset[CheckName]) -> Iterator[Job]:
    why = f"release knows no check of {service.runtime} built by a command"
    for one in CHECKS:
        if one in wanted:
            yield Job(service.name, one, top, top, absent=why)


def _refuse_missing(python: Python, wanted: frozenset[CheckName], top: Path) -> None:
    missing = python.lacks([MODULES[one] for one in CHECKS if one in wanted], top)
    if missing:
        names = [_PACKAGES.get(one, one) for one in missing]
        raise Misconfigured(
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not installed in {python.origin}",
            fix="add what the checks need to requirements/dev.txt and install it, or for a try:"
            f" {python.path} -m pip install {' '.join(names)}",
            see=python.path,
        )
