"""`release accept STAGE`: a person has tested what the stage runs, and signs it off."""

from pathlib import Path

import click

from release.cli.decision import decision_options, read_state, write


@click.command("accept", short_help="Sign off what STAGE runs, for the gate signed_off of the next stage.")
@click.argument("stage")
@decision_options
@click.pass_obj
def command(directory: Path, stage: str, reason: str, pipeline: str | None, yes: bool, as_json: bool) -> int:
    """Record that what STAGE runs now, and nothing else, is good. No rollout may be under way there."""
    from release.decide import about_what_serves

    wired, setup = read_state(directory, pipeline)
    return write(wired, setup, [about_what_serves(setup, "accept", stage)], reason, yes=yes, as_json=as_json)
