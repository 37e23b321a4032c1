"""`release rollback STAGE`: back to exactly the lambda versions that a good release left, alias first."""

from pathlib import Path

import click

from release.cli.carry_out import carry_out
from release.cli.context import json_option, pipeline_option, reason_option, wiring, yes_option


@click.command("rollback", short_help="Go back to the previous good release, or to a named one.")
@click.argument("stage")
@click.option(
    "--to", "to", metavar="TAG", help="Release to go back to; default: the good one before what serves."
)
@reason_option(required=True)
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(
    directory: Path, stage: str, to: str | None, reason: str, pipeline: str | None, yes: bool, as_json: bool
) -> int:
    """Move the aliases of STAGE back to what a good release left; stacks stay as they are."""
    from release.promotion import Request, draft_rollback, read_setup

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    request = Request("rollback", stage, to=to, reason=reason)
    draft = draft_rollback(wired.tools(setup.pipelines), setup, request, target=wired.build_target)
    return carry_out(wired, draft, yes=yes, as_json=as_json)
