"""`release drift [STAGE]`: what runs against what the ledger says, and what stands around it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.github_output import append_summary
from release.cli.output import say, show, show_json
from release.errors import GateClosed, Misconfigured, Unavailable

if TYPE_CHECKING:
    from release.core.drift import StageDrift
    from release.promotion import Setup
    from release.wire import Wiring


@click.command("drift", short_help="What runs and what stands around it, against the ledger.")
@click.argument("stage", required=False)
@click.option("--detect", is_flag=True, help="Let CloudFormation look at every resource, too: takes minutes.")
@click.option("--tell", is_flag=True, help="Tell whoever wants to know of `drift`, by notifications.")
@pipeline_option
@json_option
@click.pass_obj
def command(
    directory: Path, stage: str | None, detect: bool, tell: bool, pipeline: str | None, as_json: bool
) -> None:
    """Compare STAGE, or every stage, with the ledger and with the templates of its release. Writes nothing.

    Exit 3 when something drifts. When nothing is known to: 4 where a region did not answer, 2 where it may
    not be asked.
    """
    from release.drift import Looking, read_drift
    from release.orphans import services_of_main
    from release.promotion import read_setup
    from release.views.drift import drift_json, drift_summary, drift_text

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    looking = Looking(
        wired.functions,
        wired.stacks,
        wired.surroundings,
        wired.artifacts(setup.pipelines),
        wired.ledger,
        wired.read_template,
        wired.tools(setup.pipelines).read_document,
        services_of_main(wired.repo, setup),
    )
    stages = [setup.stage(stage)] if stage is not None else list(setup.pipeline.stages)
    found = [read_drift(looking, setup, one, detect=detect) for one in stages]
    if as_json:
        show_json(drift_json(found))
    else:
        show(drift_text(found, wired.clock.now()))
    append_summary(drift_summary(found))
    if tell:
        _tell(wired, setup, found)
    out = [f"{one.region} of {each.head.stage}" for each in found for one in each.out]
    count = sum(len(each.drifts) for each in found)
    if count:
        where = ", ".join(each.head.stage for each in found if each.drifts)
        raise GateClosed(
            f"drift: {count} {'finding' if count == 1 else 'findings'} in {where}",
            fix="each is shown with its fix; `release reconcile STAGE --reason TEXT` puts aliases back",
            details=[f"not asked: {', '.join(out)}"] if out else [],
        )
    if out:
        why = next(one.why for each in found for one in each.out)
        what = f"this is not all: {', '.join(out)} could not be asked: {why}"
        if any(one.unanswered for each in found for one in each.out):
            raise Unavailable(what, fix="the others are shown; for the rest try again")
        raise Misconfigured(what, fix="the reasons are shown: mend the credentials or regions that they name")


def _tell(wired: "Wiring", setup: "Setup", found: "Sequence[StageDrift]") -> None:
    """Once for each stage that drifts. That somebody cannot be told changes nothing: it is said."""
    from release.core.notices import of_drift
    from release.core.records import stamp

    at = stamp(wired.clock.now())
    notifier = wired.notifier(setup.pipelines)
    for one in found:
        notice = of_drift(one, at=at)
        if notice is not None:
            for untold in notifier.tell(notice, setup.stage(one.head.stage).environment.places[0]):
                say(f"untold: {untold}", err=True)
