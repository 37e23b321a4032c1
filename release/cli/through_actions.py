"""Stages with `via: actions`: the verb starts its button on GitHub and follows the run."""

import os
from typing import TYPE_CHECKING

from release.cli.context import confirm
from release.cli.main import show_error
from release.cli.output import progress, say, show, show_json
from release.errors import (
    Conflict,
    ExitCode,
    GateClosed,
    Misconfigured,
    ReleaseError,
    RolloutFailed,
    Stranded,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from release.core.forge.ending import Ending
    from release.core.models import Stage
    from release.promotion import Request, Setup
    from release.wire import Wiring


def is_elsewhere(stage: "Stage") -> bool:
    """Whether the stage is filled by GitHub Actions, and this is not there."""
    return stage.via == "actions" and os.environ.get("GITHUB_ACTIONS") != "true"


def refuse_here(stage: "Stage", verb: str) -> None:
    """Raises GateClosed for what has no button."""
    from release.promotion.button import refuse_here

    if is_elsewhere(stage):
        refuse_here(stage, verb)


def through_actions(
    wired: "Wiring",
    setup: "Setup",
    request: "Request",
    *,
    yes: bool,
    as_json: bool,
    wait: "timedelta | None" = None,
) -> int:
    """Start the button of the stage and follow it. Returns the exit code that the ledger gives."""
    from dataclasses import replace

    from release.apply import WAIT
    from release.dispatch import follow, start
    from release.promotion.button import button

    stage, branch = setup.stage(request.stage), setup.refs.head
    if branch is None or not setup.trusted:
        raise Misconfigured(
            "the remote's default branch has no pipelines/, so no button either",
            fix="push pipelines/ and .github/workflows/ to it",
        )
    if wait not in (None, WAIT):
        raise Misconfigured(
            f"--wait is for what runs here, and {stage.name} is filled by GitHub Actions",
            fix="leave it out",
            see=str(stage.source),
        )
    if request.ref is not None:
        request = replace(request, ref=wired.repo.resolve(request.ref))
    pushed = button(setup.pipelines, setup.pipeline, stage, request)
    forge = wired.forge
    if not as_json:
        inputs = ", ".join(f"{name}: {value}" for name, value in pushed.inputs.items())
        show(
            [
                f"{stage.name} is filled by GitHub Actions: {pushed.file} on {branch} of {forge.name}",
                f"  {inputs}",
            ]
        )
    confirm(f"start {pushed.file}?", yes=yes, in_ci=wired.in_ci)
    try:
        run = start(forge, wired.clock, pushed, branch)
    except KeyboardInterrupt:
        say(f"  it may have been started: {forge.url}/actions/workflows/{pushed.file}", err=True)
        return ExitCode.INTERRUPTED
    say(f"  {run.url}", err=True)
    try:
        ended = follow(
            forge,
            wired.ledger,
            wired.clock,
            run,
            pipeline=setup.pipeline.name,
            stage=stage.name,
            say=lambda about, what: progress("run", {"about": about, "what": what}),
            read=lambda: wired.ledger.read(wired.repo.remote()),
        )
    except KeyboardInterrupt:
        say(f"  the run goes on: {run.url}", err=True)
        say(
            f"  to watch it: gh run watch {run.id} --repo {forge.name}; then: release status {stage.name}",
            err=True,
        )
        return ExitCode.INTERRUPTED
    except ReleaseError as error:
        error.fix = f"{error.fix}; the run goes on: {run.url}"
        raise
    return _told(ended, run.id, run.url, stage.name, as_json=as_json)


def _told(ended: "Ending", run: int, url: str, stage: str, *, as_json: bool) -> int:
    if as_json:
        show_json(
            {
                "outcome": ended.code.name.lower().replace("_", " "),
                "stage": stage,
                "says": ended.says,
                "fix": ended.fix or None,
                "record": ended.record,
                "run": run,
                "url": url,
            }
        )
    if ended.code in (ExitCode.DONE, ExitCode.UNDER_WAY):
        if not as_json:
            show([ended.says, *([f"  {ended.fix}"] if ended.fix else [])])
        return ended.code
    kinds: dict[ExitCode, type[ReleaseError]] = {
        ExitCode.ROLLED_BACK: RolloutFailed,
        ExitCode.STRANDED: Stranded,
        ExitCode.TRY_AGAIN: Conflict,
    }
    show_error(kinds.get(ended.code, GateClosed)(ended.says, fix=ended.fix, see=url))
    return ended.code
