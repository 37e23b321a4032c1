"""`release infra render`: the template of one service in one stage, as CloudFormation gets it."""

from pathlib import Path

import click

from release.cli.context import pipeline_option, wiring
from release.cli.output import say
from release.errors import Misconfigured


@click.command("render", short_help="The template of a service in a stage, as CloudFormation gets it.")
@click.argument("service")
@click.option("--stage", required=True, help="Stage to render it for.")
@click.option("--ref", default="HEAD", show_default=True, help="Commit that is rendered.")
@pipeline_option
@click.pass_obj
def infra_render(directory: Path, service: str, stage: str, ref: str, pipeline: str | None) -> None:
    """Print the rendered template. What is not committed is not in it."""
    from release.infra.committed import committed

    wired = wiring(directory)
    commit = committed(wired.repo, ref, pipeline=pipeline, services=(service,))
    if service not in commit.services:
        raise Misconfigured(f"{service} has no service.yaml in {ref}", fix="commit it, or name another --ref")
    (one,) = commit.stages(stage)
    say(commit.render(service, one, wired.templates).text.rstrip("\n"), exact=True)
