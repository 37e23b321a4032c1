"""What a commit would be built to, without building it: fingerprints, and digests of what is rendered."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from release.build.documents import Templates, render_stage
from release.build.sources import CommitSources, Prepared, look_at, read_commit
from release.build.target import Target
from release.core.changes import ServiceView
from release.core.manifest import StageDocuments, StageSettings
from release.core.models import Pipeline, Service
from release.errors import ReleaseError
from release.ports import Repo


@dataclass(frozen=True, slots=True)
class Survey:
    """One commit, as far as a change can be told. Services that could not be built are in it, too."""

    sources: CommitSources
    views: Mapping[str, ServiceView]
    prepared: Mapping[str, Prepared]
    broken: Mapping[str, tuple[str, ...]]  # service -> why it cannot be built, one line each


def survey(
    repo: Repo,
    *,
    commit: str,
    pipeline: Pipeline,
    services: Mapping[str, Service],
    alias: str,
    target: Target,
    templates: Templates,
    stages: Collection[str] | None = None,
) -> Survey:
    """Fingerprints, and what is rendered for these stages (None: for all of the pipeline).

    Raises what reading the commit raises; a service at fault is one of `broken`.
    """
    sources = read_commit(repo, commit, services)
    views, prepared = {}, {}
    broken: dict[str, list[str]] = {}
    for name, service in sorted(services.items()):
        documents: dict[str, StageDocuments] = {}
        fingerprint = ""  # equal to no fingerprint
        try:
            looked = look_at(service, sources, target)
            fingerprint = looked.fingerprint
            prepared[name] = looked
            broken.setdefault(name, []).extend(looked.problems)
        except ReleaseError as error:
            broken.setdefault(name, []).extend(_lines(error))
        for stage in pipeline.stages:
            if stages is not None and stage.name not in stages:
                continue
            try:
                rendered = render_stage(service, stage, alias=alias, sources=sources, templates=templates)
                documents[stage.name] = rendered.digests
            except ReleaseError as error:
                broken.setdefault(name, []).extend(_lines(error))
        views[name] = ServiceView(fingerprint, documents)
    return Survey(
        sources,
        views,
        prepared,
        {name: tuple(dict.fromkeys(lines)) for name, lines in sorted(broken.items()) if lines},
    )


def differing_settings(old: StageSettings, new: StageSettings) -> tuple[str, ...]:
    """Names of the settings that differ, without their values, sorted."""
    pairs = [
        (f"settings.{key}", old.values.get(key), new.values.get(key)) for key in {*old.values, *new.values}
    ]
    pairs += [
        ("functions", old.functions, new.functions),
        ("stack", old.stack, new.stack),
        ("smoke.payload", old.smoke_payload, new.smoke_payload),
        ("smoke.timeout", old.smoke_timeout, new.smoke_timeout),
        ("smoke.critical", old.smoke_critical, new.smoke_critical),
        ("smoke.expect", old.smoke_expect, new.smoke_expect),
    ]
    return tuple(sorted(name for name, one, other in pairs if one != other))


def _lines(error: ReleaseError) -> list[str]:
    return list(error.details) or [f"{error.see}: {error.cause}" if error.see else error.cause]
