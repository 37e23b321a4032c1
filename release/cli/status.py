"""`release status [STAGE]`: what runs where, since when, by whom, and whether AWS agrees."""

from pathlib import Path

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import show, show_json
from release.errors import Unavailable


@click.command("status", short_help="What runs where, since when, by whom, and whether AWS agrees.")
@click.argument("stage", required=False)
@pipeline_option
@json_option
@click.pass_obj
def command(directory: Path, stage: str | None, pipeline: str | None, as_json: bool) -> None:
    """Read the ledger and the aliases of every stage, or of STAGE with all its functions.

    A stage whose account you may not read is shown from the ledger alone, and says so. Where a region does
    not answer, the others are shown, and the exit code is 4.
    """
    from release.orphans import search, services_of_main, with_orphans
    from release.promotion import read_setup
    from release.standing import read_standing
    from release.views.status import status_json, status_text

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    stages = [setup.stage(stage)] if stage is not None else list(setup.pipeline.stages)
    standings = [read_standing(wired.functions, wired.ledger, setup, one) for one in stages]
    in_main = services_of_main(wired.repo, setup)
    searches = [
        search(wired.functions, wired.surroundings, wired.ledger, setup, one, in_main) for one in stages
    ]
    standings = with_orphans(standings, searches)
    if as_json:
        show_json(status_json(standings))
    else:
        show(status_text(standings, wired.clock.now(), functions=stage is not None))
    silent = [f"{out.region} of {one.head.stage}" for one in standings for out in one.unanswered]
    if silent:
        raise Unavailable(
            f"this is not all: {', '.join(silent)} cannot be reached",
            fix="the ledger and the other regions are shown; for the rest try again",
        )
