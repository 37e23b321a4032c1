"""Builds a release: every service of a pipeline at one commit, once, and a manifest that names the bytes.

A commit that has a manifest is not looked at again, a fingerprint that was built anywhere is not built again,
and promotion calls none of this.
"""

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

from release import __version__
from release.build.documents import Rendered, Templates, load_manifest, render_stage
from release.build.failures import Failures
from release.build.papers import papers
from release.build.process import side_by_side
from release.build.python import Builder
from release.build.sources import Prepared, prepare, read_commit
from release.build.stored import IO_THREADS, Store, Stored
from release.build.target import Target
from release.core import canonical
from release.core.manifest import Manifest, ServiceEntry
from release.core.models import Pipeline, Service
from release.errors import Misconfigured
from release.ports import Artifacts, Progress, Repo


@dataclass(frozen=True, slots=True)
class ServiceResult:
    service: str
    outcome: Literal["built", "reused"]
    entry: ServiceEntry
    seconds: float  # spent on building it; 0 when reused

    @property
    def artifact(self) -> str:
        """sha256 of the zip."""
        return self.entry.artifact

    @property
    def size(self) -> int:
        """Bytes of the zip."""
        return self.entry.size


@dataclass(frozen=True, slots=True)
class BuildResult:
    manifest: Manifest
    digest: str  # of the manifest
    known: bool  # the commit had this manifest before: nothing was read or rendered
    whole: bool  # False: some services alone, and the manifest was not written
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
    base: Sequence[str] = (),
    refill: bool = False,
    whole: bool = True,
) -> BuildResult:
    """Build what is new, render every stage of the pipeline, store all of it in every region that the
    pipeline uses, and write the commit's manifest once.

    `services` are those of the pipeline, by name, as the commit configures them; `commit` is a full object
    id; `base` are digests of manifests that probably hold most of it, such as those of what the stages run:
    what they name is not looked up again, unless with `refill`, which asks every region for every object and
    fills what is missing. `whole` False: these are some of the services, as one shard of several builds them;
    the build of all then finds what the shards have left. Progress events are `build` with `service` and
    `state` (building, built, reused), from several threads. Raises Misconfigured or Unavailable: one error
    for all services that are at fault. No manifest is written then, but what was built is kept for the next
    time.
    """
    begun = time.perf_counter()
    key = manifest_key(pipeline.name, commit, target)
    write = partial(papers, pipeline=pipeline.name, commit=commit, target=target)
    store = Store(artifacts, regions_of(pipeline), builder, target, progress, write, refill)
    if whole and (known := artifacts.index("manifests", key)) is not None:
        manifest = _manifest_of(artifacts, known, pipeline, commit, key)
        store.fill_all(manifest, known)
        return _result(manifest, known, {}, begun, known=True)

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
                name, render_stage, service, stage, alias=alias, sources=sources, templates=templates
            ):
                rendered[name][stage.name] = both

    # Look up what was built before, unless a manifest in the store has told already.
    trusted = store.trusted(base)
    stored = {
        one.fingerprint: trusted.stored[one.fingerprint]
        for one in prepared
        if one.fingerprint in trusted.stored
    }
    with ThreadPoolExecutor(IO_THREADS) as pool:
        asked = {one.fingerprint: one for one in prepared if one.fingerprint not in stored}
        found = pool.map(lambda one: failures.attempt(one.service.name, store.find, one), asked.values())
        stored |= {was.fingerprint: was for was in found if was is not None}
        for one in prepared:
            if (was := stored.get(one.fingerprint)) is not None:
                progress("build", {"service": one.service.name, "state": "reused", "artifact": was.artifact})

        # Build each missing fingerprint once, so many at a time as there are cores.
        failed = failures.services
        missing = {
            one.fingerprint: one
            for one in prepared
            if one.fingerprint not in stored and one.service.name not in failed
        }
        blobs = repo.blobs({file.blob for one in missing.values() for file in one.files}) if missing else {}
        attempts = side_by_side(
            lambda one: failures.attempt(one.service.name, store.build, one, blobs),
            missing.values(),
            at_once=os.cpu_count() or 1,
        )
        built = [made for made in attempts if made]
        failures.raise_any()

        # Everything is there: store the documents, and last the manifest that names all of it.
        documents = {
            pair
            for stages in rendered.values()
            for both in stages.values()
            for pair in both.pairs
            if (pair[0], canonical.sha256(pair[1])) not in trusted.documents
        }
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
    seconds = {made.fingerprint: made.seconds for made in built}
    if not whole:
        return _result(manifest, manifest.digest, seconds, begun, whole=False)
    digest = artifacts.put(manifest.to_bytes(), kind="manifest")
    winner = artifacts.index_once("manifests", key, digest)
    if winner == digest:
        store.note_everywhere(digest)
    else:
        manifest = _manifest_of(artifacts, winner, pipeline, commit, key)
        store.fill_all(manifest, winner)
    return _result(manifest, winner, seconds, begun)


def manifest_key(pipeline: str, commit: str, target: Target) -> str:
    """Name of a commit's manifest in the index `manifests`."""
    return f"{pipeline}/{commit}/{target.name}"


def _manifest_of(artifacts: Artifacts, digest: str, pipeline: Pipeline, commit: str, key: str) -> Manifest:
    """Raises Misconfigured where the index names what is of something else, too: that would be deployed."""
    manifest = load_manifest(artifacts, digest)
    if (manifest.pipeline, manifest.commit) != (pipeline.name, commit):
        raise Misconfigured(
            f"the index says that commit {commit[:10]} was built to the manifest {digest[:12]}, which is of "
            f"{manifest.pipeline} and commit {manifest.commit[:10]}",
            fix="find out who changed the index, and restore its entry from a backup",
            see=f"index/manifests/{key}",
        )
    return manifest


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
        sbom=stored.sbom,
        provenance=stored.provenance,
    )


def regions_of(pipeline: Pipeline) -> Sequence[str]:
    """Regions that any stage of the pipeline uses, in the order of the stages."""
    return list(
        dict.fromkeys(region for stage in pipeline.stages for region in stage.environment.regions),
    )


def _result(
    manifest: Manifest,
    digest: str,
    built: Mapping[str, float],
    begun: float,
    *,
    known: bool = False,
    whole: bool = True,
) -> BuildResult:
    return BuildResult(
        manifest=manifest,
        digest=digest,
        known=known,
        whole=whole,
        services=tuple(
            ServiceResult(
                service=name,
                outcome="built" if entry.fingerprint in built else "reused",
                entry=entry,
                seconds=built.get(entry.fingerprint, 0.0),
            )
            for name, entry in sorted(manifest.services.items())
        ),
        seconds=time.perf_counter() - begun,
    )
