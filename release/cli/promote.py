"""`release promote STAGE`: the release that the stage before runs enters this one, the same bytes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.carry_out import carry_out
from release.cli.context import (
    checked_reason,
    destructive_option,
    json_option,
    pipeline_option,
    reason_option,
    wait_option,
    wiring,
    yes_option,
)
from release.errors import Misconfigured

if TYPE_CHECKING:
    from datetime import timedelta

BUMPS = ("auto", "patch", "minor", "major")
bump_option = click.option(
    "--bump",
    type=click.Choice(BUMPS),
    default="auto",
    show_default=True,
    help="How far the version moves (the first channel of a pipeline only).",
)
ref_option = click.option(
    "--ref", help="Commit to promote, instead of the one the stage before runs (first channel only)."
)
new_option = click.option("--new", is_flag=True, help="A new counter even where nothing is new.")
older_option = click.option(
    "--allow-older", is_flag=True, help="Let a release in that is older than what runs."
)

regions_option = click.option(
    "--regions",
    metavar="R",
    multiple=True,
    help="Only these regions, because another is out (break-glass); needs --reason. May be repeated.",
)
alarms_option = click.option(
    "--despite-alarms",
    metavar="TEXT",
    callback=checked_reason,
    help="Why alarms that fire already do not count; then only what is worse than stable does.",
)


def break_glass(regions: tuple[str, ...], reason: str | None) -> tuple[str, ...]:
    """Raises Misconfigured for regions without a reason."""
    if regions and reason is None:
        raise Misconfigured(
            "--regions leaves the other regions behind, and that needs a reason", fix="add --reason TEXT"
        )
    return tuple(dict.fromkeys(regions))


@click.command("promote", short_help="Tag and roll out the release that the stage before runs.")
@click.argument("stage")
@bump_option
@ref_option
@reason_option(required=False)
@new_option
@older_option
@regions_option
@alarms_option
@destructive_option
@wait_option
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(
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
    wait: "timedelta",
    pipeline: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Tag the release and roll it out to STAGE: every function in every region, or none.

    Neither builds nor renders: what runs afterwards is what the stage before ran, byte for byte.
    """
    from release.promotion import Request, draft_promotion, read_setup

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline, asking=wired.asking())
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
    draft = draft_promotion(wired.tools(setup.pipelines), setup, request, target=wired.build_target)
    return carry_out(wired, draft, yes=yes, as_json=as_json, wait=wait)
