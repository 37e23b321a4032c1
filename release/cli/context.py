"""What all verbs share: options, the folder they work in, the question before a change."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from release.errors import GateClosed, Misconfigured

if TYPE_CHECKING:
    from release.wire import Wiring

_F = TypeVar("_F", bound=Callable[..., Any])

pipeline_option = click.option("--pipeline", metavar="P", help="Pipeline, where the repository has several.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask before changing something.")


class Duration(click.ParamType[Any]):
    """`90s`, `5m`, `24h`, `1d`; `0` is no time at all."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from datetime import timedelta

        from release.config.values import duration

        if isinstance(value, timedelta):
            return value
        if value == "0":
            return timedelta()
        try:
            return duration(value)
        except ValueError as error:
            raise Misconfigured(f"{value!r} {error}", fix="write it as in --wait 30m") from error


wait_option = click.option(
    "--wait",
    type=Duration(),
    default="30m",
    show_default=True,
    metavar="DURATION",
    help="Stay for decisions up to this far away; `release advance` goes on with later ones.",
)


def with_options(command: _F, *options: Callable[[_F], _F]) -> _F:
    """As decorators that stand above the command in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def reason_option(*, required: bool) -> Callable[[_F], _F]:
    return click.option(
        "--reason",
        metavar="TEXT",
        required=required,
        callback=checked_reason,
        help="Why; kept in the tag and the ledger.",
    )


def checked_reason(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from release.core.reasons import objection

    if value is None:
        return None
    if (why := objection(value)) is not None:
        raise Misconfigured(
            f"{param.opts[0]}: {why}", fix="say in a sentence why this is done, without secrets or addresses"
        )
    return value


def wiring(directory: Path) -> "Wiring":
    """Adapters for a folder. Raises Misconfigured when it is none."""
    from release.wire import Wiring

    return Wiring(folder(directory))


def folder(directory: Path) -> Path:
    """The folder that -C names. Raises Misconfigured when it is none."""
    if not directory.is_dir():
        raise Misconfigured(f"there is no folder {directory}", fix="name an existing folder with -C")
    try:
        directory.absolute()
    except FileNotFoundError as error:
        raise Misconfigured(
            "the folder that this was started in is gone", fix="go to a folder that exists"
        ) from error
    return directory


def check_known(what: str, name: str | None, known: set[str]) -> None:
    """Nothing found must mean that nothing happened, not that a name was misspelt. Raises Misconfigured."""
    if name is not None and known and name not in known:
        raise Misconfigured(
            f"the ledger has nothing of a {what} {name}", fix=f"name one of: {', '.join(sorted(known))}"
        )


def confirm(question: str, *, yes: bool, in_ci: bool) -> None:
    """Ask a person; nobody in CI and with --yes. Raises Misconfigured without a terminal."""
    if yes or in_ci:
        return
    if not sys.stdin.isatty():
        raise Misconfigured("there is no terminal to ask on", fix="add --yes, or run it in a terminal")
    if not click.confirm(question, err=True):
        raise GateClosed("you said no; nothing was changed", fix="run it again when you are sure")
