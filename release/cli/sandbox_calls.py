"""`release sandbox calls`: what was called in a running sandbox, and how it ended."""

import contextlib
import json
import time

import click

from release.cli.context import json_option
from release.cli.output import say, show_json
from release.cli.sandbox_fault import doors, endpoint_option

_LOOK_SECONDS = 0.2


@click.command("calls", short_help="The AWS calls of a running sandbox, and how each ended.")
@click.option("--follow", is_flag=True, help="Go on with new calls until Ctrl-C.")
@click.option("--forget", is_flag=True, help="Forget the calls once they are shown.")
@endpoint_option
@json_option
def command(follow: bool, forget: bool, endpoint: str | None, as_json: bool) -> None:
    """Every AWS call so far, oldest first: number, status, account, region, operation, names, fault.

    A call whose status is a dash was not answered. With --follow and --json every line is a JSON document.
    """
    from release.errors import Misconfigured, Unavailable
    from release.views.faults import call_line

    if follow and forget:
        raise Misconfigured("--follow goes not with --forget", fix="leave one out")
    asked = doors(endpoint)
    calls = asked.calls()
    if forget:
        asked.forget_calls()
    if as_json and not follow:
        show_json(calls)
        return
    last = 0
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for call in calls:
                last = call["number"]
                say(json.dumps(call, sort_keys=True, ensure_ascii=False) if as_json else call_line(call))
            if not follow:
                return
            time.sleep(_LOOK_SECONDS)
            try:
                calls = asked.calls(after=last)
            except Unavailable:
                say("sandbox ended", err=True)
                return
