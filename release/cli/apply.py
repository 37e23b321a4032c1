"""`release apply plan.json`: carries out a plan that was shown before, or nothing."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli.carry_out import carry_out, refuse_blocked
from release.cli.context import json_option, wait_option, wiring, yes_option
from release.cli.requests import BUMPS
from release.cli.rollback import clear_the_way
from release.cli.through_actions import refuse_here
from release.core.reasons import objection
from release.errors import Conflict, Misconfigured

if TYPE_CHECKING:
    from datetime import timedelta

    from release.promotion import Request


@click.command("apply", short_help="Carry out a plan that `release plan` wrote, if it still holds.")
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--expect-digest", metavar="D", help="Digest that was approved; the file's own by default.")
@wait_option
@yes_option
@json_option
@click.pass_obj
def command(
    directory: Path, plan: Path, expect_digest: str | None, wait: "timedelta", yes: bool, as_json: bool
) -> int:
    """Observe and plan again; the same steps are carried out, anything else is exit 4.

    The file is a request and an expected digest: nothing in it is trusted as a step.
    """
    from release.promotion import draft, read_setup

    request, digest, pipeline, commit = _read(plan)
    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline, asking=wired.asking())
    refuse_here(setup.stage(request.stage), request.verb)
    if request.verb == "rollback":
        setup, request = clear_the_way(wired, setup, request, yes=yes)
    drafted = draft(wired.tools(setup.pipelines), setup, request, target=wired.build_target)
    expected = digest if expect_digest is None else expect_digest
    refuse_blocked(drafted)  # what is closed by now says more than that the steps are others
    # A plan that was carried out leaves nothing to do. Nothing to do for another release is no such thing.
    carried_out = drafted.nothing is not None and drafted.plan.release.commit == commit
    if not carried_out and drafted.plan.digest != expected:
        raise Conflict(
            f"the plan no longer holds: it is {drafted.plan.digest[:12]} now, {expected[:12]} was approved",
            fix="plan again and have that approved",
            see=str(plan),
        )
    return carry_out(wired, drafted, yes=yes, as_json=as_json, wait=wait)


def _read(path: Path) -> "tuple[Request, str, str, str]":
    """Request, digest, pipeline and commit of a plan file. Raises Misconfigured."""
    fix = "write it with: release plan VERB … --out plan.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        asked = dict(document["request"])
        pipeline, digest = asked.pop("pipeline"), document["plan"]["digest"]
        if not isinstance(pipeline, str) or not isinstance(digest, str):
            raise TypeError("pipeline and digest must be text")
        return _request(asked), digest, pipeline, str(document["plan"].get("commit"))
    except OSError as error:
        raise Misconfigured(f"the plan cannot be read: {error.strerror}", fix=fix, see=str(path)) from error
    except KeyError as error:
        raise Misconfigured(f"this is no plan file: it has no {error}", fix=fix, see=str(path)) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise Misconfigured(f"this is no plan file: {error}", fix=fix, see=str(path)) from error


def _request(asked: dict[str, Any]) -> "Request":
    """The request of a file that anybody may have edited, held to what the options would have let through.

    Raises TypeError and ValueError that say what does not fit.
    """
    from release.promotion import Request

    services, regions = asked.pop("services", []), asked.pop("regions", [])
    if not isinstance(services, list) or not isinstance(regions, list):
        raise TypeError("services and regions must be lists")
    for name, value in asked.items():
        kind, what = (bool, "true or false") if name in ("new", "allow_older") else (str, "text")
        optional = name in ("ref", "reason", "to", "despite_alarms", "approve_destructive") and value is None
        if not optional and not isinstance(value, kind):
            raise TypeError(f"{name} must be {what}")
    if not all(isinstance(one, str) for one in (*services, *regions)):
        raise TypeError("services and regions must be names")
    request = Request(**asked, services=tuple(services), regions=tuple(regions))
    if request.bump not in BUMPS:
        raise ValueError(f"bump must be one of {', '.join(BUMPS)}")
    if request.verb in ("rollback", "reconcile") and request.reason is None:
        raise ValueError(f"a {request.verb} needs a reason")
    if request.regions and request.reason is None:
        raise ValueError("regions need a reason")
    for text in (request.reason, request.despite_alarms, request.approve_destructive):
        if text is not None and (why := objection(text)) is not None:
            raise ValueError(why)
    return request
