"""What a commit would be built to, without building it: fingerprints, and digests of what is rendered."""

from collections.abc import Mapping
from typing import TypeAlias

from release.build.documents import Templates, render_stage
from release.build.failures import Failures
from release.build.sources import prepare, read_commit
from release.build.target import Target
from release.core.changes import ServiceView
from release.core.models import Pipeline, Service
from release.ports import Repo

Survey: TypeAlias = Mapping[str, ServiceView]


def survey(
    repo: Repo,
    *,
    commit: str,
    pipeline: Pipeline,
    services: Mapping[str, Service],
    alias: str,
    target: Target,
    templates: Templates,
) -> Survey:
    """By service. Raises Misconfigured: one error for all services that are at fault."""
    failures = Failures()
    sources = read_commit(repo, commit, services)
    views = {}
    for name, service in sorted(services.items()):
        prepared = failures.attempt(name, prepare, service, sources, target)
        stages = {}
        for stage in pipeline.stages:
            rendered = failures.attempt(
                name, render_stage, service, stage.name, alias=alias, sources=sources, templates=templates
            )
            if rendered:
                stages[stage.name] = rendered.digests
        if prepared:
            views[name] = ServiceView(prepared.fingerprint, stages)
    failures.raise_any()
    return views
