"""`release retire SERVICE STAGE`: what a removed service has left in a stage stops serving; data stays."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from release.cli.context import (
    Duration,
    confirm,
    json_option,
    pipeline_option,
    reason_option,
    wiring,
    with_options,
    yes_option,
)
from release.cli.output import progress, show, show_json
from release.cli.through_actions import is_elsewhere
from release.errors import ExitCode, GateClosed, Misconfigured

if TYPE_CHECKING:
    from datetime import timedelta

    from release.core.retire import Asked, Retirement
    from release.promotion import Setup
    from release.retire import Retiring
    from release.wire import Wiring

_F = TypeVar("_F", bound=Callable[..., Any])
_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.argument("service"),
    click.argument("stage"),
    click.option(
        "--delete-stack",
        is_flag=True,
        help="Of what is retired already: delete its stacks. What holds data and is retained stays.",
    ),
    click.option(
        "--quiet",
        type=Duration(),
        metavar="DURATION",
        help="How long nobody may have missed it before its stack goes; default: 24h.",
    ),
    click.option(
        "--delete-data",
        metavar="NAME",
        multiple=True,
        help="Logical id of a resource whose data may go with the stack. May be repeated.",
    ),
    pipeline_option,
)


def _retirement(command: _F) -> _F:
    """What both commands are asked for."""
    return with_options(command, *_OPTIONS)


@click.command(
    "retire", short_help="Take a removed service's triggers and aliases, then its stack, out of STAGE."
)
@_retirement
@reason_option(required=True)
@yes_option
@json_option
@click.pass_obj
def command(
    directory: Path,
    service: str,
    stage: str,
    reason: str,
    delete_stack: bool,
    quiet: "timedelta | None",
    delete_data: tuple[str, ...],
    pipeline: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Detach what calls SERVICE in STAGE, then delete its aliases. Stacks, tables and versions stay.

    STAGE must serve without SERVICE by then. It is recorded before anything is touched; the same
    command does what is left when it was interrupted. A day later, --delete-stack deletes the stacks, and
    keeps what holds data.
    """
    from release.retire import carry_out
    from release.views.retire import retirement_json, retirement_text

    asked = _asked(delete_stack, quiet, delete_data)
    wired, setup, retiring = _read(directory, pipeline)
    if is_elsewhere(setup.stage(stage)):
        raise GateClosed(
            f"{stage} is filled by GitHub Actions alone (via: actions), and retire has no button",
            fix="run the same command in a job there, with the environment of the stage"
            " (docs/runbook.md, A service was removed)",
            see=str(setup.stage(stage).source),
        )
    planned = _planned(retiring, setup, service, stage, asked)
    if not as_json:
        show(retirement_text(planned, setup.pipelines.alias))
    if planned.is_done:
        if as_json:
            show_json(retirement_json(planned, None))
        return ExitCode.DONE
    question = f"delete the stacks of {service} in {stage}?" if asked else f"retire {service} in {stage}?"
    confirm(question, yes=yes, in_ci=wired.in_ci)
    event = carry_out(retiring, setup, planned, reason, who=wired.who(), progress=progress)
    if as_json:
        show_json(retirement_json(planned, event))
    elif planned.delete:
        show([f"the stacks of {service} are gone from {stage}"])
    else:
        show(
            [
                f"{service} serves nothing in {stage} any more; its stack and its data are still there",
                f"when nobody has missed it for a day: release retire {service} {stage} --delete-stack"
                " --reason TEXT",
            ]
        )
    return ExitCode.DONE


@click.command("retire", help="Plan the end of a service that STAGE does not have any more.")
@_retirement
@reason_option(required=False)
@json_option
@click.pass_obj
def plan_command(
    directory: Path,
    service: str,
    stage: str,
    reason: str | None,
    delete_stack: bool,
    quiet: "timedelta | None",
    delete_data: tuple[str, ...],
    pipeline: str | None,
    as_json: bool,
) -> int:
    from release.views.retire import retirement_json, retirement_text

    del reason  # taken, so that the words of the verb itself serve; it changes nothing of the plan
    asked = _asked(delete_stack, quiet, delete_data)
    _, setup, retiring = _read(directory, pipeline)
    planned = _planned(retiring, setup, service, stage, asked)
    if as_json:
        show_json(retirement_json(planned, None, is_plan=True))
    else:
        show(retirement_text(planned, setup.pipelines.alias))
    return ExitCode.DONE


def _asked(delete_stack: bool, quiet: "timedelta | None", data: tuple[str, ...]) -> "Asked | None":
    from release.core.retire import QUIET, Asked

    if delete_stack:
        return Asked(QUIET if quiet is None else quiet, tuple(dict.fromkeys(data)))
    if quiet is not None or data:
        raise Misconfigured(
            "--quiet and --delete-data are about stacks that go, and none is to",
            fix="add --delete-stack, or leave them out",
        )
    return None


def _read(directory: Path, pipeline: str | None) -> "tuple[Wiring, Setup, Retiring]":
    from release.orphans import services_of_main
    from release.promotion import read_setup
    from release.retire import Retiring

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    in_main = services_of_main(wired.repo, setup)
    tools = wired.tools(setup.pipelines)
    return wired, setup, Retiring(tools, wired.surroundings, wired.removal, wired.read_template, in_main)


def _planned(
    retiring: "Retiring", setup: "Setup", service: str, stage: str, asked: "Asked | None"
) -> "Retirement":
    from release.retire import plan_retirement

    return plan_retirement(retiring, setup, setup.stage(stage), service, asked)
