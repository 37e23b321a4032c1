"""`release hold STAGE`: a person keeps everything out of a stage."""

from pathlib import Path

import click

from release.cli.decision import decision_options, read_state, write


@click.command("hold", short_help="Let nothing enter STAGE until somebody opens it again; rollbacks go on.")
@click.argument("stage")
@decision_options
@click.pass_obj
def command(directory: Path, stage: str, reason: str, pipeline: str | None, yes: bool, as_json: bool) -> int:
    """Refuse every deployment and promotion to STAGE, queued ones too, until `release unhold STAGE`."""
    from release.decide import about_stage

    wired, setup = read_state(directory, pipeline)
    return write(wired, setup, [about_stage(setup, "hold", stage)], reason, yes=yes, as_json=as_json)
