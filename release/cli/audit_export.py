"""`release audit export`: the promotions of a time, for auditors."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli.context import check_known, pipeline_option, wiring
from release.cli.new_file import new_file
from release.cli.output import say
from release.errors import Misconfigured

if TYPE_CHECKING:
    from release.core.promotions import Promotion
    from release.core.records import Event
    from release.wire import Wiring


class Day(click.ParamType[Any]):
    """`2026-11-21`, UTC."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                raise ValueError
            return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError as error:
            raise Misconfigured(f"{value!r} is no date", fix="write it as in --from 2026-11-21") from error


@click.command("export", short_help="The promotions of a time, as CSV, JSON or a page to print.")
@click.option("--from", "since", type=Day(), required=True, metavar="DATE", help="The first day, UTC.")
@click.option("--to", "until", type=Day(), required=True, metavar="DATE", help="The last day, included, UTC.")
@click.option("--stage", help="Only this stage.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "json", "html"]), default="csv", show_default=True,
    help="csv: a row for every function and promotion; html: a report to read and print.",
)  # fmt: skip
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="Write it to a new file.")
@pipeline_option
@click.pass_obj
def audit_export(
    directory: Path,
    since: datetime,
    until: datetime,
    stage: str | None,
    form: str,
    output: Path | None,
    pipeline: str | None,
) -> None:
    """Everything that began on these days. The ledger is read as it is: `release audit verify` proves it."""
    from release.audit import Period, decisions_between, promotions_between
    from release.wire import TOOL

    if until < since:
        raise Misconfigured(
            f"--to {until:%Y-%m-%d} is before --from {since:%Y-%m-%d}", fix="name the first day with --from"
        )
    wired = wiring(directory)
    state = wired.ledger.read()
    check_known("pipeline", pipeline, {name for name, _ in state.heads})
    check_known("stage", stage, {name for _, name in state.heads})
    period = Period(since, until + timedelta(days=1))
    asked = {
        "from": f"{since:%Y-%m-%d}",
        "to": f"{until:%Y-%m-%d}",
        "pipeline": pipeline,
        "stage": stage,
        "ledger": state.commit,
        "tool": TOOL,
    }
    found = promotions_between(wired.ledger, state, period, pipeline=pipeline, stage=stage)
    decisions = decisions_between(wired.ledger, state, period, pipeline=pipeline, stage=stage)
    parts = _parts(wired, form, found, decisions, asked)
    if output is None:
        for part in parts:
            say(part.removesuffix("\n"), exact=True)
        return
    with new_file(output) as file:
        for part in parts:
            file.write(part.encode())
    say(f"wrote {output}", err=True)


def _parts(
    wired: "Wiring",
    form: str,
    promotions: "Iterable[Promotion]",
    decisions: "Iterable[Event]",
    asked: dict[str, Any],
) -> Iterable[str]:
    from release.views import audit

    if form == "csv":
        return audit.csv_lines(promotions)
    if form == "json":
        return audit.export_json(promotions, decisions, asked)
    return [wired.reports.render("report.html.j2", audit.report(promotions, decisions, asked))]
