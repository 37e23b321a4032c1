"""Finds a release that was built: by its tag, its commit, or the digest of its manifest."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from release.build.documents import load_manifest
from release.core.manifest import Manifest
from release.errors import Misconfigured, ReleaseError
from release.ports import Artifacts, Repo
from release.promotion.setup import Setup
from release.promotion.stated import stated, tampered

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True)
class Known:
    """A release in the artifact store."""

    manifest: Manifest
    digest: str
    tag: str | None


def known_release(repo: Repo, artifacts: Artifacts, setup: Setup, name: str, *, target: str) -> Known:
    """The release that a tag, a commit or a manifest's digest (six digits at least) names.

    A tag states its manifest; a commit's is what a stage ran of it, or what it was built to for `target`
    (then for any other). Raises GateClosed for a tag that was tampered with, Misconfigured when there is
    none.
    """
    if name in setup.refs.tags and (digest := _manifest_of(repo, setup, name)) is not None:
        known = _loaded(artifacts, digest, name)
        if known.manifest.commit != setup.refs.tags[name].commit:
            raise tampered(name, "its manifest is that of another commit")
        return known
    for head in setup.state.heads.values():
        for good in head.history:
            if head.pipeline == setup.pipeline.name and name in (good.release.tag, good.release.commit):
                return _loaded(artifacts, good.release.manifest, good.release.tag)
    if name in setup.refs.tags:
        raise Misconfigured(
            f"the tag {name} states no manifest: release did not make it",
            fix="name a tag of a release, or the commit",
        )
    if _DIGEST.fullmatch(name):
        return _loaded(artifacts, name, None)
    try:
        commit = repo.resolve(name)
    except ReleaseError:
        found = artifacts.digests(name, kind="manifest") if _ABBREVIATED.fullmatch(name) else ()
        if len(found) == 1:
            return _loaded(artifacts, found[0], None)
        if found:
            raise Misconfigured(
                f"{name} begins the digests of {len(found)} manifests", fix="use more of its digits"
            ) from None
        raise
    return _of_commit(artifacts, setup, commit, target)


def _manifest_of(repo: Repo, setup: Setup, name: str) -> str | None:
    """The manifest that a tag of the remote states. Raises GateClosed when it was tampered with."""
    tag = setup.refs.tags[name]
    return stated(repo, [tag])[name].get("Release-Manifest") if tag.annotated else None


def _of_commit(artifacts: Artifacts, setup: Setup, commit: str, target: str) -> Known:
    ran = [
        good.release
        for head in setup.state.heads.values()
        for good in head.history
        if head.pipeline == setup.pipeline.name and good.release.commit == commit
    ]
    if ran:
        return _loaded(artifacts, ran[-1].manifest, ran[-1].tag)
    built = [one.key for one in artifacts.indexed("manifests", f"{setup.pipeline.name}/{commit}")]
    for key in sorted(built, key=lambda key: (not key.endswith(f"/{target}"), key)):
        if (digest := artifacts.index("manifests", key)) is not None:
            return _loaded(artifacts, digest, None)
    raise Misconfigured(
        f"commit {commit[:10]} was never built for the pipeline {setup.pipeline.name}",
        fix=f"release build --ref {commit[:10]}",
    )


def _loaded(artifacts: Artifacts, digest: str, tag: str | None) -> Known:
    try:
        return Known(load_manifest(artifacts, digest), digest, tag)
    except ValueError as error:  # a forged digest names no other place
        raise Misconfigured(f"{digest!r} is no digest of a manifest", fix="name another release") from error


def running_manifests(setup: Setup) -> Sequence[str]:
    """What the stages of the pipeline run, the first stage first: what a build can rely on."""
    heads = [setup.head(stage.name) for stage in setup.pipeline.stages]
    return [head.serves.release.manifest for head in heads if head.serves is not None]
