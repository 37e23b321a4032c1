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

    A call whose status is a dash was not answered, or not yet. With --follow calls are shown when they have
    ended; with --json every line is then a JSON document.
    """
    from release.errors import Misconfigured, Unavailable
    from release.views.faults import call_line

    if follow and forget:
        raise Misconfigured("--follow goes not with --forget", fix="leave one out")
    asked = doors(endpoint)
    calls = asked.calls()
    if forget and calls:
        asked.forget_calls(until=calls[-1]["number"])
    if as_json and not follow:
        show_json(calls)
        return
    seen = 0  # up to this number all have ended, and were told
    told: set[int] = set()
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for call in calls:
                # Whoever follows is told how a call ended, so not before it has.
                if call["number"] not in told and (call["ended"] or not follow):
                    told.add(call["number"])
                    say(json.dumps(call, sort_keys=True, ensure_ascii=False) if as_json else call_line(call))
            if not follow:
                return
            under_way = [call["number"] for call in calls if not call["ended"]]
            seen = min(under_way, default=max((call["number"] for call in calls), default=seen) + 1) - 1
            told = {number for number in told if number > seen}
            time.sleep(_LOOK_SECONDS)
            try:
                calls = asked.calls(after=seen)
            except Unavailable:
                say("sandbox ended", err=True)
                return
