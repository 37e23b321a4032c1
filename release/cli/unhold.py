"""`release unhold STAGE`: what a person, a failure or a rollback has held takes releases again."""

from pathlib import Path

import click

from release.cli.decision import decision_options, read_state, write


@click.command("unhold", short_help="Open a held STAGE again.")
@click.argument("stage")
@decision_options
@click.pass_obj
def command(directory: Path, stage: str, reason: str, pipeline: str | None, yes: bool, as_json: bool) -> int:
    """End the hold of STAGE, whoever set it: a person, a failed rollout (on_failure: hold) or a rollback."""
    from release.decide import about_stage

    wired, setup = read_state(directory, pipeline)
    return write(wired, setup, [about_stage(setup, "unhold", stage)], reason, yes=yes, as_json=as_json)
