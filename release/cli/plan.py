"""`release plan VERB …`: what a verb would do, and nothing done. The file is for `release apply`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wiring, with_options
from release.cli.output import show, show_json
from release.cli.requests import deploy_request, promote_request, reconcile_request, rollback_request
from release.cli.retire import plan_command
from release.cli.usage import Verbs
from release.errors import ExitCode, Misconfigured

if TYPE_CHECKING:
    from release.promotion import Request

_VERBS = {
    "deploy": (deploy_request, "Plan a deployment of a commit that `release build` has built."),
    "promote": (promote_request, "Plan a promotion."),
    "reconcile": (reconcile_request, "Plan the way back to what the ledger says."),
    "rollback": (rollback_request, "Plan a rollback."),
}
_out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the plan to this file, for `release apply`.",
)


@click.group("plan", cls=Verbs, short_help="What a verb that moves a release would do; nothing is done.")
def command() -> None:
    """Show a plan: now → next, the steps, what stands in the way. Exit 3 when something does."""


def _plan(directory: Path, request: "Request", out: Path | None, pipeline: str | None, as_json: bool) -> int:
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


for _verb, (_request, _help) in _VERBS.items():
    _options = (_request, _out_option, pipeline_option, json_option)
    command.command(_verb, help=_help)(with_options(click.pass_obj(_plan), *_options))
command.add_command(plan_command)
