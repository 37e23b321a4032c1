"""`release artifacts`: what was built, what is in it, and where it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import say, show, show_json
from release.cli.usage import Verbs
from release.errors import Misconfigured, ReleaseError

if TYPE_CHECKING:
    from release.build.archive import Member
    from release.core.manifest import ServiceEntry
    from release.ports import Artifacts
    from release.promotion import Setup
    from release.promotion.known import Known

PARTS = ("zip", "sbom", "provenance", "manifest")


@click.group("artifacts", cls=Verbs, short_help="What was built, what is in it, and where it is.")
def command() -> None:
    """Read the artifact store."""


@command.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=30, show_default=True, help="How many.")
@pipeline_option
@json_option
@click.pass_obj
def artifacts_list(directory: Path, limit: int, pipeline: str | None, as_json: bool) -> None:
    """Commits that were built, the newest first."""
    from release.build.catalogue import catalogue
    from release.promotion import read_setup
    from release.views.artifacts import catalogue_text

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    tags = _tags(setup)
    found = catalogue(wired.artifacts(setup.pipelines), setup.pipeline.name, limit=limit)
    if as_json:
        show_json(
            [
                {
                    "commit": one.commit,
                    "tags": tags.get(one.commit, []),
                    "built": one.written.isoformat(timespec="seconds"),
                    "target": one.target,
                    "manifest": one.digest,
                    "services": one.services,
                    "size": one.size,
                    "problem": one.problem,
                }
                for one in found
            ]
        )
        return
    rows = [
        (b.commit, tags.get(b.commit, []), b.written, b.target, b.services, b.size, b.problem) for b in found
    ]
    show(catalogue_text(rows))


@command.command("show", short_help="What a release or an artifact holds, and which regions have it.")
@click.argument("release")
@click.argument("service", required=False)
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="Write it to a new file.")
@click.option(
    "--part", type=click.Choice(PARTS), default="zip", show_default=True, help="What --output writes."
)
@pipeline_option
@json_option
@click.pass_obj
def artifacts_show(
    directory: Path,
    release: str,
    service: str | None,
    output: Path | None,
    part: str,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """RELEASE is a tag, a commit, or the digest of a manifest or a zip; six digits are enough.

    With SERVICE its artifact: files, components, documents, and the regions that have each.
    """
    from release.promotion import read_setup
    from release.promotion.known import known_release

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    artifacts = wired.artifacts(setup.pipelines)
    try:
        known = known_release(wired.repo, artifacts, setup, release, target=wired.build_target.name)
    except Misconfigured as error:
        if service is not None:
            raise
        digest = _zip_digest(artifacts, release, error)
        if output is not None:
            _write(output, _part(artifacts, part, {"zip": digest}))
        else:
            _show_zip(artifacts, digest, setup, as_json)
        return
    entry = _entry(known, service)
    if output is not None:
        _write(output, _part(artifacts, part, _digests(known, entry)))
    elif entry is None or service is None:
        _show_release(artifacts, known, setup, as_json)
    else:
        _show_artifact(artifacts, service, entry, setup, as_json)


def _show_release(artifacts: "Artifacts", known: "Known", setup: "Setup", as_json: bool) -> None:
    from release.build.catalogue import where
    from release.views.artifacts import release_text
    from release.views.builds import entry_json

    manifest = known.manifest
    held = where(artifacts, manifest, setup.pipelines.regions)
    tags = _tags(setup).get(manifest.commit, [])
    if as_json:
        show_json(
            {
                "commit": manifest.commit,
                "tags": tags,
                "manifest": known.digest,
                "builder": manifest.builder,
                "services": {name: entry_json(entry) for name, entry in manifest.services.items()},
                "regions": held,
            }
        )
        return
    show(release_text(manifest, known.digest, tags, held))


def _show_artifact(
    artifacts: "Artifacts", service: str, entry: "ServiceEntry", setup: "Setup", as_json: bool
) -> None:
    from release.build.catalogue import held
    from release.views.artifacts import artifact_text, component_json
    from release.views.builds import entry_json

    found = held(artifacts, entry, setup.pipelines.regions)
    if as_json:
        show_json(
            {
                "service": service,
                **entry_json(entry),
                "files": _files_json(found.files),
                "components": [component_json(one) for one in found.components],
                "regions": found.regions,
            }
        )
        return
    files = [(file.path, file.mode, file.size) for file in found.files]
    show(artifact_text(service, entry, files, found.components, found.regions))


def _show_zip(artifacts: "Artifacts", digest: str, setup: "Setup", as_json: bool) -> None:
    from release.build.catalogue import files_of
    from release.views.artifacts import artifact_text

    files = files_of(artifacts.get(digest, kind="zip"), digest)
    held = {
        region: {"zip": artifacts.holds(digest, kind="zip", region=region)}
        for region in setup.pipelines.regions
    }
    if as_json:
        show_json({"artifact": digest, "files": _files_json(files), "regions": held})
        return
    show(artifact_text(digest, None, [(f.path, f.mode, f.size) for f in files], (), held))


def _files_json(files: "Sequence[Member]") -> list[dict[str, object]]:
    return [
        {"path": file.path, "mode": f"{file.mode:04o}", "size": file.size, "sha256": file.sha256}
        for file in files
    ]


def _tags(setup: "Setup") -> Mapping[str, Sequence[str]]:
    """Commit -> the pipeline's tags on it."""
    tags: dict[str, list[str]] = {}
    for tag in setup.tags:
        tags.setdefault(tag.commit, []).append(tag.name)
    return tags


def _entry(known: "Known", service: str | None) -> "ServiceEntry | None":
    """Raises Misconfigured for a service that the release does not have."""
    if service is None:
        return None
    if service not in known.manifest.services:
        raise Misconfigured(
            f"this release has no service {service}",
            fix=f"name one of: {', '.join(sorted(known.manifest.services))}",
        )
    return known.manifest.services[service]


def _digests(known: "Known", entry: "ServiceEntry | None") -> Mapping[str, str | None]:
    if entry is None:
        return {"manifest": known.digest}
    return {
        "manifest": known.digest,
        "zip": entry.artifact,
        "sbom": entry.sbom,
        "provenance": entry.provenance,
    }


def _zip_digest(artifacts: "Artifacts", name: str, error: ReleaseError) -> str:
    """The zip that a digest, or how it begins, names. Raises `error` when it names none."""
    if len(name) < 6 or any(one not in "0123456789abcdef" for one in name) or len(name) > 64:
        raise error
    found = artifacts.digests(name, kind="zip")
    if len(found) > 1:
        raise Misconfigured(f"{name} begins the digests of {len(found)} zips", fix="use more of its digits")
    if not found:
        raise error
    return found[0]


def _part(artifacts: "Artifacts", part: str, digests: Mapping[str, str | None]) -> bytes:
    digest = digests.get(part)
    if digest is None:
        raise Misconfigured(f"there is no {part} of that", fix="name a service, or another --part")
    return artifacts.get(digest, kind=part)


def _write(output: Path, data: bytes) -> None:
    try:
        with output.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise Misconfigured(
            f"{output} cannot be written: {error.strerror}", fix="name a new file in a folder that is there"
        ) from error
    say(f"wrote {len(data)} bytes to {output}", err=True)
