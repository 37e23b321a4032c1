"""Workflows as a test reads them: rendered from pipelines of its own, and walked as YAML."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from release.adapters.own_templates import of_workflows
from release.adapters.packaged import packaged_templates
from release.config import load_pipelines
from release.core.models import (
    AllAtOnce,
    BucketStore,
    Environment,
    Pipeline,
    Pipelines,
    Source,
    Stage,
)
from release.views.workflows import MARK, workflow_files

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = of_workflows(packaged_templates() / "workflows")
SHARED = "acme/lambdas@" + "0123456789" * 4
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def of_this_repository() -> Pipelines:
    return pipelines_in(ROOT)


def pipelines_in(folder: Path) -> Pipelines:
    """Those of a work tree."""
    files = {f"pipelines/{path.name}": path.read_bytes() for path in (folder / "pipelines").glob("*.yaml")}
    return load_pipelines(files, {})


def made_up(pipelines: Mapping[str, Sequence[str]], branches: Sequence[str] = ("main",)) -> Pipelines:
    """Pipelines with these stages: the first takes pushes; the next give the channels qa, rc, gold."""
    environment = Environment("any", "111111111111", ("eu-west-1", "us-west-2"), None)
    made = {}
    for name, stages in pipelines.items():
        channels = [None, "qa", "rc", "gold", *[None] * len(stages)]
        made[name] = Pipeline(
            name,
            ("*",),
            "v" if name == "fleet" else f"{name}/v",
            tuple(branches),
            tuple(
                Stage(
                    stage,
                    environment,
                    "button" if number else "push",
                    channels[number],  # type: ignore[arg-type]
                    stages[number - 1] if number else None,
                    (),
                    dict.fromkeys(environment.regions, AllAtOnce()),
                    (),
                    Source(f"pipelines/{name}.yaml", number + 1, ""),
                )
                for number, stage in enumerate(stages)
            ),
            Source(f"pipelines/{name}.yaml", 1, ""),
        )
    return Pipelines({"any": environment}, BucketStore("999999999999", "b-{region}", None), "live", made)


def texts_of(pipelines: Pipelines, shared: str | None = None) -> dict[str, str]:
    """Name of the file -> text, as the command writes it."""
    return {
        file.name: MARK + TEMPLATES.render(file.template, file.words)
        for file in workflow_files(pipelines, shared)
    }


def parsed(text: str) -> dict[str, Any]:
    """A workflow; `on` is a truth value to YAML 1.1, and comes back under its own name."""
    read: dict[Any, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe one
    return {("on" if key is True else key): value for key, value in read.items()}


def jobs_of(workflow: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = workflow["jobs"]
    return found


def steps_of(workflow: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Job and step."""
    for name, job in jobs_of(workflow).items():
        for step in job.get("steps", []):
            yield name, step


def words_in(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text of a workflow with the keys that lead to it."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from words_in(below, (*path, str(key)))
    elif isinstance(value, list):
        for below in value:
            yield from words_in(below, path)
    elif isinstance(value, str):
        yield path, value
