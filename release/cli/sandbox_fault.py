"""`release sandbox fault`: calls of a running sandbox that fail, lag or lose their answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from release.cli.context import json_option
from release.cli.output import say, show, show_json
from release.cli.usage import Verbs
from release.errors import Misconfigured

if TYPE_CHECKING:
    from release.sandbox.doors import Doors

endpoint_option = click.option(
    "--endpoint",
    metavar="URL",
    envvar="AWS_ENDPOINT_URL",
    help="The sandbox; default: AWS_ENDPOINT_URL.",
)


def doors(endpoint: str | None) -> "Doors":
    """The doors of the sandbox there. Raises Misconfigured when it is none, Unavailable when it is silent."""
    from release.sandbox.doors import Doors

    return Doors.of_endpoint(endpoint)


@click.group("fault", cls=Verbs, short_help="Let calls of a running sandbox fail, lag or lose their answer.")
def command() -> None:
    """Rules by which calls of a running sandbox fail. The oldest that fires for a call decides."""


_SELECTING = (
    click.option("--service", metavar="NAME", help="As boto3 names it: lambda, s3, …; or github."),
    click.option("--operation", metavar="GLOB", help="UpdateAlias, Describe*, …; for github: repos/get, …"),
    click.option("--resource", metavar="GLOB", help="Name of a function, bucket, key, stack, table, …"),
    click.option("--region", metavar="NAME", help="Only in this region."),
    click.option("--account", metavar="ID", help="Only of this account."),
    click.option("--stack", metavar="REGEX", help="Fail a resource of a stack: TYPE VERB NAME."),
    click.option("--nth", metavar="N", type=int, help="Only the call with this number."),
    click.option("--skip", metavar="N", type=int, help="Let this many calls pass first."),
    click.option("--times", metavar="N", type=int, help="Fire so often; default: always."),
    click.option("--probability", metavar="P", type=float, help="Fire by chance, 0 to 1."),
    click.option("--seed", metavar="N", type=int, help="Of the chance; default: 1."),
)
_ENDING = (
    click.option("--status", metavar="N", type=int, help="Answer an error; 429 is the service's throttle."),
    click.option("--code", metavar="CODE", help="Its code; default: what the service gives."),
    click.option("--message", metavar="TEXT", help="Its message."),
    click.option("--retry-after", metavar="SECONDS", type=float, help="Its header Retry-After."),
    click.option("--latency-ms", metavar="MS", type=float, help="Wait so long before the end."),
    click.option("--when", type=click.Choice(["before", "after"]), help="End before or after the effect."),
    click.option("--hold", is_flag=True, help="Wait until the rule is removed."),
    click.option("--hang", is_flag=True, help="Never answer."),
    click.option("--close", is_flag=True, help="Close the connection without an answer."),
    click.option("--lost-response", is_flag=True, help="Short for --when after --close."),
)


def _with_all(options: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@command.command("add", short_help="Add a rule; prints its id.")
@_with_all((*_SELECTING, *_ENDING, endpoint_option))
@json_option
def add(endpoint: str | None, lost_response: bool, as_json: bool, **given: Any) -> None:
    """Add a rule behind those in force, and print its id.

    What says which calls it meets must match all at once. Without --status a call goes on after its latency.
    """
    from release.sandbox.fault_rules import parse_rule
    from release.views.faults import fault_line

    rule = {name: value for name, value in given.items() if value is not None and value is not False}
    if lost_response:
        if rule.get("when") == "before":
            raise Misconfigured(
                "--lost-response means after the effect", fix="leave out --when before, or say --close"
            )
        rule |= {"when": "after", "close": True}
    parse_rule(rule)  # what is wrong here is said without asking anybody
    fault_id = doors(endpoint).add_fault(rule)
    if as_json:
        show_json({"id": fault_id, "rule": rule})
    else:
        say(str(fault_id))
        say(f"fault {fault_id}: {fault_line(rule)}", err=True)


@command.command("list", short_help="The rules in force, and how often each fired.")
@endpoint_option
@json_option
def list_faults(endpoint: str | None, as_json: bool) -> None:
    """The rules in force, oldest first: how many calls each met, and how often it fired."""
    from release.views.faults import faults_text

    faults = doors(endpoint).faults()
    if as_json:
        show_json(faults)
    else:
        show(faults_text(faults))


@command.command("remove", short_help="Remove one rule.")
@click.argument("fault_id", metavar="ID", type=int)
@endpoint_option
def remove(fault_id: int, endpoint: str | None) -> None:
    """Remove the rule with this id. Calls that it holds or delays go on."""
    doors(endpoint).remove_fault(fault_id)
    say(f"fault {fault_id} removed", err=True)


@command.command("clear", short_help="Remove all rules.")
@endpoint_option
def clear(endpoint: str | None) -> None:
    """Remove all rules. Calls that they hold or delay go on."""
    doors(endpoint).set_faults([])
    say("all faults removed", err=True)
