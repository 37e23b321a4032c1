"""`release record [STAGE]`: brings GitHub in step with the ledger."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import confirm, json_option, pipeline_option, wiring, yes_option
from release.cli.output import progress, show, show_json
from release.errors import ExitCode, GateClosed, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from release.core.forge.steps import Step
    from release.core.models import Stage
    from release.record import Outcome, StagePlan


@click.command("record", short_help="Show on GitHub what the ledger holds.")
@click.argument("stage", required=False)
@click.option("--release", metavar="TAG", help="All that belongs to this tag or commit, however old it is.")
@click.option(
    "--last",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="How many of the last promotions of a stage are looked at.",
)
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(
    directory: Path,
    stage: str | None,
    release: str | None,
    last: int,
    pipeline: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Write what is missing on GitHub: deployments with their status, releases, comments on pull requests.

    What runs does not hang on it. Whatever it was interrupted at, the same command does the rest, and nothing
    twice.
    """
    from release.cli.github_output import annotate, append_summary
    from release.promotion import read_setup
    from release.record import Desk, bring_in_step, plan_stage
    from release.views.record import annotations, plan_text, record_json, record_summary, record_text

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    stages = [setup.stage(stage)] if stage is not None else list(setup.pipeline.stages)
    desk = Desk(wired.repo, wired.ledger, wired.artifacts, wired.forge, wired.clock)
    look = partial(plan_stage, desk, setup, last=last, release=release)
    plans = [look(one) for one in stages]
    if release is not None and not any(plan.known for plan in plans):
        raise Misconfigured(
            f"the ledger has nothing of {release} in {', '.join(one.name for one in stages)}",
            fix="name a tag or a full commit id: `release audit log` lists all there is",
        )
    if any(plan.steps for plan in plans):
        if not as_json:
            show(plan_text(plans))
        confirm(f"write this to {desk.forge.name}?", yes=yes, in_ci=wired.in_ci)
    outcomes: list[Outcome] = []
    for one, plan in zip(stages, plans, strict=True):
        # Stages share pull requests: what one has written, the next would write again by its old plan.
        newest = look(one) if any(outcome.done for outcome in outcomes) else plan
        again = partial(_again, look, one)
        outcomes.append(bring_in_step(desk, newest, again, _said))
    annotate(annotations(plans))
    append_summary(record_summary(outcomes, desk.forge.url))
    if as_json:
        show_json(record_json(outcomes))
    else:
        show(record_text(outcomes))
    _raise_left(outcomes)
    return ExitCode.DONE


def _again(look: "Callable[..., StagePlan]", stage: "Stage", doubtful: "Collection[str]") -> "StagePlan":
    return look(stage, doubtful=doubtful)


def _said(step: "Step") -> None:
    progress("recorded", {"text": step.text})


def _raise_left(outcomes: "Sequence[Outcome]") -> None:
    """Raises what kept a part from being recorded; GateClosed for what cannot be mended."""
    refused = [(part, error) for outcome in outcomes for part, error in outcome.refused.items()]
    objections = [line for outcome in outcomes for line in outcome.objections]
    if refused:
        part, error = refused[0]
        others = [f"{name}: {one.cause}" for name, one in refused[1:]]
        raise type(error)(
            f"{part} are not recorded: {error.cause}",
            fix=error.fix,
            see=error.see,
            details=[*error.details, *others, *objections],
        )
    if objections:
        raise GateClosed(
            objections[0],
            fix="find out who has changed it: `release audit verify` compares tags, ledger and artifacts; "
            "delete the file or the release on GitHub where it may be written again",
            details=objections[1:],
        )
