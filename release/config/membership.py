"""Which pipeline a service goes through: the globs of `services:` in each pipeline."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from release.config.problems import Problems
from release.core.models import Pipeline, Pipelines, Source
from release.errors import Misconfigured


def pick_pipeline(pipelines: Pipelines, name: str | None) -> Pipeline:
    """The one of this name, or the only one. Raises Misconfigured that names those there are."""
    known = pipelines.pipelines
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise Misconfigured(
            "this repository has several pipelines", fix=f"add --pipeline with one of: {', '.join(known)}"
        )
    if name not in known:
        raise Misconfigured(
            f"there is no pipeline {name}", fix=f"name one of: {', '.join(known)}", see="pipelines/"
        )
    return known[name]


def pipeline_services(pipelines: Pipelines, names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Pipeline -> its services, in the order of the names; a pipeline without services has an empty tuple.

    Raises ConfigurationErrors when two pipelines claim a service. What no pipeline claims, `unclaimed` tells.
    """
    problems = Problems()
    services: dict[str, list[str]] = {name: [] for name in pipelines.pipelines}
    for name in names:
        claims = [pipeline for pipeline in pipelines.pipelines.values() if _claims(pipeline, name)]
        if len(claims) > 1:
            first, *others = claims
            for other in others:
                problems.add(
                    Source(other.source.file, other.source.line, "services"),
                    f"the service {name} is in {other.name} and in {first.name} ({first.source.file})",
                    "change the patterns so that each service is in one pipeline",
                )
        elif claims:
            services[claims[0].name].append(name)
    problems.raise_any()
    return {pipeline: tuple(found) for pipeline, found in services.items()}


def unclaimed(pipelines: Pipelines, names: Iterable[str]) -> tuple[str, ...]:
    """Services that no pipeline claims: nothing will ever deploy them.

    Worth a warning, not an error: a new folder must not stop the releases of all other services.
    """
    all_pipelines = pipelines.pipelines.values()
    return tuple(name for name in names if not any(_claims(pipeline, name) for pipeline in all_pipelines))


def _claims(pipeline: Pipeline, service: str) -> bool:
    return any(fnmatchcase(service, pattern) for pattern in pipeline.services)
