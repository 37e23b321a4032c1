"""`release local invoke` and `logs`: one call, and what functions print."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import wiring
from release.cli.output import say, show, show_json
from release.errors import GateClosed, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Collection

    from release.core.local import LocalFleet, LocalFunction, LocalService, Serving
    from release.core.log_lines import Invoked
    from release.core.models import Place
    from release.core.snapshot import Invocation
    from release.local.workplace import Workplace
    from release.wire import Wiring

_DEBUG_PORT = 5678  # where editors look for debugpy, unless they are told


@click.command("invoke", short_help="Call a function of SERVICE with an event; its answer is on stdout.")
@click.argument("service")
@click.option("--event", "asked", metavar="FILE", help="The event; - is stdin. Default: the service's own.")
@click.option("--function", "key", metavar="KEY", help="Which one, where the service has several.")
@click.option("--debug", is_flag=True, help="Wait for a debugger (debugpy) before the handler is imported.")
@click.option(
    "--debug-port",
    type=click.IntRange(0, 65535),
    default=_DEBUG_PORT,
    show_default=True,
    help="Where it waits; 0: any that is free.",
)
@click.pass_obj
def invoke(
    directory: Path, service: str, asked: str | None, key: str | None, debug: bool, debug_port: int
) -> None:
    """Call a function of SERVICE as it is saved now. The answer goes to stdout as JSON, logs to stderr.

    Exit code 3 when the function failed: what it answered is printed all the same.
    """
    from release.local.examples import readable
    from release.local.invoke import chosen_function, read_event
    from release.local.workplace import Workplace

    wired = wiring(directory)
    workplace = Workplace(wired.repo.top)
    serving, fleet = workplace.require()
    found, function = chosen_function(fleet, service, key)
    event = read_event(workplace.top, service, function, asked, here=directory)
    payload = json.dumps(event).encode()
    if debug:
        answer = _under_debugger(wired, serving, fleet, found, function, payload, debug_port)
    else:
        answer = _called(wired, workplace, serving, fleet, function, payload)
    document = readable(answer.payload)
    show_json(document)
    if answer.function_error is not None:
        kind = document.get("errorType", "") if isinstance(document, dict) else ""
        message = document.get("errorMessage", "") if isinstance(document, dict) else ""
        raise GateClosed(
            f"{function.name} failed: {kind}: {message}".rstrip(": "),
            fix="mend it and invoke it again, what is saved runs; --debug steps through it",
        )


@click.command("logs", short_help="What functions print, readable.")
@click.argument("services", nargs=-1)
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C or `down`.")
@click.option("--json", "as_json", is_flag=True, help="A JSON document a line, as it was printed.")
@click.pass_obj
def logs(directory: Path, services: tuple[str, ...], follow: bool, as_json: bool) -> None:
    """What functions of SERVICES have printed since `up`, oldest first; of all, where none is named."""
    from release.local.workplace import Workplace

    workplace = Workplace(wiring(directory).repo.top)
    _, fleet = workplace.require()
    names: set[str] = set()
    for name in services:
        found = fleet.service(name)
        if found is None:
            raise Misconfigured(
                f"there is no service {name} here",
                fix=f"name some of: {', '.join(one.name for one in fleet.services)}",
            )
        names |= {one.name for one in found.functions}
    show_logs(workplace, names or None, follow=follow, as_json=as_json)


def show_logs(
    workplace: "Workplace",
    functions: "Collection[str] | None",
    *,
    follow: bool,
    as_json: bool,
    old: bool = True,
    err: bool = False,
) -> None:
    """`functions` None: all. Without `old` only what comes from now on."""
    from release.local.logs import end_of, follow_log, log_file, read_log

    path = log_file(workplace)
    begin = 0 if old else end_of(path)
    read = follow_log(path, goes_on=workplace.is_claimed, begin=begin) if follow else read_log(path)
    for invoked in read:
        if functions is None or invoked.function in functions:
            _show_invoked(invoked, as_json=as_json, err=err)


def _show_invoked(invoked: "Invoked", *, as_json: bool, err: bool) -> None:
    from release.views.local import log_json, log_text

    if as_json:
        for document in log_json(invoked):
            say(json.dumps(document, ensure_ascii=False), exact=True, err=err)
    elif err:
        for line in log_text(invoked):
            say(line.plain, err=True)
    else:
        show(log_text(invoked))


def place_of(fleet: "LocalFleet") -> "Place":
    from release.core.models import Place

    return Place(fleet.account, fleet.region, None)


def _called(
    wired: "Wiring",
    workplace: "Workplace",
    serving: "Serving",
    fleet: "LocalFleet",
    function: "LocalFunction",
    payload: bytes,
) -> "Invocation":
    from release.local.logs import end_of, log_file, read_log

    log = log_file(workplace)
    begin = end_of(log)
    cloud = wired.local_cloud(serving.endpoint, place_of(fleet))
    answer = cloud.invoke(function.name, fleet.alias, payload)
    for invoked in read_log(log, begin=begin):
        if invoked.function == function.name:
            _show_invoked(invoked, as_json=False, err=True)
    return answer


def _under_debugger(
    wired: "Wiring",
    serving: "Serving",
    fleet: "LocalFleet",
    service: "LocalService",
    function: "LocalFunction",
    payload: bytes,
    port: int,
) -> "Invocation":
    from release.local.invoke import free_port, invoke_under_debugger, require_debugger

    require_debugger()
    number = free_port(port)
    config = wired.local_cloud(serving.endpoint, place_of(fleet)).configuration(function.name, fleet.alias)
    say(
        f"{function.name} waits for a debugger on 127.0.0.1:{number}; in VS Code: Run and Debug, "
        '"Attach to release local"',
        err=True,
    )
    answer, printed = invoke_under_debugger(
        config,
        payload,
        [Path(one) for one in service.folders],
        fleet=fleet,
        endpoint=serving.endpoint,
        port=number,
    )
    if printed:
        say(printed.rstrip("\n"), err=True)
    return answer
