"""`release advance [STAGE]`: goes on with what bakes or was interrupted, along the approved plan."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wait_option, wiring
from release.cli.output import show, show_json
from release.errors import ExitCode

if TYPE_CHECKING:
    from datetime import timedelta

    from release.core.models import Stage
    from release.promotion import Setup
    from release.wire import Wiring


@click.command("advance", short_help="Go on with what bakes or was interrupted, in STAGE or in every stage.")
@click.argument("stage", required=False)
@wait_option
@pipeline_option
@json_option
@click.pass_obj
def command(
    directory: Path, stage: str | None, wait: "timedelta", pipeline: str | None, as_json: bool
) -> int:
    """Judge what bakes; move on, go back, or wait, as approved. Asks nobody: run it on a schedule.

    Exit 7 while something is under way, 0 when nothing is.
    """
    from release.promotion import read_setup

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    stages = [setup.stage(stage)] if stage is not None else list(setup.pipeline.stages)
    busy = [one for one in stages if setup.head(one.name).running is not None]
    if not busy:
        where = stage or f"any stage of {setup.pipeline.name}"
        if as_json:
            show_json({"outcome": "nothing", "why": f"nothing is under way in {where}"})
        else:
            show([f"nothing is under way in {where}"])
        return ExitCode.DONE
    # Whatever needs a person most is what the process says at the end.
    return max((_advance(wired, setup, one, wait, as_json=as_json) for one in busy), key=_GRAVITY.index)


_GRAVITY = (
    ExitCode.DONE,
    ExitCode.UNDER_WAY,
    ExitCode.CLOSED,
    ExitCode.TRY_AGAIN,
    ExitCode.ROLLED_BACK,
    ExitCode.STRANDED,
)


def _advance(wired: "Wiring", setup: "Setup", stage: "Stage", wait: "timedelta", *, as_json: bool) -> int:
    from release.apply.waves import still_bakes
    from release.cli.carry_out import carry_out, going_back, under_way
    from release.core.holding import Busy
    from release.promotion import draft_resumed

    tools = wired.tools(setup.pipelines)
    draft = draft_resumed(tools, setup, stage, target=wired.build_target)
    if draft is None:
        return ExitCode.DONE
    if setup.head(stage.name).abort is not None:
        draft = going_back(draft)
    if isinstance(draft.hold, Busy):
        return under_way(draft.hold.what, None, as_json=as_json, stage=stage.name)
    head = setup.head(stage.name)
    waits = still_bakes(draft.plan, draft.wanted, head, tools=tools, who=wired.who(), wait=wait)
    if waits is not None:
        return under_way(waits.why, waits.next_at, as_json=as_json, stage=stage.name)
    return carry_out(wired, draft, yes=True, as_json=as_json, wait=wait)
