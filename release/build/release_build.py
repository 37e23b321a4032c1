"""Builds a release: every service of a pipeline at one commit, once, and a manifest that names the bytes.

A commit that has a manifest is not looked at again, a fingerprint that was built anywhere is not built again,
and promotion calls none of this.
"""

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from release import __version__
from release.build.documents import Rendered, Templates, load_manifest, render_stage
from release.build.failures import Failures
from release.build.python import Builder
from release.build.sources import Prepared, prepare, read_commit
from release.build.stored import Store, Stored
from release.build.target import Target
from release.core.manifest import Manifest, ServiceEntry
from release.core.models import Pipeline, Service
from release.ports import Artifacts, Progress, Repo


@dataclass(frozen=True, slots=True)
class ServiceResult:
    service: str
    outcome: Literal["built", "reused"]
    artifact: str  # sha256 of the zip
    size: int  # bytes of the zip
    seconds: float  # spent on building it; 0 when reused


@dataclass(frozen=True, slots=True)
class BuildResult:
    manifest: Manifest
    digest: str  # of the manifest
    services: tuple[ServiceResult, ...]
    seconds: float


def build_release(
    repo: Repo,
    artifacts: Artifacts,
    *,
    pipeline: Pipeline,
    services: Mapping[str, Service],
    commit: str,
    alias: str,
    target: Target,
    builder: Builder,
    templates: Templates,
    progress: Progress = lambda event, facts: None,
) -> BuildResult:
    """Build what is new, render every stage of the pipeline, store all of it, and write the commit's manifest
    once.

    `services` are those of the pipeline, by name, as the commit configures them; `commit` is a full object
    id. Progress events are `build` with `service` and `state` (building, built, reused), from several
    threads. Raises Misconfigured or Unavailable: one error for all services that are at fault. No manifest is
    written then, but what was built is kept for the next time.
    """
    begun = time.perf_counter()
    key = manifest_key(pipeline.name, commit, target)
    if (known := artifacts.index("manifests", key)) is not None:
        return _result(load_manifest(artifacts, known), known, {}, begun)

    # Read the commit and render every stage: cheap, and it finds most mistakes before anything is built.
    failures = Failures()
    sources = read_commit(repo, commit, services)
    prepared: list[Prepared] = []
    rendered: dict[str, dict[str, Rendered]] = {name: {} for name in services}
    for name, service in sorted(services.items()):
        if one := failures.attempt(name, prepare, service, sources, target):
            prepared.append(one)
        for stage in pipeline.stages:
            if both := failures.attempt(
                name, render_stage, service, stage.name, alias=alias, sources=sources, templates=templates
            ):
                rendered[name][stage.name] = both

    store = Store(artifacts, _regions(pipeline), builder, target, progress)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        # Look up what was built before, and build each missing fingerprint once.
        found = list(pool.map(lambda one: failures.attempt(one.service.name, store.find, one), prepared))
        stored = {one.fingerprint: was for one, was in zip(prepared, found, strict=True) if was is not None}
        failed = failures.services
        missing = {
            one.fingerprint: one
            for one in prepared
            if one.fingerprint not in stored and one.service.name not in failed
        }
        blobs = repo.blobs({file.blob for one in missing.values() for file in one.files}) if missing else {}
        attempts = pool.map(
            lambda one: failures.attempt(one.service.name, store.build, one, blobs), missing.values()
        )
        built = [made for made in attempts if made]
        failures.raise_any()

        # Everything is there: store the documents, and last the manifest that names all of it.
        documents = {pair for stages in rendered.values() for both in stages.values() for pair in both.pairs}
        list(pool.map(lambda pair: artifacts.put(pair[1], kind=pair[0]), sorted(documents)))
    stored |= {made.fingerprint: made for made in built}
    manifest = Manifest(
        pipeline=pipeline.name,
        commit=commit,
        builder=f"lambda-release {__version__}",
        services={
            one.service.name: _entry(one, stored[one.fingerprint], rendered[one.service.name], target)
            for one in prepared
        },
    )
    digest = artifacts.put(manifest.to_bytes(), kind="manifest")
    winner = artifacts.index_once("manifests", key, digest)
    if winner != digest:
        manifest = load_manifest(artifacts, winner)
    return _result(manifest, winner, {made.fingerprint: made.seconds for made in built}, begun)


def manifest_key(pipeline: str, commit: str, target: Target) -> str:
    """Name of a commit's manifest in the index `manifests`."""
    return f"{pipeline}/{commit}/{target.name}"


def _entry(one: Prepared, stored: Stored, stages: Mapping[str, Rendered], target: Target) -> ServiceEntry:
    return ServiceEntry(
        artifact=stored.artifact,
        content=stored.content,
        fingerprint=one.fingerprint,
        size=stored.size,
        runtime=one.service.runtime,
        architecture=one.service.architecture,
        target=target.name,
        stages={stage: both.digests for stage, both in stages.items()},
    )


def _regions(pipeline: Pipeline) -> Sequence[str]:
    return list(
        dict.fromkeys(region for stage in pipeline.stages for region in stage.environment.regions),
    )


def _result(manifest: Manifest, digest: str, built: Mapping[str, float], begun: float) -> BuildResult:
    return BuildResult(
        manifest=manifest,
        digest=digest,
        services=tuple(
            ServiceResult(
                service=name,
                outcome="built" if entry.fingerprint in built else "reused",
                artifact=entry.artifact,
                size=entry.size,
                seconds=built.get(entry.fingerprint, 0.0),
            )
            for name, entry in sorted(manifest.services.items())
        ),
        seconds=time.perf_counter() - begun,
    )
