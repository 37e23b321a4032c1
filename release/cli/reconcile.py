"""`release reconcile STAGE`: aliases back to where the ledger has them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.carry_out import carry_out
from release.cli.context import json_option, pipeline_option, wiring, yes_option
from release.cli.requests import reconcile_request
from release.cli.through_actions import is_elsewhere
from release.errors import GateClosed

if TYPE_CHECKING:
    from release.promotion import Request


@click.command("reconcile", short_help="Bring what serves in STAGE back to what the ledger says.")
@reconcile_request
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(directory: Path, request: "Request", pipeline: str | None, yes: bool, as_json: bool) -> int:
    """Move every alias of STAGE to the recorded version, clear weights, and close what is partial.

    A version that is gone is published again, from the stored artifact. It is recorded, and undone when it
    fails. What aliases cannot repair is shown by `release drift`, with its fix.
    """
    from release.promotion import draft_reconciled, read_setup

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    stage = setup.stage(request.stage)
    if is_elsewhere(stage):
        serves = setup.head(stage.name).serves
        label = serves.release.label if serves else "TAG"
        raise GateClosed(
            f"{stage.name} is filled by GitHub Actions alone (via: actions), and reconcile has no button",
            fix=f"release rollback {stage.name} --to {label} --reason TEXT: its button does the same,"
            " and holds the stage",
            see=str(stage.source),
        )
    draft = draft_reconciled(wired.tools(setup.pipelines), setup, request, target=wired.build_target)
    return carry_out(wired, draft, yes=yes, as_json=as_json)
