"""Which services differ between two trees, whatever lies between them: for pull requests.

Everything that most comparisons do not need is imported where it is.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from release.build.candidates import candidates
from release.changed.asked import check_known
from release.changed.claims import Chosen
from release.core import names as naming
from release.core.changes import Change, Changes, changed, compare, removed
from release.errors import Misconfigured, ReleaseError

if TYPE_CHECKING:
    from release.build.survey import Survey
    from release.core.git_objects import Difference
    from release.core.models import Pipeline, Pipelines, Service
    from release.ports import Repo

Surveyor: TypeAlias = Callable[
    ["Pipelines", "Pipeline", "Mapping[str, Service]", str, "Collection[str] | None"], "Survey"
]

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def between(
    repo: "Repo", survey: Surveyor, *, pipeline: str | None, base: str, head: str, asked: str | None = None
) -> Changes:
    """`pipelines/` is that of each tree, and no remote is asked.

    A base that cannot be read makes all services count as changed. Raises Misconfigured for what is wrong
    with the head or the words.
    """
    found, old_commit = repo.resolve_each(head, base)
    commit = found or repo.resolve(head)
    top, folders = repo.folders(commit, "", "services")
    now = Chosen(repo, commit, top.get("pipelines"), pipeline)
    try:
        old_commit = old_commit or _base(repo, base)
        different = repo.differences(old_commit, commit)
        before = now
        if any(one.path.startswith("pipelines/") for one in different):
            before = Chosen(repo, old_commit, None, now.name)
        candidate = candidates(repo, commit, folders, different)
    except ReleaseError as error:
        return _all(repo, now, commit, base or "nothing", error.cause, asked)
    mine = now.services(candidate.head)
    _refuse_odd(mine)
    was = there = frozenset(mine)
    if before is not now or candidate.base != candidate.head:
        was = frozenset(before.services(candidate.base))
    check_known(asked, was | there)
    doubtful = (candidate.doubtful & there & was) | ({asked} if asked in there & was else set())
    if before is not now and _shown(before) != _shown(now):
        doubtful = there & was
    full: Mapping[str, Change] = {}
    notes: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    if doubtful:
        sides = (before, old_commit), (now, commit)
        full, notes, because = _in_full(repo, survey, *sides, frozenset(doubtful), different, asked)
    changes = {name: removed(name) for name in was - there}
    changes |= {name: Change(name, ("new",), "it is not in the base") for name in there - was}
    changes |= {name: changed(name, ("code",)) for name in candidate.code & there & was}
    changes |= full
    return Changes(
        base or "nothing",
        tuple(changes[name] for name in sorted(changes)),
        notes=notes,
        because=because,
        same=tuple(name for name in mine if name not in changes),
    )


def _in_full(
    repo: "Repo",
    survey: Surveyor,
    old: tuple[Chosen, str],
    new: tuple[Chosen, str],
    names: frozenset[str],
    different: "Sequence[Difference]",
    asked: str | None,
) -> tuple[Mapping[str, Change], tuple[str, ...], tuple[str, ...]]:
    """Changes of these services, notes, and what there is to say of the service that was asked about.

    A side is its pipelines and its commit; where no tree of pipelines differs, both have the same ones.
    """
    from release.changed.compared import notes_of, services_of, with_broken

    def surveyed(chosen: Chosen, commit: str) -> "Survey":
        services = services_of(repo, chosen.pipelines, commit, names)
        return survey(chosen.pipelines, chosen.pipeline, services, commit, None)

    now = surveyed(*new)
    try:
        before = surveyed(*old)
    except ReleaseError as error:
        why = f"the base cannot be read: {error.cause}"
        return {name: Change(name, ("unknown",), why) for name in names}, notes_of(now), ()
    compared = compare(before.views, now.views, stage=None)
    because: tuple[str, ...] = ()
    if asked in names and asked is not None:
        from release.build.explain import Side, explained

        stages = [stage.name for stage in new[0].pipeline.stages]
        because = explained(asked, Side(None, before, None), Side(None, now, None), different, stages)
    return {one.service: one for one in with_broken(compared, now)}, notes_of(now), because


def _all(
    repo: "Repo",
    now: Chosen,
    commit: str,
    against: str,
    unknown: str,
    asked: str | None,
) -> Changes:
    from release.observe import service_files

    listed = service_files(repo, commit).blobs
    mine = now.services(path.split("/")[1] for path in listed if path.endswith("/service.yaml"))
    _refuse_odd(mine)
    check_known(asked, mine)
    return Changes(against, tuple(Change(name, ("unknown",), unknown) for name in mine), unknown)


def _base(repo: "Repo", ref: str) -> str:
    """Commit id. Raises ReleaseError for a base that is not there, and cannot be fetched."""
    if ref and not ref.strip("0"):
        raise Misconfigured("there is no base: git names nothing before a first push", fix="-")
    try:
        return repo.resolve(ref)
    except ReleaseError:
        if not _ID.fullmatch(ref):
            raise
    repo.ensure([ref])  # a shallow clone may not have it; the one commit is enough for its tree
    return repo.resolve(ref)


def _shown(chosen: Chosen) -> tuple[object, ...]:
    """What of the pipelines enters settings and templates."""
    known = [stage.name for pipeline in chosen.pipelines.pipelines.values() for stage in pipeline.stages]
    return chosen.pipelines.alias, [stage.name for stage in chosen.pipeline.stages], known


def _refuse_odd(services: Collection[str]) -> None:
    """Names end in a matrix, and from there in a shell: also those of folders that nothing else has read."""
    odd = naming.odd_ones(services)
    if odd:
        raise Misconfigured(
            f"the folder's name {odd[0]!r} {naming.WHAT}",
            fix=naming.FIX,
            see=f"services/{odd[0]}",
            details=[f"services/{name!r}" for name in odd] if len(odd) > 1 else (),
        )
