"""Which services changed, and why: against what a stage runs, or between two trees. Only reads."""

import contextlib
import re
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, TypeAlias

from release.build.candidates import Candidates, candidates
from release.config import load_committed, load_pipelines, load_services, pick_pipeline, pipeline_services
from release.config.values import LONGEST_NAME, NAME
from release.core.changes import Change, Changes, changed, compare, removed, view
from release.core.models import Pipeline, Pipelines, Service
from release.errors import Misconfigured, ReleaseError
from release.observe import committed_pipelines, service_files, work_tree_pipelines
from release.ports import Artifacts, Difference, Ledger, LedgerState, RemoteRefs, Repo

if TYPE_CHECKING:
    from release.build.survey import Survey

# What most comparisons do not need is imported where it is: a comparison of two trees is to take no time.
Surveyor: TypeAlias = Callable[
    [Pipelines, Pipeline, Mapping[str, Service], str, Collection[str] | None], "Survey"
]

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FEW = 100  # services whose configuration is sooner read than all of it is remembered


def since_stage(
    repo: Repo,
    ledger: Ledger,
    artifacts: Callable[[Pipelines], Artifacts],
    survey: Surveyor,
    *,
    pipeline: str | None,
    stage: str | None,
    ref: str,
    asked: str | None = None,
) -> Changes:
    """A commit against what a stage runs (None: the first stage), explained for the service `asked`.

    What the stage runs may be unknown: the remote is out of reach, its ledger or the manifest unreadable.
    Then all services count as changed. Raises Misconfigured for what is wrong with the commit or the words.
    """
    from release.build.documents import load_manifest
    from release.promotion import Setup, build_setup, read_setup

    patient = _Patient(ledger)
    setup: Setup
    try:
        setup, unknown = read_setup(repo, patient, pipeline), ""
        unknown = patient.reason
    except ReleaseError as error:
        if _remote_answers(repo):
            raise
        setup, unknown = read_setup(repo, patient, pipeline, offline=True), error.cause
    scope = setup.stage(stage).name if stage is not None else setup.pipeline.stages[0].name
    commit = repo.resolve(ref)
    services = build_setup(repo, setup, commit)
    now = survey(setup.pipelines, setup.pipeline, services, commit, (scope,))
    _known(asked, now.views)
    good = setup.head(scope).serves
    manifest = None
    if not unknown and good is None:
        unknown = f"{scope} has run nothing with success yet"
    elif not unknown and good is not None:
        try:
            manifest = load_manifest(artifacts(setup.pipelines), good.release.manifest)
        except ReleaseError as error:
            unknown = f"the manifest of {good.release.label} cannot be read: {error.cause}"
    changes = compare(view(manifest) if manifest else None, now.views, stage=scope, unknown=unknown)
    because: tuple[str, ...] = ()
    if asked is not None and manifest is not None:
        from release.build.explain import Side, explained

        different = _between(repo, manifest.commit, commit)
        store = artifacts(setup.pipelines)
        before = None
        if different is not None:
            with contextlib.suppress(ReleaseError):  # what an older commit says may not be readable any more
                then = _services(repo, setup.pipelines, manifest.commit, {asked})
                before = survey(setup.pipelines, setup.pipeline, then, manifest.commit, (scope,))
        old = Side(manifest.services.get(asked), before, lambda digest: store.get(digest, kind="settings"))
        because = explained(asked, old, Side(None, now, None), different, (scope,))
    return Changes(f"what {scope} runs", _with_broken(changes, now), unknown, _notes(now), because)


def between(
    repo: Repo, survey: Surveyor, *, pipeline: str | None, base: str, head: str, asked: str | None = None
) -> Changes:
    """Two trees, whatever lies between them; `pipelines/` is that of each tree, and no remote is asked.

    A base that cannot be read makes all services count as changed. Raises Misconfigured for what is wrong
    with the head or the words.
    """
    commit = repo.resolve(head)
    against = base or "nothing"
    pipelines, chosen = _pipelines_of(repo, commit, pipeline)
    try:
        old_commit = _base(repo, base)
        different = repo.differences(old_commit, commit)
        old_pipelines, old_chosen = pipelines, chosen
        if any(one.path.startswith("pipelines/") for one in different):
            old_pipelines, old_chosen = _pipelines_of(repo, old_commit, chosen.name)
        found = candidates(repo, old_commit, commit, different)
    except ReleaseError as error:
        return _all(repo, survey, pipelines, chosen, commit, against, error.cause, asked)
    names = frozenset(pipeline_services(pipelines, sorted(found.head))[chosen.name])
    _refuse_odd(names)
    old_names = names
    if old_pipelines is not pipelines or found.base != found.head:
        old_names = frozenset(pipeline_services(old_pipelines, sorted(found.base))[chosen.name])
    _known(asked, old_names | names)
    doubtful = (found.doubtful & names & old_names) | ({asked} if asked in names & old_names else set())
    if _shown(old_pipelines, old_chosen) != _shown(pipelines, chosen):
        doubtful = names & old_names
    full: Mapping[str, Change] = {}
    because: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if doubtful:
        now = survey(pipelines, chosen, _services(repo, pipelines, commit, doubtful), commit, None)
        try:
            before = survey(
                old_pipelines,
                old_chosen,
                _services(repo, old_pipelines, old_commit, doubtful),
                old_commit,
                None,
            )
        except ReleaseError as error:
            why = f"the base cannot be read: {error.cause}"
            full = {name: Change(name, ("unknown",), why) for name in doubtful}
        else:
            compared = compare(before.views, now.views, stage=None)
            full = {one.service: one for one in _with_broken(compared, now)}
            if asked in doubtful and asked is not None:
                from release.build.explain import Side, explained

                stages = [stage.name for stage in chosen.stages]
                because = explained(asked, Side(None, before, None), Side(None, now, None), different, stages)
        notes = _notes(now)
    changes = tuple(
        _change(name, name in old_names, name in names, found, full) for name in sorted(old_names | names)
    )
    return Changes(against, changes, "", notes, because)


def _change(
    name: str, was_there: bool, is_there: bool, found: Candidates, full: Mapping[str, Change]
) -> Change:
    if not is_there:
        return removed(name)
    if not was_there:
        return Change(name, ("new",), "it is not in the base")
    if name in full:
        return full[name]
    return changed(name, ("code",) if name in found.code else ())


def _all(
    repo: Repo,
    survey: Surveyor,
    pipelines: Pipelines,
    chosen: Pipeline,
    commit: str,
    against: str,
    unknown: str,
    asked: str | None,
) -> Changes:
    names = [
        path.split("/")[1] for path in service_files(repo, commit).blobs if path.endswith("/service.yaml")
    ]
    mine = pipeline_services(pipelines, sorted(names))[chosen.name]
    _refuse_odd(mine)
    _known(asked, mine)
    return Changes(against, tuple(Change(name, ("unknown",), unknown) for name in mine), unknown)


def _base(repo: Repo, ref: str) -> str:
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


def _between(repo: Repo, base: str, head: str) -> list[Difference] | None:
    """None: the base is not in this clone, and cannot be fetched."""
    try:
        repo.ensure([base])
        return list(repo.differences(base, head))
    except ReleaseError:
        return None


def _pipelines_of(repo: Repo, commit: str, name: str | None) -> tuple[Pipelines, Pipeline]:
    """Those of the tree; where it has none, those of the work tree. Raises Misconfigured."""
    texts = committed_pipelines(repo, commit, commit[:10])
    if not texts.files and not texts.odd:
        texts = work_tree_pipelines(repo.top)
    pipelines = load_pipelines(texts.files, texts.odd)
    return pipelines, pick_pipeline(pipelines, name)


def _shown(pipelines: Pipelines, chosen: Pipeline) -> tuple[object, ...]:
    """What of the pipelines enters settings and templates."""
    known = [stage.name for pipeline in pipelines.pipelines.values() for stage in pipeline.stages]
    return pipelines.alias, [stage.name for stage in chosen.stages], known


def _services(repo: Repo, pipelines: Pipelines, commit: str, names: Collection[str]) -> Mapping[str, Service]:
    """As the commit configures them. Raises Misconfigured with every error of these services."""
    stages = [stage.name for pipeline in pipelines.pipelines.values() for stage in pipeline.stages]
    if len(names) > _FEW:
        listing = service_files(repo, commit)
        loaded = load_committed(repo, listing.blobs, stages, listing.odd)
        return {name: loaded[name] for name in sorted(names) if name in loaded}
    paths = [f"services/{name}/service.yaml" for name in sorted(names)]
    blobs = {entry.path: entry.blob for entry in repo.tree(commit, *paths) if entry.path in paths}
    texts = repo.blobs(blobs.values())
    return load_services({path: texts[blob] for path, blob in blobs.items()}, stages)


def _with_broken(changes: tuple[Change, ...], now: "Survey") -> tuple[Change, ...]:
    """What cannot be built counts as changed: nobody knows what it would be."""
    return tuple(
        Change(one.service, ("unknown",), f"it cannot be built: {now.broken[one.service][0]}")
        if not one.what and one.service in now.broken
        else one
        for one in changes
    )


def _notes(now: "Survey") -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for lines in now.broken.values() for line in lines))


def _known(asked: str | None, names: Collection[str]) -> None:
    if asked is not None and asked not in names:
        raise Misconfigured(f"there is no service {asked}", fix=f"name one of: {', '.join(sorted(names))}")


def _refuse_odd(names: Collection[str]) -> None:
    """Names end in a matrix, and from there in a shell: also those of folders that nothing else has read."""
    odd = sorted(name for name in names if NAME.pattern.fullmatch(name) is None or len(name) > LONGEST_NAME)
    if odd:
        raise Misconfigured(
            f"the folder's name {odd[0]!r} {NAME.what}",
            fix=NAME.fix,
            see=f"services/{odd[0]}",
            details=[f"services/{name!r}" for name in odd] if len(odd) > 1 else (),
        )


def _remote_answers(repo: Repo) -> bool:
    try:
        repo.remote()
    except ReleaseError:
        return False
    return True


class _Patient:
    """A ledger that, where it cannot be read, is empty and says why."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.reason = ""

    def read(self, refs: RemoteRefs | None = None) -> LedgerState:
        try:
            return self._ledger.read(refs)
        except ReleaseError as error:
            self.reason = f"the ledger cannot be read: {error.cause}"
            return LedgerState(None, {})
