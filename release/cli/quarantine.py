"""`release quarantine TAG`: a person keeps a release out."""

from pathlib import Path

import click

from release.cli.decision import decision_options, read_state, write


@click.command("quarantine", short_help="Keep a release out of its stage and every later one.")
@click.argument("tag")
@decision_options
@click.pass_obj
def command(directory: Path, tag: str, reason: str, pipeline: str | None, yes: bool, as_json: bool) -> int:
    """Quarantine the release TAG, or a commit. No later success lifts it, only `release clear` does."""
    from release.decide import about_release

    wired, setup = read_state(directory, pipeline)
    return write(
        wired, setup, [about_release(wired.repo, setup, "quarantine", tag)], reason, yes=yes, as_json=as_json
    )
