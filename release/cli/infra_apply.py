"""`release infra apply STAGE`: stacks, brought to the templates of a release apart from a rollout."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import (
    confirm,
    json_option,
    pipeline_option,
    reason_option,
    wiring,
    yes_option,
)
from release.cli.output import progress, say, show, show_json
from release.cli.through_actions import is_elsewhere
from release.errors import ExitCode, GateClosed, Misconfigured

if TYPE_CHECKING:
    from release.core.infra_outcome import InfraPlan


@click.command("apply", short_help="Bring the stacks of STAGE to the templates of a release.")
@click.argument("services", nargs=-1)
@click.argument("stage")
@click.option("--region", "regions", metavar="R", multiple=True, help="Only this region; may be repeated.")
@click.option("--next", "coming", is_flag=True, help="Templates of what comes next, through its gates.")
@click.option("--ref", help="Commit to take them from (--next); in a stage without tags, default HEAD.")
@click.option(
    "--allow-replacement",
    "allowed",
    metavar="NAME",
    multiple=True,
    help="Resource with data that may be replaced or removed: Table, or orders/Table. May be repeated.",
)
@click.option("--allow-contract", is_flag=True, help="Take away what the release that serves has not.")
@click.option("--check", is_flag=True, help="Change nothing; exit 3 where something is to be done.")
@reason_option(required=False)
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def infra_apply(
    directory: Path,
    services: tuple[str, ...],
    stage: str,
    regions: tuple[str, ...],
    coming: bool,
    ref: str | None,
    allowed: tuple[str, ...],
    allow_contract: bool,
    check: bool,
    reason: str | None,
    pipeline: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Show what would become of every resource, ask, and change the stacks by change sets.

    By default the templates are those of what STAGE serves: what somebody has changed is put right. What
    rollouts have kept beside it goes with --allow-contract alone.
    """
    from release.infra.apply import Asked, carry_out, plan_infra
    from release.promotion import read_setup
    from release.views.infra_apply import infra_plan_json, infra_plan_text

    if ref is not None and not coming:
        raise Misconfigured("--ref says where --next takes templates from", fix="add --next, or leave it out")
    if (allowed or allow_contract) and reason is None and not check:
        raise Misconfigured("what takes something away needs a reason", fix="add --reason TEXT")
    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline, asking=wired.asking())
    if is_elsewhere(setup.stage(stage)):
        raise GateClosed(
            f"{stage} is filled by GitHub Actions alone (via: actions), and infra apply has no button",
            fix="run the same command in a job there, with the environment of the stage",
            see=str(setup.stage(stage).source),
        )
    tools = wired.tools(setup.pipelines)
    asked = Asked(stage, services, regions, coming, ref, allowed, allow_contract, reason)
    plan = plan_infra(tools, setup, asked, target=wired.build_target)
    document = {"plan": infra_plan_json(plan)}
    if not as_json:
        show(infra_plan_text(plan))
    if plan.blockers or check or not plan.busy:
        if as_json:
            show_json(document | {"outcome": None})
        elif not plan.busy:
            say(f"nothing to do: the stacks of {stage} are at the templates of {plan.release.label}")
        _refuse(plan, check=check)
        return ExitCode.DONE
    confirm(f"change {_count(plan)} in {stage}?", yes=yes, in_ci=wired.in_ci)
    event = carry_out(tools, setup, plan, asked, who=wired.who(), progress=progress)
    if as_json:
        show_json(document | {"outcome": event.outcome, "record": event.path})
    else:
        say(f"{_count(plan)} of {stage} {'is' if len(plan.busy) == 1 else 'are'} done")
    return ExitCode.DONE


def _refuse(plan: "InfraPlan", *, check: bool) -> None:
    if plan.blockers:
        first, *others = plan.blockers
        raise GateClosed(
            first.message,
            fix=first.fix,
            details=[f"{one.code}: {one.message}" for one in others],
        )
    if check and plan.busy:
        raise GateClosed(
            f"{_count(plan)} of {plan.stage} {'is' if len(plan.busy) == 1 else 'are'} not as it should be",
            fix="the same command without --check",
        )


def _count(plan: "InfraPlan") -> str:
    return f"{len(plan.busy)} stack{'' if len(plan.busy) == 1 else 's'}"
