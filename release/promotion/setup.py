"""What every verb reads first: the remote, the pipelines of its default branch, and the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from release.config import load_committed, load_pipelines, pick_pipeline, pipeline_services
from release.core.eyes import Asking
from release.core.models import Pipeline, Pipelines, Service, Stage
from release.core.records import StageHead
from release.core.tags import Tag, read_tags
from release.errors import Conflict, Misconfigured
from release.observe import pipeline_texts, service_files, work_tree_pipelines
from release.ports import LedgerState, RemoteRefs, Repo


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, as `plan.json` keeps it."""

    verb: str
    stage: str
    ref: str | None = None
    bump: str = "auto"
    reason: str | None = None
    new: bool = False
    allow_older: bool = False
    to: str | None = None
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()  # break-glass: only these
    despite_alarms: str | None = None  # why alarms that fire already do not count
    approve_destructive: str | None = None  # why a destructive migration may run


@dataclass(frozen=True, slots=True)
class Setup:
    """The remote, the configuration and the ledger, read once."""

    refs: RemoteRefs
    pipelines: Pipelines
    pipeline: Pipeline
    state: LedgerState
    warnings: tuple[str, ...]
    offline: bool = False
    trusted: bool = True  # the pipelines are those of the remote default branch
    asking: Asking | None = None  # None: nothing is to enter a stage

    def stage(self, name: str) -> Stage:
        """Raises Misconfigured that names the stages there are."""
        stage = self.pipeline.stage(name)
        if stage is None:
            names = ", ".join(one.name for one in self.pipeline.stages)
            raise Misconfigured(
                f"the pipeline {self.pipeline.name} has no stage {name}",
                fix=f"name one of: {names}",
                see=str(self.pipeline.source),
            )
        return stage

    def head(self, stage: str) -> StageHead:
        return self.state.head(self.pipeline.name, stage)

    def refuse_moved(self, state: LedgerState, stage: str) -> None:
        """Raises Conflict where the stage is not any more what this was read as: plans of it are void."""
        now, then = state.head(self.pipeline.name, stage), self.head(stage)
        if now.last != then.last:
            raise Conflict(
                f"{stage} has moved since this was planned",
                fix="run the same command again: it plans by what is there now",
                see=now.last,
            )

    def before(self, stage: Stage) -> tuple[StageHead, ...]:
        """Heads of the stages that stand before this one in the pipeline, in their order."""
        names = [one.name for one in self.pipeline.stages]
        return tuple(self.head(name) for name in names[: names.index(stage.name)])

    @property
    def tags(self) -> tuple[Tag, ...]:
        refs = ((tag.name, tag.object, tag.commit) for tag in self.refs.tags.values())
        return tuple(read_tags(refs, self.pipeline.tag_prefix))


class LedgerReader(Protocol):
    """The part of a ledger that says where everything stands."""

    def read(self, refs: RemoteRefs | None = None) -> LedgerState: ...


def read_setup(
    repo: Repo,
    ledger: LedgerReader,
    pipeline: str | None,
    *,
    offline: bool = False,
    asking: Asking | None = None,
) -> Setup:
    """Read the remote, the pipelines and the ledger. Raises Misconfigured and Unavailable."""
    if offline:
        refs = RemoteRefs(head=None, branches={}, tags=repo.local_tags())
        texts, state = work_tree_pipelines(repo.top), LedgerState(None, {})
        warnings: tuple[str, ...] = ("offline: only what this clone knows was looked at, without the ledger",)
    else:
        refs = repo.remote()
        texts, warnings = pipeline_texts(repo, refs)
        state = ledger.read(refs)
    pipelines = load_pipelines(texts.files, texts.odd)
    return Setup(
        refs,
        pipelines,
        pick_pipeline(pipelines, pipeline),
        state,
        warnings,
        offline,
        trusted=not warnings,
        asking=asking,
    )


def build_setup(repo: Repo, setup: Setup, commit: str) -> Mapping[str, Service]:
    """The pipeline's services as a commit configures them. Raises Misconfigured."""
    stages = [stage.name for pipeline in setup.pipelines.pipelines.values() for stage in pipeline.stages]
    files = service_files(repo, commit)
    services = load_committed(repo, files.blobs, stages, files.odd)
    if not services:
        raise Misconfigured(
            f"there are no services in commit {commit[:10]}",
            fix="add services/<name>/service.yaml, as docs/configuration.md shows",
        )
    names = pipeline_services(setup.pipelines, services)[setup.pipeline.name]
    return {name: services[name] for name in names}
