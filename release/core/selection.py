"""Which release a verb is about: the answer of the version rules, joined with what the ledger knows of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from release.core.blockers import Blocker
from release.core.models import Stage
from release.core.records import Good, Passed, ReleaseRef, StageHead, Verb
from release.core.tags import KnownTag, StageRuns, parse
from release.core.versions import Next


@dataclass(frozen=True, slots=True)
class Selection:
    """A release on its way into a stage, before AWS is looked at."""

    verb: Verb
    commit: str
    manifest: str | None  # digest; None: not built yet
    tag: str | None = None
    tag_object: str | None = None
    mint: bool = False
    source: str | None = None  # the tag, or the stage, that it comes from
    reason: str | None = None
    services: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    despite: str | None = None  # why alarms that fire already do not count
    approved_destructive: str | None = None  # why a destructive migration may run
    gates: tuple[Passed, ...] | None = None  # what the stage's gates went by; None: they were not asked
    superseded: str | None = None  # why there is nothing to deploy: something newer runs
    warnings: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()

    def with_manifest(self, digest: str) -> "Selection":
        return replace(self, manifest=digest)

    @property
    def release(self) -> ReleaseRef:
        return ReleaseRef(self.commit, self.manifest or "", self.tag, self.tag_object)


def stage_runs(head: StageHead, prefix: str) -> StageRuns | None:
    """What a stage runs by the ledger, as the version rules want it."""
    good = head.serves
    if good is None:
        return None
    release = good.release
    return StageRuns(
        tag=release.tag,
        version=parse(release.tag, prefix) if release.tag else None,
        commit=release.commit,
        manifest=release.manifest,
    )


def known_tags(heads: Iterable[StageHead]) -> Mapping[str, KnownTag]:
    """Every tag that the heads remember, with the object that was pushed: what tells a moved tag."""
    known: dict[str, KnownTag] = {}
    for head in heads:
        releases = [good.release for good in head.history]
        if head.running is not None:
            releases.append(head.running.release)
        for release in releases:
            if release.tag and release.tag_object:
                known[release.tag] = KnownTag(release.tag_object, release.commit)
    return known


def promotion(
    answer: Next, stage: Stage, source: StageRuns | None, reason: str | None, objects: Mapping[str, str]
) -> Selection:
    """The selection that an answer of the version rules means. `objects`: tag name -> its remote object."""
    commit = answer.commit or ""
    same = source is not None and source.commit == commit
    return Selection(
        verb="promote",
        commit=commit,
        manifest=source.manifest if source and same else None,
        tag=answer.tag,
        tag_object=objects.get(answer.tag) if answer.tag and answer.existing else None,
        mint=answer.tag is not None and not answer.existing,
        source=(source.tag if source and same and source.tag else None) or stage.after,
        reason=reason,
        gates=answer.gates,
        warnings=answer.warnings,
        blockers=answer.blockers,
    )


def serves_already(head: StageHead, selection: Selection) -> bool:
    """Whether the ledger says that the stage runs exactly this release, and nobody is at work."""
    good = head.serves
    if good is None or head.running is not None or head.stranded is not None or head.partial is not None:
        return False
    return (good.release.commit, good.release.manifest, good.release.tag) == (
        selection.commit,
        selection.manifest,
        selection.tag,
    )


def deployed(head: StageHead, tag: str) -> Good | None:
    """The good release of this tag (or abbreviated commit) in a stage. None: it never ran it with success."""
    for good in reversed(head.history):
        if tag in (good.release.tag, good.release.commit) or (
            len(tag) >= 7 and good.release.commit.startswith(tag)
        ):
            return good
    return None
