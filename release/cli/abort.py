"""`release abort STAGE`: whoever is at work on a stage stops and goes back; what bakes goes back at once."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import confirm, json_option, pipeline_option, reason_option, wiring, yes_option
from release.cli.output import show, show_json
from release.errors import Conflict, ExitCode, GateClosed

if TYPE_CHECKING:
    from release.core.models import Stage
    from release.core.records import Running
    from release.promotion import Setup
    from release.wire import Wiring


@click.command("abort", short_help="Stop what is under way in STAGE: it goes back to what served before.")
@click.argument("stage")
@reason_option(required=True)
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(directory: Path, stage: str, reason: str, pipeline: str | None, yes: bool, as_json: bool) -> int:
    """Write the request to the ledger; the process at work sees it within 15 seconds and compensates.

    Where nobody is at work, because it bakes or was killed, this goes back itself. Exit 5: what served
    before serves now.
    """
    from rich.text import Text

    from release.core.holding import deserted
    from release.decide import ask_to_abort
    from release.promotion import read_setup
    from release.promotion.at_work import is_dead

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    at = setup.stage(stage)
    head = setup.head(at.name)
    running = head.running
    if running is None:
        raise GateClosed(
            f"nothing is under way in {stage}", fix=f"`release status {stage}` shows where it stands"
        )
    dead = is_dead(wired.holders, running)
    nobody = deserted(running, dead=dead, now=wired.clock.now())
    confirm(f"abort the {running.verb} of {running.release.label} in {stage}?", yes=yes, in_ci=wired.in_ci)
    if head.abort is None or not nobody:  # else it was asked for, and going back did not end
        ask_to_abort(wired.ledger, setup, at.name, running, reason, who=wired.who(), clock=wired.clock)
    if nobody:
        return _go_back(wired, replace(setup, state=wired.ledger.read()), at, as_json=as_json)
    until = running.next_by if dead is None else None
    if as_json:
        asked = {"outcome": "asked", "id": running.id, "holder": running.holder.label, "next_by": until}
        show_json(asked)
    else:
        show([Text(f"{running.holder.label} is asked to abort {running.id}{_if_gone(running, until)}")])
    return ExitCode.DONE


def _if_gone(running: "Running", until: str | None) -> str:
    """Until when nothing may happen, of a holder that nobody can see from here."""
    if until is None:
        return ""
    sooner = " (sooner where GitHub says that the run has ended)" if running.holder.run else ""
    return f"; if it is gone, whoever comes after {until} takes it back{sooner}"


def _go_back(wired: "Wiring", setup: "Setup", stage: "Stage", *, as_json: bool) -> int:
    from release.cli.carry_out import carry_out
    from release.promotion import draft_resumed

    draft = draft_resumed(wired.tools(setup.pipelines), setup, stage, target=wired.build_target)
    if draft is None:
        raise Conflict(
            f"somebody else has ended what was under way in {stage.name}",
            fix=f"`release status {stage.name}` shows where it stands",
        )
    return carry_out(wired, draft, yes=True, as_json=as_json)
