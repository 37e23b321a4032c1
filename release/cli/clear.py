"""`release clear TAG`: a person lifts a quarantine."""

from pathlib import Path

import click

from release.cli.decision import decision_options, read_state, write


@click.command("clear", short_help="Lift the quarantine of a release.")
@click.argument("tag")
@decision_options
@click.pass_obj
def command(directory: Path, tag: str, reason: str, pipeline: str | None, yes: bool, as_json: bool) -> int:
    """Let the release TAG (or a commit) be promoted again, whoever has quarantined it."""
    from release.decide import about_quarantines

    wired, setup = read_state(directory, pipeline)
    return write(wired, setup, about_quarantines(wired.repo, setup, tag), reason, yes=yes, as_json=as_json)
