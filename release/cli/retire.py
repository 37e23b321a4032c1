"""`release retire SERVICE STAGE`: what a removed service has left in a stage stops serving; data stays."""

from pathlib import Path

import click

from release.cli.context import (
    confirm,
    json_option,
    pipeline_option,
    reason_option,
    wiring,
    yes_option,
)
from release.cli.output import progress, show, show_json
from release.cli.through_actions import is_elsewhere
from release.errors import ExitCode, GateClosed


@click.command("retire", short_help="Take a removed service's triggers and aliases out of STAGE.")
@click.argument("service")
@click.argument("stage")
@reason_option(required=True)
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(
    directory: Path, service: str, stage: str, reason: str, pipeline: str | None, yes: bool, as_json: bool
) -> int:
    """Detach what calls SERVICE in STAGE, then delete its aliases. Stacks, tables and versions stay.

    STAGE must serve without SERVICE by then. It is recorded before anything is touched; the same
    command does what is left when it was interrupted.
    """
    from release.promotion import read_setup
    from release.retire import carry_out, plan_retirement
    from release.views.retire import retirement_json, retirement_text

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    if is_elsewhere(setup.stage(stage)):
        raise GateClosed(
            f"{stage} is filled by GitHub Actions alone (via: actions), and retire has no button",
            fix="run the same command in a job there, with the environment of the stage",
            see=str(setup.stage(stage).source),
        )
    tools = wired.tools(setup.pipelines)
    planned = plan_retirement(tools, setup, setup.stage(stage), service)
    if not as_json:
        show(retirement_text(planned, setup.pipelines.alias))
    if planned.is_done:
        if as_json:
            show_json(retirement_json(planned, None))
        return ExitCode.DONE
    confirm(f"retire {service} in {stage}?", yes=yes, in_ci=wired.in_ci)
    event = carry_out(tools, wired.surroundings, setup, planned, reason, who=wired.who(), progress=progress)
    if as_json:
        show_json(retirement_json(planned, event))
    else:
        show([f"{service} serves nothing in {stage} any more; its stack and its data are still there"])
    return ExitCode.DONE
