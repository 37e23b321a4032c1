"""Reads every manifest and all bytes that it names out of the artifact store: is each what its name says?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from release.build.documents import load_manifest
from release.core.audited import Check, Subject
from release.core.manifest import Manifest
from release.errors import Misconfigured, ReleaseError
from release.ports import Artifacts

EVERY_MANIFEST: Final = "all manifests"  # the place of the one check where the store is not read
_AT_ONCE = 8  # zips of up to 50 MB are in memory meanwhile
_NONE = "0" * 64


def check_stored(
    artifacts: Artifacts,
    wanted: Mapping[str, tuple[str, str]],
    moved_in: Mapping[str, set[str]],
    otherwise: Sequence[str],
) -> Iterator[Check]:
    """One check for every manifest, and one for all bytes of a release, or for each that does not hold.

    `wanted`: manifest -> the release that names it, its commit. `moved_in`: manifest -> regions that it was
    rolled out to, which must have all of it; `otherwise` in which to look for one that never was. Every
    byte is read and hashed once in every region.
    """
    unreachable = _unreachable(artifacts)
    if unreachable is not None:
        yield Check("manifest", EVERY_MANIFEST, "unread", unreachable)
        return
    seen: set[tuple[str, str, str]] = set()
    for digest, (release, commit) in wanted.items():
        place = f"manifest {digest[:12]} of {release}"
        try:
            manifest = load_manifest(artifacts, digest)
        except ReleaseError as error:
            yield _failed("manifest", place, error)
            continue
        if manifest.commit != commit:
            yield Check("manifest", place, "mismatch", f"it is of commit {manifest.commit}, not {commit}")
            continue
        yield Check("manifest", place, "holds", f"services: {len(manifest.services)}")
        regions = sorted(moved_in.get(digest, ())) or otherwise
        named = [("manifest", digest, "the manifest"), *_named(manifest)]
        tasks: list[tuple[str, Callable[[], str | None]]] = []
        for kind, one, what in named:
            for region in regions:
                if (kind, one, region) not in seen:
                    seen.add((kind, one, region))
                    tasks.append(
                        (f"{what} of {release} in {region}", _is_there(artifacts, kind, one, region))
                    )
        yield from _run(release, tasks, regions)


def _run(
    release: str, tasks: Sequence[tuple[str, Callable[[], str | None]]], regions: Sequence[str]
) -> Iterator[Check]:
    problems = 0
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="audit") as pool:
        for (what, _), check in zip(tasks, pool.map(lambda task: _outcome(*task), tasks), strict=True):
            if check is not None:
                problems += 1
                yield Check("artifact", what, check.result, check.why)
    if tasks and not problems:
        yield Check("artifact", f"bytes of {release}", "holds", f"in {', '.join(regions)}")


def _outcome(what: str, task: Callable[[], str | None]) -> Check | None:
    try:
        problem = task()
    except ReleaseError as error:
        return _failed("artifact", what, error)
    return Check("artifact", what, "mismatch", problem) if problem else None


def _failed(subject: Subject, place: str, error: ReleaseError) -> Check:
    """The store answers: what it says of one digest is about these bytes, unless it went away meanwhile."""
    return Check(subject, place, "mismatch" if isinstance(error, Misconfigured) else "unread", error.cause)


def _is_there(artifacts: Artifacts, kind: str, digest: str, region: str) -> Callable[[], str | None]:
    def look() -> str | None:
        return None if artifacts.proves(digest, kind=kind, region=region) else f"{digest} is not there"

    return look


def _named(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """(kind, digest, what it is) of all bytes of a release but the manifest."""
    for name, entry in manifest.services.items():
        yield "zip", entry.artifact, f"the zip of {name}"
        for kind, digest in (("sbom", entry.sbom), ("provenance", entry.provenance)):
            if digest is not None:
                yield kind, digest, f"the {kind} of {name}"
        for stage, documents in entry.stages.items():
            yield "template", documents.template, f"the template of {name} for {stage}"
            yield "settings", documents.settings, f"the settings of {name} for {stage}"


def _unreachable(artifacts: Artifacts) -> str | None:
    """Why the store cannot be read at all. None: it can."""
    try:
        artifacts.digests(_NONE, kind="manifest")
    except ReleaseError as error:
        return error.cause
    return None
