"""`release changed`: which services differ from what a stage runs, or between two trees, and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import show, show_json
from release.errors import Misconfigured, ReleaseError

if TYPE_CHECKING:
    from release.core.changes import ServiceView
    from release.promotion import Setup
    from release.wire import Wiring


@click.command("changed", short_help="Which services differ from what a stage runs, and why.")
@click.option("--stage", help="Compare with what this stage runs; default: the first stage.")
@click.option("--ref", default="HEAD", show_default=True, help="Commit whose services are looked at.")
@click.option("--base", help="Compare two trees instead: this one …")
@click.option("--head", help="… with this one (default: --ref).")
@click.option("--why", metavar="NAME", help="Why this service counts as changed.")
@click.option("--why-not", metavar="NAME", help="Why this service counts as unchanged.")
@pipeline_option
@json_option
@click.pass_obj
def command(
    directory: Path,
    stage: str | None,
    ref: str,
    base: str | None,
    head: str | None,
    why: str | None,
    why_not: str | None,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Compare fingerprints, settings and templates; no range of commits, so that nothing is ever lost.

    What cannot be known counts as changed, and the reason is shown.
    """
    from release.core.changes import compare
    from release.promotion import build_setup, read_setup
    from release.views.changes import changes_json, changes_text

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    unknown = ""
    known: Mapping[str, ServiceView] | None
    if base is not None:
        against, scope = base, None
        known = _survey(wired, setup, base)
    else:
        scope = setup.stage(stage).name if stage is not None else setup.pipeline.stages[0].name
        against = f"what {scope} runs"
        known, unknown = _served(wired, setup, scope)
    commit = wired.repo.resolve(ref if head is None else head)
    now = wired.survey(setup.pipelines, setup.pipeline, build_setup(wired.repo, setup, commit), commit).views
    changes = compare(known, now, stage=scope, unknown=unknown)
    for name in (why, why_not):
        if name is not None:
            changes = tuple(change for change in changes if change.service == name)
            if not changes:
                raise Misconfigured(
                    f"there is no service {name}", fix=f"name one of: {', '.join(sorted(now))}"
                )
    if as_json:
        show_json(changes_json(changes, against) | {"unknown": unknown or None})
    elif why is not None or why_not is not None:
        show(f"{change.service}: {change.why}" for change in changes)
    else:
        show(changes_text(changes, against))


def _survey(wired: "Wiring", setup: "Setup", ref: str) -> "Mapping[str, ServiceView]":
    from release.promotion import build_setup

    commit = wired.repo.resolve(ref)
    return wired.survey(setup.pipelines, setup.pipeline, build_setup(wired.repo, setup, commit), commit).views


def _served(wired: "Wiring", setup: "Setup", stage: str) -> "tuple[Mapping[str, ServiceView] | None, str]":
    """What a stage runs; None with the reason where that cannot be known, so that all counts as changed."""
    from release.build.documents import load_manifest
    from release.core.changes import view

    good = setup.head(stage).serves
    if good is None:
        return None, f"{stage} has run nothing with success yet"
    try:
        return view(load_manifest(wired.artifacts(setup.pipelines), good.release.manifest)), ""
    except ReleaseError as error:
        return None, f"the manifest of {good.release.label} cannot be read: {error.cause}"
