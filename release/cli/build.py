"""`release build`: the artifacts, templates and the manifest of a commit, made once."""

from pathlib import Path

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import progress, show, show_json


@click.command("build", short_help="Build a commit: artifacts, templates, manifest. Nothing is built twice.")
@click.option(
    "--ref", default="HEAD", show_default=True, help="Commit to build; the work tree does not count."
)
@pipeline_option
@json_option
@click.pass_obj
def command(directory: Path, ref: str, pipeline: str | None, as_json: bool) -> None:
    """Build every service whose fingerprint was not built before, and write the commit's manifest."""
    from rich.text import Text

    from release.promotion import build_setup, read_setup
    from release.views.tables import short, table

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    commit = wired.repo.resolve(ref)
    services = build_setup(wired.repo, setup, commit)
    artifacts = wired.artifacts(setup.pipelines)
    built = wired.build(artifacts, setup.pipelines, setup.pipeline, services, commit, progress)
    if as_json:
        show_json(
            {
                "commit": commit,
                "manifest": built.digest,
                "services": {
                    one.service: {"outcome": one.outcome, "artifact": one.artifact, "size": one.size}
                    for one in built.services
                },
            }
        )
        return
    rows = table("service", "artifact", "size", "outcome")
    for one in built.services:
        rows.add_row(one.service, short(one.artifact), f"{one.size / 1e6:.1f} MB", one.outcome)
    show([Text(f"commit {short(commit)}  manifest {short(built.digest)}", style="dim"), rows])
