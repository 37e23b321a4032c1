"""`release abort STAGE`: ask whoever is at work on a stage to stop and go back."""

from pathlib import Path

import click

from release.cli.context import confirm, pipeline_option, reason_option, wiring, yes_option
from release.cli.output import show
from release.errors import Conflict, GateClosed


@click.command("abort", short_help="Stop what is under way in STAGE: it goes back to what served before.")
@click.argument("stage")
@reason_option(required=True)
@pipeline_option
@yes_option
@click.pass_obj
def command(directory: Path, stage: str, reason: str, pipeline: str | None, yes: bool) -> None:
    """Write the request to the ledger; the process at work sees it within 15 seconds and compensates."""
    from rich.text import Text

    from release.core.records import Event, stamp
    from release.promotion import read_setup

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    at = setup.stage(stage)
    head = setup.head(at.name)
    running = head.running
    if running is None:
        raise GateClosed(
            f"nothing is under way in {stage}", fix=f"`release status {stage}` shows where it stands"
        )
    if wired.holders.is_dead(running.holder) is True:
        raise Conflict(
            f"{running.holder.label}, at work on {running.release.label}, is dead: nobody would hear this",
            fix=f"run the same {running.verb} again to finish it, or `release rollback {stage} --reason …`",
        )
    confirm(f"abort the {running.verb} of {running.release.label} in {stage}?", yes=yes, in_ci=wired.in_ci)
    who = wired.who()
    event = Event(
        kind="abort",
        id=running.id,
        at=stamp(wired.clock.now()),
        pipeline=setup.pipeline.name,
        stage=at.name,
        verb=running.verb,
        release=running.release,
        actor=who.actor,
        run=who.run,
        tool=who.tool,
        fence=head.fence,
        reason=reason,
    )
    wired.ledger.append(setup.state, event)
    show([Text(f"{running.holder.label} is asked to abort {running.id}")])
