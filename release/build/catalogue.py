"""What is in the artifact store: the releases that were built, and what an artifact holds."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from release.build.archive import Member, read_zip
from release.build.documents import load_manifest
from release.build.stored import IO_THREADS
from release.core.manifest import Manifest, ServiceEntry
from release.errors import Misconfigured, ReleaseError
from release.ports import Artifacts


@dataclass(frozen=True, slots=True)
class Built:
    """One commit that was built."""

    commit: str
    target: str
    written: datetime
    digest: str  # of the manifest
    services: int
    size: int  # bytes of all zips
    problem: str | None  # why the manifest cannot be read; the numbers are 0 then


@dataclass(frozen=True, slots=True)
class Held:
    """An artifact as the store has it."""

    files: Sequence[Member]
    components: Sequence[Mapping[str, Any]]  # as CycloneDX writes them; empty without an SBOM
    regions: Mapping[str, Mapping[str, bool]]  # region -> kind -> whether it is there


def catalogue(artifacts: Artifacts, pipeline: str, *, limit: int) -> Sequence[Built]:
    """Commits that were built for a pipeline, the newest first. Raises what the store raises."""
    entries = sorted(artifacts.indexed("manifests", pipeline), key=lambda one: one.written, reverse=True)

    def read(key: str, written: datetime) -> Built:
        commit, _, target = key.removeprefix(f"{pipeline}/").partition("/")
        digest = artifacts.index("manifests", key) or ""
        try:
            manifest = load_manifest(artifacts, digest)
        except (ReleaseError, ValueError) as error:
            return Built(commit, target, written, digest, 0, 0, str(error))
        sizes = [entry.size for entry in manifest.services.values()]
        return Built(commit, target, written, digest, len(sizes), sum(sizes), None)

    with ThreadPoolExecutor(IO_THREADS) as pool:
        return list(pool.map(lambda one: read(one.key, one.written), entries[:limit]))


def held(artifacts: Artifacts, entry: ServiceEntry, regions: Sequence[str]) -> Held:
    """An artifact with its papers. Raises Misconfigured when it is lost or damaged."""
    kinds = {"zip": entry.artifact, "sbom": entry.sbom, "provenance": entry.provenance}
    there = {
        region: {
            kind: artifacts.holds(digest, kind=kind, region=region)
            for kind, digest in kinds.items()
            if digest is not None
        }
        for region in regions
    }
    components: Sequence[Mapping[str, Any]] = ()
    if entry.sbom is not None:
        components = json.loads(artifacts.get(entry.sbom, kind="sbom")).get("components", ())
    return Held(files_of(artifacts.get(entry.artifact, kind="zip"), entry.artifact), components, there)


def files_of(data: bytes, digest: str) -> Sequence[Member]:
    """The files of a zip, sorted as they stand in it. Raises Misconfigured."""
    try:
        return read_zip(data, origin=digest)
    except ValueError as error:
        raise Misconfigured(
            f"the zip {digest[:12]} cannot be read: {error}",
            fix="find out what wrote it: its digest is right, so it was stored like this",
        ) from error


def where(artifacts: Artifacts, manifest: Manifest, regions: Sequence[str]) -> Mapping[str, int]:
    """Region -> how many of a release's artifacts it has."""
    digests = sorted({entry.artifact for entry in manifest.services.values()})

    def count(region: str) -> int:
        return sum(artifacts.holds(digest, kind="zip", region=region) for digest in digests)

    with ThreadPoolExecutor(IO_THREADS) as pool:
        return dict(zip(regions, pool.map(count, regions), strict=True))
