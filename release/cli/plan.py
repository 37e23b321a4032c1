"""`release plan VERB …`: what a verb would do, and nothing done. The file is for `release apply`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import destructive_option, json_option, pipeline_option, reason_option, wiring
from release.cli.output import show, show_json
from release.cli.promote import (
    alarms_option,
    break_glass,
    bump_option,
    new_option,
    older_option,
    ref_option,
    regions_option,
)
from release.cli.usage import Verbs
from release.errors import ExitCode, Misconfigured

if TYPE_CHECKING:
    from release.promotion import Request

out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the plan to this file, for `release apply`.",
)


@click.group("plan", cls=Verbs, short_help="What deploy, promote or rollback would do; nothing is done.")
def command() -> None:
    """Show a plan: now → next, the steps, what stands in the way. Exit 3 when something does."""


@command.command("deploy")
@click.argument("stage")
@click.argument("services", nargs=-1)
@click.option("--ref", default="HEAD", show_default=True)
@destructive_option
@out_option
@pipeline_option
@json_option
@click.pass_obj
def plan_deploy(
    directory: Path,
    stage: str,
    services: tuple[str, ...],
    ref: str,
    approve_destructive: str | None,
    out: Path | None,
    pipeline: str | None,
    as_json: bool,
) -> int:
    """Plan a deployment of a commit that `release build` has built."""
    from release.promotion import Request

    request = Request("deploy", stage, ref=ref, services=services, approve_destructive=approve_destructive)
    return _plan(directory, request, pipeline, out, as_json)


@command.command("promote")
@click.argument("stage")
@bump_option
@ref_option
@reason_option(required=False)
@new_option
@older_option
@regions_option
@alarms_option
@destructive_option
@out_option
@pipeline_option
@json_option
@click.pass_obj
def plan_promote(
    directory: Path,
    stage: str,
    bump: str,
    ref: str | None,
    reason: str | None,
    new: bool,
    allow_older: bool,
    regions: tuple[str, ...],
    despite_alarms: str | None,
    approve_destructive: str | None,
    out: Path | None,
    pipeline: str | None,
    as_json: bool,
) -> int:
    """Plan a promotion."""
    from release.promotion import Request

    request = Request(
        "promote",
        stage,
        ref=ref,
        bump=bump,
        reason=reason,
        new=new,
        allow_older=allow_older,
        regions=break_glass(regions, reason),
        despite_alarms=despite_alarms,
        approve_destructive=approve_destructive,
    )
    return _plan(directory, request, pipeline, out, as_json)


@command.command("rollback")
@click.argument("stage")
@click.option("--to", "to", metavar="TAG", help="Release to go back to.")
@regions_option
@reason_option(required=True)
@out_option
@pipeline_option
@json_option
@click.pass_obj
def plan_rollback(
    directory: Path,
    stage: str,
    to: str | None,
    regions: tuple[str, ...],
    reason: str,
    out: Path | None,
    pipeline: str | None,
    as_json: bool,
) -> int:
    """Plan a rollback."""
    from release.promotion import Request

    request = Request("rollback", stage, to=to, reason=reason, regions=tuple(dict.fromkeys(regions)))
    return _plan(directory, request, pipeline, out, as_json)


def _plan(directory: Path, request: "Request", pipeline: str | None, out: Path | None, as_json: bool) -> int:
    import json

    from release.promotion import draft, read_setup
    from release.views.plan import plan_json, plan_text

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline, asking=wired.asking())
    drafted = draft(wired.tools(setup.pipelines), setup, request, target=wired.build_target)
    asked = asdict(request) | {"pipeline": setup.pipeline.name}
    document = {"schema": 1, "request": asked, "plan": plan_json(drafted.plan), "nothing": drafted.nothing}
    if out is not None:
        text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Misconfigured(
                f"the plan cannot be written: {error.strerror}",
                fix="name a file in a folder that exists and is yours to write in",
                see=str(out),
            ) from error
    if as_json:
        show_json(document)
    else:
        show(plan_text(drafted.plan))
        show([drafted.nothing or f"plan digest {drafted.plan.digest}"])
    return ExitCode.CLOSED if drafted.plan.blockers else ExitCode.DONE
