"""`release promote STAGE`: the release that the stage before runs enters this one, the same bytes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.carry_out import carry_out
from release.cli.context import json_option, pipeline_option, wait_option, wiring, yes_option
from release.cli.requests import promote_request
from release.cli.through_actions import is_elsewhere, through_actions

if TYPE_CHECKING:
    from datetime import timedelta

    from release.promotion import Request


@click.command("promote", short_help="Tag and roll out the release that the stage before runs.")
@promote_request
@wait_option
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(
    directory: Path, request: "Request", wait: "timedelta", pipeline: str | None, yes: bool, as_json: bool
) -> int:
    """Tag the release and roll it out to STAGE: every function in every region, or none.

    Neither builds nor renders: what runs afterwards is what the stage before ran, byte for byte.
    """
    from release.promotion import draft_promotion, read_setup

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline, asking=wired.asking())
    if is_elsewhere(setup.stage(request.stage)):
        return through_actions(wired, setup, request, yes=yes, as_json=as_json, wait=wait)
    draft = draft_promotion(wired.tools(setup.pipelines), setup, request, target=wired.build_target)
    return carry_out(wired, draft, yes=yes, as_json=as_json, wait=wait)
