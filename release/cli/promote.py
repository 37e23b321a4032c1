"""`release promote STAGE`: the release that the stage before runs enters this one, the same bytes."""

from pathlib import Path

import click

from release.cli.carry_out import carry_out
from release.cli.context import json_option, pipeline_option, reason_option, wiring, yes_option

BUMPS = ("auto", "patch", "minor", "major")
bump_option = click.option(
    "--bump",
    type=click.Choice(BUMPS),
    default="auto",
    show_default=True,
    help="How far the version moves (the first channel of a pipeline only).",
)
ref_option = click.option(
    "--ref", help="Commit to promote, instead of the one the stage before runs (first channel only)."
)
new_option = click.option("--new", is_flag=True, help="A new counter even where nothing is new.")
older_option = click.option(
    "--allow-older", is_flag=True, help="Let a release in that is older than what runs."
)


@click.command("promote", short_help="Tag and roll out the release that the stage before runs.")
@click.argument("stage")
@bump_option
@ref_option
@reason_option(required=False)
@new_option
@older_option
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(
    directory: Path,
    stage: str,
    bump: str,
    ref: str | None,
    reason: str | None,
    new: bool,
    allow_older: bool,
    pipeline: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Tag the release and roll it out to STAGE: every function in every region, or none.

    Neither builds nor renders: what runs afterwards is what the stage before ran, byte for byte.
    """
    from release.promotion import Request, draft_promotion, read_setup

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline, asking=wired.asking())
    request = Request("promote", stage, ref=ref, bump=bump, reason=reason, new=new, allow_older=allow_older)
    draft = draft_promotion(wired.tools(setup.pipelines), setup, request, target=wired.build_target)
    return carry_out(wired, draft, yes=yes, as_json=as_json)
