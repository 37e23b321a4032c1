"""What both comparisons have in common, once services are looked at in full."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from release.config import load_committed, load_services
from release.core.changes import Change
from release.errors import Misconfigured
from release.observe import service_files

if TYPE_CHECKING:
    from release.build.survey import Survey
    from release.core.models import Pipelines, Service
    from release.ports import Repo

_FEW = 100  # services whose configuration is sooner read than all of it is remembered


def services_of(
    repo: "Repo", pipelines: "Pipelines", commit: str, names: Collection[str]
) -> "Mapping[str, Service]":
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


def refuse_none(services: Collection[str], commit: str) -> None:
    """Raises Misconfigured where a commit has no services at all."""
    if not services:
        raise Misconfigured(
            f"there are no services in commit {commit[:10]}",
            fix="make one with `release new SERVICE --kind http`, or commit those that are in services/",
            see="services/",
        )


def with_broken(changes: tuple[Change, ...], now: "Survey") -> tuple[Change, ...]:
    """What cannot be built counts as changed: nobody knows what it would be."""
    return tuple(
        Change(one.service, ("unknown",), f"it cannot be built: {now.broken[one.service][0]}")
        if not one.what and one.service in now.broken
        else one
        for one in changes
    )


def notes_of(now: "Survey") -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for lines in now.broken.values() for line in lines))
