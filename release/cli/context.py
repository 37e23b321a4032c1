"""What all verbs share: options, the two output streams, the question before a change."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from release.errors import GateClosed, Misconfigured

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from release.wire import Wiring

_F = TypeVar("_F", bound=Callable[..., Any])

pipeline_option = click.option("--pipeline", metavar="P", help="Pipeline, where the repository has several.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask before changing something.")


def reason_option(*, required: bool) -> Callable[[_F], _F]:
    return click.option(
        "--reason",
        metavar="TEXT",
        required=required,
        callback=_checked_reason,
        help="Why; kept in the tag and the ledger.",
    )


def _checked_reason(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from release.core.reasons import objection

    if value is None:
        return None
    if (why := objection(value)) is not None:
        raise Misconfigured(
            f"--reason: {why}", fix="say in a sentence why this is done, without secrets or addresses"
        )
    return value


def wiring(directory: Path) -> "Wiring":
    """Adapters for a folder. Raises Misconfigured when it is none."""
    from release.wire import Wiring

    if not directory.is_dir():
        raise Misconfigured(f"there is no folder {directory}", fix="name an existing folder with -C")
    return Wiring(directory)


@cache
def _console(stderr: bool) -> "Console":
    from rich.console import Console

    # A log file has no width of its own; rich would take 80 and cut what somebody may need.
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else 120
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def show(lines: "Iterable[RenderableType]") -> None:
    """Results go to stdout."""
    for line in lines:
        _console(False).print(line)


def show_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def progress(what: str, fields: Mapping[str, Any]) -> None:
    """One line for everything that happens, to stderr. May be called from many threads."""
    from rich.text import Text

    line = _line(what, fields)
    if line is not None:
        _console(True).print(Text.assemble(*line))


def _line(what: str, fields: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    match what:
        case "hold":
            tag = f", tag {fields['tag']}" if fields.get("tag") else ""
            return [(f"  {fields['kind']}{tag}", "bold"), (f"  {fields['id']}", "dim")]
        case "step":
            style = "yellow" if fields["phase"] == "undo" else "green"
            name, region = fields["name"], fields["region"]
            return [(f"  {fields['phase']:<8}", style), (f"{name:<20} {region:<9} {fields['detail']}", "")]
        case "undo":
            return [("  failed  ", "bold red"), (f"{fields['cause']}", ""), ("\n  going back", "yellow")]
        case "built":
            return [("  build   ", "green"), (f"{fields['service']:<20} {fields['detail']}", "")]
        case _:
            return None


def confirm(question: str, *, yes: bool, in_ci: bool) -> None:
    """Ask a person; nobody in CI and with --yes. Raises Misconfigured without a terminal."""
    if yes or in_ci:
        return
    if not sys.stdin.isatty():
        raise Misconfigured("there is no terminal to ask on", fix="add --yes, or run it in a terminal")
    if not click.confirm(question, err=True):
        raise GateClosed("you said no; nothing was changed", fix="run it again when you are sure")
