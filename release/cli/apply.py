"""`release apply plan.json`: carries out a plan that was shown before, or nothing."""

import json
from pathlib import Path
from typing import Any

import click

from release.cli.carry_out import carry_out
from release.cli.context import json_option, wiring, yes_option
from release.errors import Conflict, Misconfigured


@click.command("apply", short_help="Carry out a plan that `release plan` wrote, if it still holds.")
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--expect-digest", metavar="D", help="Digest that was approved; the file's own by default.")
@yes_option
@json_option
@click.pass_obj
def command(directory: Path, plan: Path, expect_digest: str | None, yes: bool, as_json: bool) -> int:
    """Observe and plan again; the same steps are carried out, anything else is exit 4.

    The file is a request and an expected digest: nothing in it is trusted as a step.
    """
    from release.promotion import Request, draft, read_setup

    asked, digest, pipeline = _read(plan)
    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    drafted = draft(wired.tools(setup.pipelines), setup, Request(**asked), target=wired.build_target)
    expected = expect_digest or digest
    if drafted.nothing is None and drafted.plan.digest != expected:
        raise Conflict(
            f"the plan no longer holds: it is {drafted.plan.digest[:12]} now, {expected[:12]} was approved",
            fix="plan again and have that approved",
            see=str(plan),
        )
    return carry_out(wired, drafted, yes=yes, as_json=as_json)


def _read(path: Path) -> tuple[dict[str, Any], str, str]:
    """Request, digest and pipeline of a plan file. Raises Misconfigured."""
    from release.promotion import Request

    fix = "write it with: release plan VERB … --out plan.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        asked = dict(document["request"])
        digest, pipeline = str(document["plan"]["digest"]), asked.pop("pipeline")
        asked["services"] = tuple(asked.get("services", ()))
        Request(**asked)
    except OSError as error:
        raise Misconfigured(f"the plan cannot be read: {error.strerror}", fix=fix, see=str(path)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"this is no plan file: {error}", fix=fix, see=str(path)) from error
    return asked, digest, pipeline
