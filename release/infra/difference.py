"""What the stacks of two commits have not alike, without asking AWS."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from release.changed.asked import no_service
from release.changed.trees import Surveyor, between
from release.core.changes import Changes
from release.core.infra_diff import (
    CreateOnly,
    Difference,
    StackDifference,
    compare_templates,
)
from release.core.infra_values import Template
from release.errors import Misconfigured, ReleaseError
from release.infra.committed import Committed, PlacedTemplates, StackText, committed
from release.ports import Repo

if TYPE_CHECKING:
    from release.core.models import Stage

Read: TypeAlias = "Callable[[str, str], Template]"  # text and whose it is -> the template


@dataclass(frozen=True, slots=True)
class Tools:
    """What comparing needs from outside."""

    repo: Repo
    survey: Surveyor
    templates: PlacedTemplates
    read: Read
    create_only: Mapping[str, CreateOnly]


def difference(
    tools: Tools,
    *,
    pipeline: str | None,
    base: str,
    head: str,
    services: Sequence[str] = (),
    stage: str | None = None,
) -> Difference:
    """The stacks of `services` (none named: of all that changed) in `stage` (None: in all).

    What cannot be read or rendered of the base counts as not there: everything is then shown as new. Raises
    Misconfigured with every error of the head's templates.
    """
    changes = between(tools.repo, tools.survey, pipeline=pipeline, base=base, head=head)
    tools.repo.resolve(base)  # one that is misspelt is no base that has nothing
    names = _changed(changes, services, tools.repo.top)
    gone = {one.service for one in changes.services if "removed" in one.what}
    gone &= set(services) or gone
    new = committed(tools.repo, head, pipeline=pipeline, services=names)
    new.stages(stage)
    there = names - {one.service for one in changes.services if "new" in one.what}
    notes = [f"{name} is gone: release leaves its stacks alone" for name in sorted(gone)]
    old = None
    try:
        old = committed(tools.repo, base, pipeline=new.pipeline.name, services=there)
    except ReleaseError as error:
        notes.append(f"the base cannot be read, so everything is shown as new: {error.cause}")
    else:
        dropped = [one.name for one in old.pipeline.stages if new.pipeline.stage(one.name) is None]
        notes += [f"the stage {name} is gone: release leaves its stacks alone" for name in dropped]
    stacks = tuple(_stacks(tools, old, new, stage))
    return Difference(old.commit if old else base, new.commit, stacks, tuple(notes))


def _stacks(
    tools: Tools, old: Committed | None, new: Committed, stage: str | None
) -> Sequence[StackDifference]:
    found: list[StackDifference] = []
    problems: list[ReleaseError] = []
    for name in sorted(new.services):
        for one in new.stages(stage):
            try:
                now = new.render(name, one, tools.templates)
            except ReleaseError as error:
                problems.append(error)
                continue
            was = _rendered(tools, old, name, one) if old else None
            if was is None or was.text != now.text:
                found.append(_compared(tools, was, now))
    if problems:
        raise _all(problems)
    return found


def _rendered(tools: Tools, old: Committed, name: str, stage: "Stage") -> StackText | None:
    there = old.pipeline.stage(stage.name)
    if name not in old.services or there is None:
        return None
    try:
        return old.render(name, there, tools.templates)
    except ReleaseError:
        return None


def _compared(tools: Tools, was: StackText | None, now: StackText) -> StackDifference:
    before = None if was is None else tools.read(was.text, f"{was.stack} in the base")
    entries = compare_templates(before, tools.read(now.text, now.stack), tools.create_only)
    return StackDifference(
        now.service, now.stage.name, now.stack, now.stage.environment.regions, was is None, entries
    )


def _all(problems: Sequence[ReleaseError]) -> ReleaseError:
    distinct = list(dict.fromkeys((one.cause, one.see or "") for one in problems))
    if len(distinct) == 1:
        return problems[0]
    return Misconfigured(
        f"{len(distinct)} templates cannot be rendered",
        fix=problems[0].fix,
        see=problems[0].see,
        details=[f"{see}: {cause}" if see else cause for cause, see in distinct],
    )


def changed_templates(
    repo: Repo, survey: Surveyor, *, pipeline: str | None, base: str, head: str, services: Sequence[str] = ()
) -> Sequence[str]:
    """Those of `services` (none named: of all) whose templates may differ between two commits, sorted."""
    return sorted(
        _changed(between(repo, survey, pipeline=pipeline, base=base, head=head), services, repo.top)
    )


def _changed(changes: Changes, services: Sequence[str], top: Path) -> set[str]:
    # A service whose code alone is another one has the same templates.
    names = {one.service for one in changes.services if set(one.what) - {"code", "removed"}}
    if not services:
        return names
    known = {one.service for one in changes.services} | set(changes.same)
    if unknown := [name for name in services if name not in known]:
        raise no_service(unknown[0], known, top)
    return names & set(services)
