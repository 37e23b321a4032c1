"""`release check`: lint, types, tests and dependency audit of what a change touches, as CI does."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import say, show, show_json
from release.core.checks import CHECKS
from release.errors import GateClosed, Misconfigured, Unavailable

if TYPE_CHECKING:
    from release.core.checks import Checked, CheckResult


@click.command("check", short_help="Lint, types, tests and dependency audit of what has changed.")
@click.argument("services", nargs=-1)
@click.option(
    "--base", metavar="REF", help="Check what differs from this commit; default: the remote's branch."
)
@click.option("--all", "everything", is_flag=True, help="Check all services.")
@click.option(
    "--skip", type=click.Choice(CHECKS), multiple=True, help="Leave a check out; the result says so."
)
@click.option(
    "-n", "--at-once", type=click.IntRange(1, 256), help="Programs at once; default: one for each processor."
)
@pipeline_option
@json_option
@click.pass_obj
def command(
    directory: Path,
    services: tuple[str, ...],
    base: str | None,
    everything: bool,
    skip: tuple[str, ...],
    at_once: int | None,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Check files of the work tree: of SERVICES, or of all that differ from the remote's default branch.

    `common` names the shared core. Which rules count is the business of the tools' own configuration.
    """
    from release.check.carry_out import check
    from release.check.choose import choose
    from release.cli.github_output import annotate_place, append_summary
    from release.views.checks import checks_json, checks_markdown, checks_text

    chosen_by = [
        word for word, given in (("SERVICES", services), ("--base", base), ("--all", everything)) if given
    ]
    if len(chosen_by) > 1:
        raise Misconfigured(f"{' and '.join(chosen_by)} exclude each other", fix="give one of them")
    wired = wiring(directory)
    choice = choose(
        wired.repo, wired.survey, pipeline=pipeline, names=services, base=base, everything=everything
    )
    checked = check(
        choice,
        wired.repo.top,
        skip=frozenset(one for one in CHECKS if one in skip),
        at_once=at_once or os.cpu_count() or 1,
        heard=_heard,
    )
    if as_json:
        show_json(checks_json(checked))
    else:
        show(checks_text(checked))
    append_summary(checks_markdown(checked))
    for one in checked.having("failed"):
        annotate_place(f"{one.service}: {one.check}", f"{one.why}; fix: {one.fix}", one.see)
    _refuse(checked)


def _heard(result: "CheckResult") -> None:
    words = f": {result.why}" if result.why else ""
    say(f"  {result.outcome:<8} {result.service} {result.check}{words}", err=True)


def _refuse(checked: "Checked") -> None:
    """Raises GateClosed that names the first that failed, or Unavailable the first that is not known."""
    for found, kind in ((checked.having("failed"), GateClosed), (checked.having("unknown"), Unavailable)):
        if found:
            first, *others = found
            raise kind(
                f"{first.service}: {first.check}: {first.why}",
                fix=first.fix,
                see=first.see,
                details=[f"{one.service}: {one.check}: {one.why}" for one in others],
            )
