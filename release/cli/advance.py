"""`release advance [STAGE]`: goes on with what bakes or was interrupted, along the approved plan."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wait_option, wiring
from release.cli.main import show_error
from release.cli.output import show, show_json
from release.cli.through_actions import refuse_here
from release.errors import ExitCode, ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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

    Exit 7 while something is under way, 0 when nothing is. With --json, one document: an object for STAGE,
    else a list of one for each stage that was under way.
    """
    from release.promotion import read_setup

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    stages = [setup.stage(stage)] if stage is not None else list(setup.pipeline.stages)
    busy = [one for one in stages if setup.head(one.name).running is not None]
    if not busy:
        why = f"nothing is under way in {stage or f'any stage of {setup.pipeline.name}'}"
        if as_json:
            show_json({"outcome": "nothing", "stage": stage, "why": why} if stage is not None else [])
        else:
            show([why])
        return ExitCode.DONE
    if stage is not None:
        return _advance(wired, setup, busy[0], wait, show_json if as_json else None)
    told: list[Mapping[str, object]] = []
    try:
        ends = [_whatever_comes(wired, setup, one, wait, told if as_json else None) for one in busy]
    finally:
        if as_json:
            show_json(told)
    # Whatever needs a person most is what the process says at the end.
    return max(ends, key=_GRAVITY.index)


_GRAVITY = (
    ExitCode.DONE,
    ExitCode.UNDER_WAY,
    ExitCode.CLOSED,
    ExitCode.TRY_AGAIN,
    ExitCode.MISCONFIGURED,
    ExitCode.ROLLED_BACK,
    ExitCode.BUG,
    ExitCode.STRANDED,
)


def _whatever_comes(
    wired: "Wiring",
    setup: "Setup",
    stage: "Stage",
    wait: "timedelta",
    told: "list[Mapping[str, object]] | None",
) -> int:
    """One stage that cannot go on keeps nobody from looking after what bakes in another."""
    try:
        return _advance(wired, setup, stage, wait, told.append if told is not None else None)
    except ReleaseError as error:
        if told is not None:
            told.append({"outcome": "error", "stage": stage.name, "why": error.cause, "fix": error.fix})
        error.cause = f"{stage.name}: {error.cause}"
        show_error(error)
        return error.exit_code


def _advance(
    wired: "Wiring",
    setup: "Setup",
    stage: "Stage",
    wait: "timedelta",
    tell: "Callable[[Mapping[str, object]], None] | None",
) -> int:
    """`tell`: who gets the JSON document; None: people read."""
    from release.cli.carry_out import carry_out, under_way
    from release.promotion import Draft
    from release.resume import resume

    refuse_here(stage, "advance")
    tools = wired.tools(setup.pipelines)
    found = resume(tools, setup, stage, who=wired.who(), wait=wait, target=wired.build_target)
    as_json, tell = tell is not None, tell or show_json
    if found is None:  # somebody else has ended it since we looked
        if as_json:
            tell({"outcome": "nothing", "stage": stage.name, "why": f"nothing is under way in {stage.name}"})
        return ExitCode.DONE
    if not isinstance(found, Draft):
        return under_way(found.why, found.next_at, as_json=as_json, stage=stage.name, tell=tell)
    return carry_out(wired, found, yes=True, as_json=as_json, wait=wait, tell=tell)
