"""`release next STAGE`: which tag a promotion would make. Calculates only; needs no AWS credentials."""

from pathlib import Path

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import show, show_json
from release.cli.requests import bump_option, new_option, older_option, ref_option


@click.command("next", short_help="Which tag a promotion to STAGE would make, and what stands in its way.")
@click.argument("stage")
@bump_option
@ref_option
@new_option
@older_option
@click.option("--offline", is_flag=True, help="Only what this clone knows, where the remote is out of reach.")
@pipeline_option
@json_option
@click.pass_obj
def command(
    directory: Path,
    stage: str,
    bump: str,
    ref: str | None,
    new: bool,
    allow_older: bool,
    offline: bool,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Calculate the next tag. Writes nothing; closed gates are listed as blockers and are no failure here."""
    from rich.text import Text

    from release.promotion import Request, next_release, read_setup
    from release.promotion.gates import asked_later
    from release.views.tables import short

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline, offline=offline, asking=wired.asking())
    request = Request("promote", stage, ref=ref, bump=bump, new=new, allow_older=allow_older)
    answer, _ = next_release(wired.repo, setup, request)
    warnings = [*setup.warnings, *answer.warnings, *asked_later(setup.stage(stage))]
    blockers = answer.blockers
    if as_json:
        show_json(
            {
                "tag": answer.tag,
                "commit": answer.commit,
                "existing": answer.existing,
                "reason": answer.reason,
                "warnings": warnings,
                "blockers": [{"code": b.code, "message": b.message, "fix": b.fix} for b in blockers],
            }
        )
        return
    show(
        [
            Text.assemble(
                (answer.tag or "no tag", "bold cyan"), f"  commit {short(answer.commit)}  {answer.reason}"
            )
        ]
    )
    show(Text.assemble(("warning: ", "yellow"), warning) for warning in warnings)
    for blocker in blockers:
        show(
            [
                Text.assemble(("blocked: ", "red"), blocker.message),
                Text.assemble(("    fix: ", "bold"), blocker.fix),
            ]
        )
