"""`release reject STAGE`: a person has tested what the stage runs, and it is bad."""

from pathlib import Path

import click

from release.cli.decision import decision_options, read_state, write


@click.command("reject", short_help="Quarantine what STAGE runs: it goes no further.")
@click.argument("stage")
@decision_options
@click.pass_obj
def command(directory: Path, stage: str, reason: str, pipeline: str | None, yes: bool, as_json: bool) -> int:
    """Quarantine what STAGE runs. It goes on serving there; `release rollback` takes it away."""
    from release.decide import about_what_serves

    wired, setup = read_state(directory, pipeline)
    return write(wired, setup, [about_what_serves(setup, "reject", stage)], reason, yes=yes, as_json=as_json)
