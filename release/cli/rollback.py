"""`release rollback STAGE`: back to exactly the lambda versions that a good release left, alias first."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.carry_out import carry_out
from release.cli.context import confirm, json_option, pipeline_option, wiring, yes_option
from release.cli.output import progress, say
from release.cli.requests import rollback_request
from release.cli.through_actions import is_elsewhere, through_actions
from release.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from release.promotion import Request, Setup
    from release.wire import Wiring


@click.command("rollback", short_help="Go back to the previous good release, or to a named one.")
@rollback_request
@click.option(
    "--without-ledger",
    is_flag=True,
    help="The remote is out of reach: go by what this clone saw last, and keep a journal.",
)
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the journal; default: a new one at the repository's top.",
)
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(
    directory: Path,
    request: "Request",
    without_ledger: bool,
    journal: Path | None,
    pipeline: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Move the aliases of STAGE back to what a good release left; stacks stay as they are.

    Whoever is at work on STAGE is asked to go back, and STAGE is held before that.
    """
    from release.promotion import draft_rollback, read_setup

    wired = wiring(directory)
    if without_ledger:
        return _without_ledger(wired, request, pipeline, journal, yes=yes, as_json=as_json)
    try:
        setup = read_setup(wired.repo, wired.ledger, pipeline)
    except Unavailable as error:
        error.fix = f"{error.fix}; if it must be now: --without-ledger"
        raise
    if is_elsewhere(setup.stage(request.stage)):
        return through_actions(wired, setup, request, yes=yes, as_json=as_json)
    setup, request = clear_the_way(wired, setup, request, yes=yes)
    draft = draft_rollback(wired.tools(setup.pipelines), setup, request, target=wired.build_target)
    return carry_out(wired, draft, yes=yes, as_json=as_json)


def clear_the_way(
    wired: "Wiring", setup: "Setup", request: "Request", *, yes: bool
) -> "tuple[Setup, Request]":
    """Where somebody is at work on the stage: hold it, have them go back, and wait for that.

    Raises GateClosed when a person says no, Conflict, Unavailable.
    """
    from release.make_way import in_the_way, make_way

    stage = setup.stage(request.stage)
    running = in_the_way(setup, stage, wired.holders, wired.clock)
    if running is not None:
        what = f"{running.verb} of {running.release.label} by {running.actor}"
        confirm(f"{what} is under way: hold {stage.name}, and have that go back?", yes=yes, in_ci=wired.in_ci)
    return make_way(
        wired.ledger,
        wired.holders,
        wired.clock,
        setup,
        stage,
        request,
        who=wired.who(),
        progress=progress,
    )


def _without_ledger(
    wired: "Wiring",
    request: "Request",
    pipeline: str | None,
    journal: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    from dataclasses import replace

    from release.adapters.ledger_file import FileLedger
    from release.promotion import draft_rollback
    from release.promotion.out_of_reach import setup_without_remote

    known = wired.ledger.last_known()
    path = journal or wired.repo.top / f"release-journal-{wired.clock.now():%Y%m%dT%H%M%SZ}.jsonl"
    if path.exists():
        raise Misconfigured(
            f"there is a file {path} already", fix="import it, or name another one with --journal"
        )
    setup = setup_without_remote(wired.repo, known, pipeline)
    tools = replace(wired.tools(setup.pipelines), ledger=FileLedger(wired.ledger, known, path))
    draft = draft_rollback(tools, setup, request, target=wired.build_target)
    try:
        return carry_out(wired, draft, yes=yes, as_json=as_json, tools=tools)
    finally:
        if path.exists():
            say(f"  the journal is {path}: when the remote is back, release audit import {path}", err=True)
