"""The templates of one commit, rendered for the stages of one pipeline."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from release.build.documents import stack_name, template_context, template_source
from release.build.sources import CommitSources, read_commit
from release.changed.asked import no_service
from release.changed.claims import Chosen
from release.changed.compared import refuse_none, services_of
from release.core.models import Pipeline, Pipelines, Service, Stage
from release.errors import Misconfigured
from release.ports import Repo


class PlacedTemplates(Protocol):
    def render_placed(
        self, text: str, *, file: str, macros: Mapping[str, str], context: Mapping[str, Any]
    ) -> tuple[str, Callable[[int], str]]:
        """A template, checked, and which file:line gave a line of it (from 1). Raises Misconfigured."""


@dataclass(frozen=True, slots=True)
class StackText:
    """The template of one service in one stage. The same text serves every region."""

    service: str
    stage: Stage
    text: str
    place: Callable[[int], str]  # line of the text, from 1 -> file:line of the template that gave it

    @property
    def stack(self) -> str:
        return stack_name(self.service, self.stage.name)


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit as far as its templates need it: `pipelines/` is that of the commit itself."""

    commit: str
    pipelines: Pipelines
    pipeline: Pipeline
    services: Mapping[str, Service]
    sources: CommitSources

    def stages(self, only: str | None) -> tuple[Stage, ...]:
        """Those of the pipeline, or the one that is named. Raises Misconfigured."""
        found = tuple(stage for stage in self.pipeline.stages if only in (None, stage.name))
        if not found:
            known = ", ".join(stage.name for stage in self.pipeline.stages)
            raise Misconfigured(
                f"the pipeline {self.pipeline.name} has no stage {only}", fix=f"name one of: {known}"
            )
        return found

    def render(self, service: str, stage: Stage, templates: PlacedTemplates) -> StackText:
        """Raises Misconfigured that points at the line of the template."""
        configured = self.services[service]
        file, text = template_source(configured, self.sources)
        rendered, place = templates.render_placed(
            text,
            file=file,
            macros=self.sources.macros,
            context=template_context(
                configured, stage.name, self.pipelines.alias, stage.environment.boundary
            ),
        )
        return StackText(service, stage, rendered, place)

    def each(self, templates: PlacedTemplates, stage: str | None = None) -> Iterator[StackText]:
        for name in sorted(self.services):
            for one in self.stages(stage):
                yield self.render(name, one, templates)


def committed(
    repo: Repo, ref: str, *, pipeline: str | None, services: Collection[str] | None = None
) -> Committed:
    """Read a commit. `services`: only these; None: all of the pipeline. Raises Misconfigured."""
    commit = repo.resolve(ref)
    top, folders = repo.folders(commit, "", "services")
    chosen = Chosen(repo, commit, top.get("pipelines"), pipeline)
    known = chosen.services(name for name in folders if name != "common")
    if services is None or services:
        refuse_none(known, commit)
    names = known if services is None else services
    if unknown := [name for name in names if name not in known]:
        raise no_service(unknown[0], known, repo.top, committed=unknown[0] in folders)
    read = services_of(repo, chosen.pipelines, commit, frozenset(names)) if names else {}
    return Committed(commit, chosen.pipelines, chosen.pipeline, read, read_commit(repo, commit, read))
