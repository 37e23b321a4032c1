"""Which services differ from what a stage runs, and why."""

import contextlib
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, TypeAlias

from release.build.documents import load_manifest
from release.changed.asked import check_known
from release.changed.compared import notes_of, services_of, with_broken
from release.core.changes import Changes, compare, view
from release.core.models import Pipeline, Pipelines, Service
from release.errors import ReleaseError
from release.ports import Artifacts, Difference, Ledger, LedgerState, RemoteRefs, Repo
from release.promotion import Setup, build_setup, read_setup

if TYPE_CHECKING:
    from release.build.survey import Survey

Surveyor: TypeAlias = Callable[
    [Pipelines, Pipeline, Mapping[str, Service], str, Collection[str] | None], "Survey"
]


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
    check_known(asked, now.views)
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
                then = services_of(repo, setup.pipelines, manifest.commit, {asked})
                before = survey(setup.pipelines, setup.pipeline, then, manifest.commit, (scope,))
        old = Side(manifest.services.get(asked), before, lambda digest: store.get(digest, kind="settings"))
        because = explained(asked, old, Side(None, now, None), different, (scope,))
    return Changes(f"what {scope} runs", with_broken(changes, now), unknown, notes_of(now), because)


def _between(repo: Repo, base: str, head: str) -> list[Difference] | None:
    """None: the base is not in this clone, and cannot be fetched."""
    try:
        repo.ensure([base])
        return list(repo.differences(base, head))
    except ReleaseError:
        return None


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
