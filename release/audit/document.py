"""`audit.json` of one release in one stage, read from ledger, tag, manifest and history."""

from release.audit.reading import written
from release.build.documents import load_manifest
from release.core import trailers
from release.core.audit import Commits, StatedTag, audit_bytes
from release.core.promotions import Promotion, Written, chosen, promotions
from release.core.records import Good, ReleaseRef
from release.errors import GateClosed, Misconfigured
from release.ports import Artifacts, LedgerChain, LedgerState, RemoteRefs, Repo


def audit_document(
    repo: Repo,
    ledger: LedgerChain,
    artifacts: Artifacts,
    refs: RemoteRefs,
    state: LedgerState,
    *,
    pipeline: str,
    stage: str,
    release: str,
    promotion: str | None = None,
) -> bytes:
    """The canonical bytes of the document; the same whenever it is asked for.

    `release` is a tag or a full commit id; `promotion` an id, where it was promoted to the stage more than
    once: else it is the first that succeeded, or the last one. Raises Misconfigured where there is none,
    GateClosed where it is under way or its tag is not what the ledger has recorded.
    """
    about = _about(ledger, state, release)
    events = [one for one, _ in about]
    found = [
        one
        for one in promotions(about)
        if one.start.pipeline == pipeline and release in (one.release.tag, one.release.commit)
    ]
    one = chosen(found, stage, promotion)
    if one is None:
        raise _not_there(release, stage, promotion, found)
    if one.outcome is None:
        raise GateClosed(
            f"{one.start.id} has no outcome"
            + (f": {one.superseded_by} ended it" if one.superseded_by else ""),
            fix=f"name the one that ended it with --id, or finish it: release advance {stage}",
        )
    return audit_bytes(
        one,
        about=events,
        tag=_tag(repo, refs, one.release),
        manifest=load_manifest(artifacts, one.release.manifest),
        commits=_commits(repo, one),
    )


def _about(ledger: LedgerChain, state: LedgerState, release: str) -> list[tuple[Written, Good | None]]:
    """Every event about the release's commit, of all stages. Raises Misconfigured."""
    named = [one for one, _ in written(ledger.commits(state, release=release)) if _names(one, release)]
    if not named:
        raise Misconfigured(
            f"the ledger has nothing of {release}", fix="`release audit log` lists all there is"
        )
    release_ref = named[0].event.release
    commit = release_ref.commit if release_ref else release
    return [pair for pair in written(ledger.commits(state, release=commit)) if _names(pair[0], commit)]


def _names(one: Written, release: str) -> bool:
    named = one.event.release
    return named is not None and release in (named.tag, named.commit)


def _not_there(release: str, stage: str, promotion: str | None, found: list[Promotion]) -> Misconfigured:
    if promotion is not None:
        ids = ", ".join(one.start.id for one in found if one.start.stage == stage)
        return Misconfigured(
            f"{promotion} is no promotion of {release} to {stage}",
            fix=f"name one of: {ids}" if ids else "`release audit show` lists what there is",
        )
    stages = ", ".join(dict.fromkeys(one.start.stage for one in found))
    return Misconfigured(
        f"{release} was never brought into the stage {stage}",
        fix=f"name one of: {stages}" if stages else "name another release",
    )


def _tag(repo: Repo, refs: RemoteRefs, release: ReleaseRef) -> StatedTag | None:
    """Raises GateClosed: a document for auditors rests on nothing that was moved."""
    if release.tag is None:
        return None
    tag = refs.tags.get(release.tag)
    fix = f"release audit verify {release.tag}"
    if tag is None or tag.object != release.tag_object or not tag.annotated:
        now = f"is {tag.object} now" if tag else "is not on the remote any more"
        raise GateClosed(
            f"the tag {release.tag} {now}, and the ledger has recorded {release.tag_object}", fix=fix
        )
    repo.ensure([tag.object], refs=[f"refs/tags/{release.tag}"])
    try:
        return StatedTag(tag.object, trailers.parse(repo.tag_message(tag.object)))
    except ValueError as error:
        raise GateClosed(f"the tag {release.tag} was tampered with: {error}", fix=fix) from error


def _commits(repo: Repo, one: Promotion) -> Commits:
    until = one.release.commit
    since = one.served_before.release.commit if one.served_before else None
    if since == until:
        return Commits((), ())
    added = [(each.id, each.subject) for each in repo.commits(since=since, until=until)]
    removed = repo.commits(since=until, until=since) if since else ()
    return Commits(added, [(each.id, each.subject) for each in removed])
