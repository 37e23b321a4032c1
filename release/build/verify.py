"""Builds a release again from its commit, into memory, and compares what comes out with what its manifest
says.
"""

import os
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from release.build.archive import Archive, Member, content_digest, read_zip
from release.build.failures import Failures
from release.build.python import Builder, Source
from release.build.sources import Prepared, prepare, read_commit
from release.build.stored import Stored
from release.build.target import Target
from release.core.contents import first_difference
from release.core.manifest import Manifest, ServiceEntry
from release.core.models import Service
from release.errors import Misconfigured
from release.ports import Artifacts, Progress, Repo

Outcome = Literal["same", "same-content", "differs"]


@dataclass(frozen=True, slots=True)
class Check:
    """One service of a release, built again."""

    service: str
    outcome: Outcome  # same-content: every file is the same, and deflate gave other bytes for it
    entry: ServiceEntry  # as the manifest has it
    artifact: str | None  # sha256 of what was built now; None: nothing could be built
    content: str | None
    detail: str  # the first file that differs, or why deflate differs; "" where nothing does


def verify_release(
    repo: Repo,
    artifacts: Artifacts,
    manifest: Manifest,
    services: Mapping[str, Service],
    *,
    host: Target,
    builder: Builder,
    progress: Progress = lambda event, facts: None,
) -> tuple[Check, ...]:
    """Compare every service of a manifest with a new build, sorted by name. Stores nothing.

    `services` are as the manifest's commit configures them, `builder` must keep no results, `host` is the
    target that stands for this machine. Progress events are `verify` with `service`. Raises Misconfigured
    when the release was built for another machine, or its artifacts are lost; one error for all services that
    cannot be built.
    """
    chosen = _target(manifest, host)
    failures = Failures()
    gone = sorted(manifest.services.keys() - services.keys())
    known = {name: services[name] for name in manifest.services if name in services}
    sources = read_commit(repo, manifest.commit, known)
    prepared = [
        one
        for name, service in known.items()
        if (one := failures.attempt(name, prepare, service, sources, chosen))
    ]
    blobs = repo.blobs({file.blob for one in prepared for file in one.files})

    def check(one: Prepared) -> Check:
        progress("verify", {"service": one.service.name})
        made = builder(Source(one.service, one.files, blobs, chosen))
        return _compare(artifacts, one, made, manifest.services[one.service.name])

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        checks = list(pool.map(lambda one: failures.attempt(one.service.name, check, one), prepared))
    failures.raise_any()
    absent = [
        Check(name, "differs", manifest.services[name], None, None, "the commit has no such service")
        for name in gone
    ]
    return tuple(sorted([*filter(None, checks), *absent], key=lambda one: one.service))


def _target(manifest: Manifest, host: Target) -> Target:
    """What the release was built for. Raises Misconfigured when that is another machine than this one."""
    names = {entry.target for entry in manifest.services.values()}
    if names <= {"lambda"}:
        return Target("lambda")
    if names == {host.name}:
        return host
    other = ", ".join(sorted(names))
    raise Misconfigured(
        f"this release was built for {other}, and only there can it be built again; here is {host.name}",
        fix="verify it on such a machine; what is meant for AWS Lambda verifies anywhere",
    )


def _compare(artifacts: Artifacts, one: Prepared, made: Archive, entry: ServiceEntry) -> Check:
    stored = _members(artifacts.get(entry.artifact, kind="zip"), entry)

    def said(outcome: Outcome, detail: str) -> Check:
        return Check(one.service.name, outcome, entry, made.digest, made.content, detail)

    if content_digest(stored) != entry.content:
        return said("differs", "the stored zip does not hold what the manifest says")
    difference = first_difference(stored, read_zip(made.data, origin="the new build"))
    if difference is not None:
        changed = one.fingerprint != entry.fingerprint
        return said(
            "differs",
            f"{difference}"
            + ("; this version of release has another builder, or reads other inputs" if changed else ""),
        )
    if made.content != entry.content:
        return said("differs", "the new build's content digest does not follow from its files")
    if made.digest != entry.artifact:
        return said("same-content", _deflated_by(artifacts, entry))
    return said("same", "")


def _members(data: bytes, entry: ServiceEntry) -> tuple[Member, ...]:
    try:
        return read_zip(data, origin="the release")
    except ValueError as error:
        raise Misconfigured(
            f"the stored zip {entry.artifact[:12]} cannot be read: {error}",
            fix="find out what wrote it: its digest is right, so it was stored like this",
        ) from error


def _deflated_by(artifacts: Artifacts, entry: ServiceEntry) -> str:
    text = artifacts.index("fingerprints", entry.fingerprint)
    theirs = Stored.from_text(text, entry.fingerprint).zlib if text else "another one"
    return f"only deflate differs: zlib {theirs} then, {zlib.ZLIB_RUNTIME_VERSION} now"
