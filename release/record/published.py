"""Releases of the tags that a stage has been given with success, and all that they hold."""

import json
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from release.audit import audit_document
from release.audit.reading import written
from release.build.archive import Member, write_zip
from release.build.documents import load_manifest
from release.core import canonical
from release.core.forge.body import Around, release_body
from release.core.forge.names import is_plain
from release.core.forge.releases import (
    AUDIT,
    MANIFEST,
    PROVENANCE,
    SBOMS,
    Completion,
    ReleaseStep,
    WantedAsset,
    WantedRelease,
    looks_complete,
    release_steps,
)
from release.core.forge.steps import Part
from release.core.manifest import Manifest
from release.core.models import Stage
from release.core.promotions import Promotion, promotions
from release.errors import GateClosed, Misconfigured, ReleaseError
from release.ports import Artifacts
from release.promotion import Setup
from release.record.desk import Desk


@dataclass(slots=True)
class ReleasePlan:
    steps: list[ReleaseStep] = field(default_factory=list)
    objections: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, completion: Completion) -> None:
        self.steps += completion.steps
        self.objections += completion.objections
        self.notes += completion.notes


def release_plan(
    desk: Desk,
    setup: Setup,
    stage: Stage,
    found: Sequence[Promotion],
    *,
    looked_into: Collection[str],
    unread: list[tuple[Part, ReleaseError]],
) -> ReleasePlan:
    """For every tag among these promotions that has earned a release.

    One that is published with its files is `looked_into` only where it is named so.
    """
    plan = ReleasePlan()
    if stage.channel is None or stage.channel not in setup.pipeline.releases:
        return plan
    tags = dict.fromkeys(one.release.tag for one in found if earns(one) and one.release.tag is not None)
    for tag in tags:
        try:
            published = desk.forge.releases.published(tag)
            if published is not None and looks_complete(published) and tag not in looked_into:
                continue
            drafts = desk.forge.releases.drafts(tag)
        except Misconfigured as error:
            unread.append(("releases", error))
            break
        try:
            wanted = wanted_release(desk, setup, stage, tag)
        except GateClosed as error:  # a tag that was moved, say: nothing is to be published of it
            plan.objections.append(error.cause)
        except ReleaseError as error:  # the store is away, or may not be read: the rest goes on without it
            unread.append(("releases", error))
            break
        else:
            plan.add(release_steps(wanted, published, drafts))
    return plan


def earns(one: Promotion) -> bool:
    """A release that reached all regions of a stage as a whole. One that a rollback brought back has its own
    already.
    """
    ended = one.outcome
    return (
        ended is not None
        and ended.event.outcome == "succeeded"
        and one.start.verb == "promote"
        and one.start.regions is None
    )


def wanted_release(desk: Desk, setup: Setup, stage: Stage, tag: str) -> WantedRelease:
    """What the release of a tag should hold: the same bytes whenever it is asked for."""
    first = _first_success(desk, setup, stage, tag)
    artifacts = desk.artifacts(setup.pipelines)
    document = audit_document(
        desk.repo,
        desk.ledger,
        artifacts,
        setup.refs,
        setup.state,
        pipeline=setup.pipeline.name,
        stage=stage.name,
        release=tag,
        promotion=first.start.id,
    )
    digest = first.release.manifest
    manifest = load_manifest(artifacts, digest)
    assets = (
        WantedAsset(AUDIT, "application/json", document),
        WantedAsset(MANIFEST, "application/json", artifacts.get(digest, kind="manifest")),
        *_papers(artifacts, manifest),
    )
    several = len(setup.pipelines.pipelines) > 1
    plain = is_plain(setup.pipelines, setup.pipeline)
    name = setup.pipeline.name
    head = setup.head(stage.name)
    around = Around(
        repository=desk.forge.url,
        name=desk.forge.name,
        before=first.served_before.release.label if first.served_before else None,
        workflow="rollback.yml" if plain else f"rollback-{name}.yml",
        pipeline=name if several else None,
    )
    return WantedRelease(
        tag=tag,
        commit=first.release.commit,
        promotion=first.start.id,
        body=release_body(json.loads(document), assets, around),
        prerelease=stage.channel != "gold",
        latest=stage.channel == "gold"
        and plain
        and head.serves is not None
        and head.serves.release.tag == tag,
        assets=assets,
    )


def _first_success(desk: Desk, setup: Setup, stage: Stage, tag: str) -> Promotion:
    """The first, so that the release says the same whenever it is looked at."""
    events = written(desk.ledger.commits(setup.state, release=tag))
    for one in promotions(events):
        start = one.start
        where = (start.pipeline, start.stage, one.release.tag)
        if where == (setup.pipeline.name, stage.name, tag) and earns(one):
            return one
    raise AssertionError(f"{tag} has reached {stage.name}, and the ledger does not say when")


def _papers(artifacts: Artifacts, manifest: Manifest) -> Sequence[WantedAsset]:
    """Bills of materials and provenances of all services, as far as there are any: one file of each kind."""
    entries = sorted(manifest.services.items())
    found = []
    sboms = [
        _member(f"{name}.cdx.json", artifacts.get(entry.sbom, kind="sbom"))
        for name, entry in entries
        if entry.sbom is not None
    ]
    if sboms:
        found.append(WantedAsset(SBOMS, "application/zip", write_zip(sboms)))
    # https://github.com/in-toto/attestation/blob/main/spec/v1/bundle.md: a statement a line
    statements = [
        artifacts.get(entry.provenance, kind="provenance").rstrip(b"\n") + b"\n"
        for _, entry in entries
        if entry.provenance is not None
    ]
    if statements:
        found.append(WantedAsset(PROVENANCE, "application/jsonl", b"".join(statements)))
    return found


def _member(name: str, data: bytes) -> Member:
    """Stored as it is: what deflate makes of it differs between versions of zlib."""
    return Member(
        path=name,
        executable=False,
        size=len(data),
        crc=zlib.crc32(data),
        sha256=canonical.sha256(data),
        deflated=False,
        data=data,
        origin=name,
    )
