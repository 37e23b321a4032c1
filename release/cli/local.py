"""`release local`: the fleet on this machine, with code that runs from the work tree."""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli import local_event, local_try
from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import say, show, show_json
from release.cli.usage import Verbs

if TYPE_CHECKING:
    from release.core.local import LocalFleet, Serving
    from release.local.seed import Seeded
    from release.local.workplace import Workplace
    from release.wire import Wiring


@click.group("local", cls=Verbs, short_help="The fleet on this machine, from the files of the work tree.")
def command() -> None:
    """Stacks, tables and functions in a sandbox; code runs from the work tree, as it is saved.

    Everything is in .release-local/, which `down` removes. docs/local.md tells more.
    """


command.add_command(local_try.invoke)
command.add_command(local_try.logs)
command.add_command(local_event.command)


@command.command("up", short_help="Bring the fleet up, or to what the work tree says now.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Of the HTTP APIs; default: 3000, or any that is free."
)
@click.option("--foreground", is_flag=True, help="Stay, show the logs, and take it down on Ctrl-C.")
@pipeline_option
@json_option
@click.pass_obj
def up(directory: Path, port: int | None, foreground: bool, pipeline: str | None, as_json: bool) -> None:
    """Start sandbox and HTTP front unless they run; then stacks, migrations and seed data of all services.

    It may be run again at any time: what has changed in templates and service.yaml is brought up. A change of
    code needs nothing, the next call runs it.
    """
    workplace, wired = _workplace(directory)
    with workplace.alone():
        serving, fleet, seeded = _brought_up(workplace, wired, port, pipeline)
    _show_up(workplace, serving, fleet, seeded, as_json=as_json)
    if foreground:
        with _until_interrupted():
            local_try.show_logs(workplace, None, follow=True, as_json=as_json, old=False)
        with workplace.alone():
            workplace.take_down()
        say("down: nothing is left", err=True)


@command.command("down", short_help="End it, and leave nothing behind.")
@click.pass_obj
def down(directory: Path) -> None:
    """End sandbox and front with all that they hold; also what a crash has left."""
    workplace, _ = _workplace(directory)
    if not workplace.folder.exists():
        say("nothing was up", err=True)
        return
    with workplace.alone():
        was_up = workplace.take_down()
    say("down: nothing is left" if was_up else "nothing was up", err=True)


@command.command("seed", short_help="Put the seed data of services in place, as the files say it now.")
@click.argument("services", nargs=-1)
@json_option
@click.pass_obj
def seed(directory: Path, services: tuple[str, ...], as_json: bool) -> None:
    """Put what seed/*.json and seed/*.sql of SERVICES say in place; of all, where none is named."""
    from release.errors import Misconfigured
    from release.local.seed import seed as put

    workplace, wired = _workplace(directory)
    serving, fleet = workplace.require()
    known = {one.name for one in fleet.services}
    if unknown := [name for name in services if name not in known]:
        raise Misconfigured(
            f"there is no service {unknown[0]} here", fix=f"name some of: {', '.join(sorted(known))}"
        )
    cloud = wired.local_cloud(serving.endpoint, local_try.place_of(fleet))
    wanted = [one for one in fleet.services if not services or one.name in services]
    seeded = [one for service in wanted for one in put(workplace.top, service, fleet.stage, cloud)]
    if as_json:
        show_json([_seeded_json(one) for one in seeded])
        return
    for one in seeded:
        say(_seeded_text(one))
    if not seeded:
        say("there is no seed data: services/NAME/seed/*.json or *.sql", err=True)


@command.command("api", short_help="Serve the HTTP APIs in this terminal, with what the functions say.")
@click.option("--port", type=click.IntRange(0, 65535), default=3001, show_default=True)
@click.pass_obj
def api(directory: Path, port: int) -> None:
    """Serve the HTTP APIs of the fleet, until Ctrl-C: a line for each request, logs and tracebacks below it.

    The next request after a file was saved runs the new code.
    """
    import threading

    from release.local.front import FleetFile, Front

    workplace, _ = _workplace(directory)
    serving, fleet = workplace.require()
    front = Front(port, serving.endpoint, FleetFile(workplace.fleet_file), _heard)
    for service in fleet.services:
        for route in service.routes:
            say(f"  {service.name:<20} {route}", err=True)
    say(f"serving at {front.url}; Ctrl-C ends it", err=True)
    with front, _until_interrupted():
        threading.Thread(target=front.serve_forever, daemon=True, name="front").start()
        local_try.show_logs(workplace, None, follow=True, as_json=False, old=False, err=True)


def _heard(method: str, path: str, status: int, seconds: float) -> None:
    clock = time.strftime("%H:%M:%S")
    say(f"{clock}     {status} {method} {path.partition('?')[0]} {seconds * 1000:.0f} ms", err=True)


def _workplace(directory: Path) -> "tuple[Workplace, Wiring]":
    from release.local.workplace import Workplace

    wired = wiring(directory)
    return Workplace(wired.repo.top), wired


def _brought_up(
    workplace: "Workplace", wired: "Wiring", port: int | None, pipeline: str | None
) -> "tuple[Serving, LocalFleet, tuple[Seeded, ...]]":
    import os

    from release.local.fleet import read_work_tree
    from release.local.server import start
    from release.local.up import aws_environment, bring_up
    from release.sandbox.doors import Doors

    tree = read_work_tree(workplace.top, workplace.databases, pipeline=pipeline)
    serving = start(workplace, port)
    fleet, seeded = bring_up(
        tree,
        wired.local_cloud(serving.endpoint, tree.place),
        wired.templates,
        packages=workplace.packages,
        databases=workplace.databases,
        set_sources=Doors(serving.endpoint).set_sources,
        stands=workplace.write_fleet,
        environ=os.environ,
        aws=aws_environment(serving.endpoint, tree.place),
        say=lambda text: say(f"  {text}", err=True),
    )
    return serving, fleet, seeded


def _show_up(
    workplace: "Workplace",
    serving: "Serving",
    fleet: "LocalFleet",
    seeded: "tuple[Seeded, ...]",
    *,
    as_json: bool,
) -> None:
    from release.local.examples import curl_lines
    from release.local.front import shared_routes
    from release.local.logs import log_file
    from release.views.local import fleet_json, fleet_text

    logs = str(log_file(workplace).relative_to(workplace.top))
    if as_json:
        show_json(fleet_json(fleet, serving, seeded=[_seeded_json(one) for one in seeded], logs=logs))
        return
    tries = [*curl_lines(fleet, workplace.top, serving.url)]
    tries += [f"release local invoke {fleet.services[0].name}"] if fleet.services else []
    tries += ["release local logs --follow", "release local down"]
    show(
        fleet_text(
            fleet,
            serving,
            seeded=[_seeded_text(one) for one in seeded],
            shared=shared_routes(fleet),
            logs=logs,
            tries=tries,
        )
    )


def _seeded_text(one: "Seeded") -> str:
    if one.skipped:
        return f"{one.file}: left out: {one.skipped}"
    count = "" if one.items is None else f"{one.items} item{'' if one.items == 1 else 's'} in "
    return f"{one.file}: {count}{one.into}"


def _seeded_json(one: "Seeded") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(one)


@contextlib.contextmanager
def _until_interrupted() -> Iterator[None]:
    """Ctrl-C, or being ended, is how it is meant to end."""

    def ended(number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, ended) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if sys.stderr.isatty():
        say("", err=True)
