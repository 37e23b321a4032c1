"""What promises are asked of: the workflows of one repository, as text, and every run that they can have.

A promise is a function that raises AssertionError where they do not keep it. It takes the workflows, so
that the same can be asked of some with a slip in them (test_mutations.py). Conditions are not compared as
text: what they say is worked out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from tests.workflows.expressions import Names, holds
from tests.workflows.rendered import jobs_of, parsed

ACTIONS = ("deploy", "promote", "rollback", "advance", "drift")
WATCH = "watch.yml"
RESULTS = ("success", "failure", "cancelled", "skipped")


@dataclass(frozen=True)
class Workflows:
    """All that are rendered for one repository: name of the file -> text. `changed` ones, parsed."""

    texts: Mapping[str, str]
    changed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def all(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            name: self.changed[name] if name in self.changed else parsed(text)
            for name, text in self.texts.items()
        }

    @property
    def release(self) -> Mapping[str, Any]:
        return self.all["_release.yml"]

    @cached_property
    def callers(self) -> Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Name -> workflow, and a job that calls `_release.yml`: of `watch.yml`, "watch.yml JOB" for each."""
        return {
            f"{name} {key}" if name == WATCH else name: (workflow, job)
            for name, workflow in self.all.items()
            for key, job in jobs_of(workflow).items()
            if "_release.yml" in job.get("uses", "")
        }

    def job(self, name: str) -> Mapping[str, Any]:
        return jobs_of(self.release)[name]

    def step(self, job: str, name: str) -> Mapping[str, Any]:
        (found,) = [step for step in self.job(job)["steps"] if step["name"] == name]
        return dict(found)


Promise = Callable[[Workflows], None]
OF_ALL: list[Promise] = []  # of any repository
OF_RELEASE: list[Promise] = []  # of one that has `_release.yml` itself


def of_all(promise: Promise) -> Promise:
    OF_ALL.append(promise)
    return promise


def of_release(promise: Promise) -> Promise:
    OF_RELEASE.append(promise)
    return promise


def same(got: object, wanted: object) -> None:
    assert got == wanted, f"{got!r} is not {wanted!r}"


def runs(**facts: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """Every run that these facts can make, with the rest as in a plain run; `__` stands for a point."""
    plain: dict[str, Any] = {
        "cancelled()": False,
        "inputs.action": "promote",
        "inputs.environment": "qa",
        "inputs.approval": True,
        "inputs.dry_run": False,
        "inputs.ref": "",
        "needs.build.result": "skipped",
        "needs.plan.result": "success",
        "needs.plan.outputs.go": "true",
        "needs.plan.outputs.attempt": "1",
        "needs.gate.result": "success",
        "needs.deploy.result": "success",
        "steps.report.outputs.go": "true",
    }
    names = [name.replace("__", ".") for name in facts]
    names = ["cancelled()" if name == "cancelled" else name for name in names]
    for values in product(*facts.values()):
        yield {**plain, **dict(zip(names, values, strict=True))}


def runs_when(job: Mapping[str, Any], wanted: Callable[[Names], bool], **facts: tuple[Any, ...]) -> None:
    """The job runs in exactly the runs that `wanted` says."""
    needs = job.get("needs", [])
    before = [needs] if isinstance(needs, str) else needs
    for run in runs(**facts):
        run["success()"] = not run["cancelled()"] and all(
            run[f"needs.{name}.result"] == "success" for name in before
        )
        said = holds(job.get("if"), run)
        assert said is wanted(run), f"{job.get('name')}: {said} for {run}"
