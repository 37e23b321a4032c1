"""`release deploy STAGE`: a stage without tags (dev) gets the commit, whole or some of its services."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.carry_out import carry_out
from release.cli.context import json_option, pipeline_option, wait_option, wiring, yes_option
from release.cli.output import progress, show
from release.cli.requests import deploy_request
from release.cli.through_actions import is_elsewhere, through_actions
from release.errors import ExitCode

if TYPE_CHECKING:
    from datetime import timedelta

    from release.promotion import Request


@click.command("deploy", short_help="Build a commit and deploy it to a stage without tags (dev).")
@deploy_request
@wait_option
@pipeline_option
@yes_option
@json_option
@click.pass_obj
def command(
    directory: Path, request: "Request", wait: "timedelta", pipeline: str | None, yes: bool, as_json: bool
) -> int:
    """Build what changed, deploy it to STAGE, smoke-test it; a failing smoke test trips the circuit breaker.

    With SERVICES only these are deployed; such a release is not promoted further.
    """
    from rich.text import Text

    from release.promotion import build_setup, deploy_selection, draft_rollout, read_setup, refuse
    from release.promotion.known import running_manifests

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline, asking=wired.asking())
    stage = setup.stage(request.stage)
    if is_elsewhere(stage):
        return through_actions(wired, setup, request, yes=yes, as_json=as_json, wait=wait)
    selection = deploy_selection(wired.repo, setup, request)
    if selection.superseded is not None:
        show([Text(selection.superseded)])
        return ExitCode.DONE
    refuse(stage, selection)
    artifacts = wired.artifacts(setup.pipelines)
    configured = build_setup(wired.repo, setup, selection.commit)
    built = wired.build(
        artifacts,
        setup.pipelines,
        setup.pipeline,
        configured,
        selection.commit,
        progress,
        base=running_manifests(setup),
    )
    for result in built.services:
        if result.outcome == "built":
            detail = f"{result.artifact[:10]}  {result.size / 1e6:.1f} MB in {result.seconds:.1f} s"
            progress("built", {"service": result.service, "detail": detail})
    draft = draft_rollout(
        wired.tools(setup.pipelines),
        setup,
        stage,
        selection.with_manifest(built.digest),
        target=wired.build_target,
    )
    return carry_out(wired, draft, yes=yes, as_json=as_json, wait=wait)
