"""What the verbs that move a release can be asked for: each stack of options, with the request it makes.

`release promote` and `release plan promote` take the same options and mean the same by them: an option is
added here, once.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from release.cli.context import checked_reason, reason_option, with_options
from release.errors import Misconfigured

if TYPE_CHECKING:
    from release.promotion import Request

_Command: TypeAlias = Callable[..., int]
_Decorator: TypeAlias = Callable[[_Command], _Command]

BUMPS = ("auto", "patch", "minor", "major")
bump_option = click.option(
    "--bump",
    type=click.Choice(BUMPS),
    default="auto",
    show_default=True,
    help="How far the version moves (the first channel of a pipeline only).",
)
ref_option = click.option(
    "--ref", help="Commit to promote, instead of the one the stage before runs (first channel only)."
)
new_option = click.option("--new", is_flag=True, help="A new counter even where nothing is new.")
older_option = click.option(
    "--allow-older", is_flag=True, help="Let a release in that is older than what runs."
)
_stage = click.argument("stage")
_regions = click.option(
    "--regions",
    metavar="R",
    multiple=True,
    help="Only these regions, because another is out (break-glass); needs --reason. May be repeated.",
)
_despite_alarms = click.option(
    "--despite-alarms",
    metavar="TEXT",
    callback=checked_reason,
    help="Why alarms that fire already do not count; then only what is worse than stable does.",
)
_approve_destructive = click.option(
    "--approve-destructive",
    metavar="TEXT",
    callback=checked_reason,
    help="Why migrations that are marked destructive may run; kept in the ledger.",
)


def _asked(make: "Callable[..., Request]", *options: _Decorator) -> _Decorator:
    """A decorator: the command takes these options, and gets the `request` that `make` makes of them."""
    names = tuple(inspect.signature(make).parameters)

    def decorate(command: _Command) -> _Command:
        @wraps(command)
        def asked(*args: Any, **values: Any) -> int:
            request = make(**{name: values.pop(name) for name in names})
            return command(*args, request=request, **values)

        takes_options: _Command = asked
        return with_options(takes_options, *options)

    return decorate


def _deployment(
    stage: str, services: tuple[str, ...], ref: str, approve_destructive: str | None
) -> "Request":
    from release.promotion import Request

    return Request("deploy", stage, ref=ref, services=services, approve_destructive=approve_destructive)


deploy_request = _asked(
    _deployment,
    _stage,
    click.argument("services", nargs=-1),
    click.option(
        "--ref", default="HEAD", show_default=True, help="Commit to deploy; it must be on the remote."
    ),
    _approve_destructive,
)


def _promotion(
    stage: str,
    bump: str,
    ref: str | None,
    reason: str | None,
    new: bool,
    allow_older: bool,
    regions: tuple[str, ...],
    despite_alarms: str | None,
    approve_destructive: str | None,
) -> "Request":
    from release.promotion import Request

    return Request(
        "promote",
        stage,
        ref=ref,
        bump=bump,
        reason=reason,
        new=new,
        allow_older=allow_older,
        regions=_break_glass(regions, reason),
        despite_alarms=despite_alarms,
        approve_destructive=approve_destructive,
    )


promote_request = _asked(
    _promotion,
    _stage,
    bump_option,
    ref_option,
    reason_option(required=False),
    new_option,
    older_option,
    _regions,
    _despite_alarms,
    _approve_destructive,
)


def _rollback(stage: str, to: str | None, regions: tuple[str, ...], reason: str) -> "Request":
    from release.promotion import Request

    return Request("rollback", stage, to=to, reason=reason, regions=_break_glass(regions, reason))


rollback_request = _asked(
    _rollback,
    _stage,
    click.option(
        "--to", metavar="TAG", help="Release to go back to; default: the good one before what serves."
    ),
    _regions,
    reason_option(required=True),
)


def _reconciliation(stage: str, reason: str) -> "Request":
    from release.promotion import Request

    return Request("reconcile", stage, reason=reason)


reconcile_request = _asked(_reconciliation, _stage, reason_option(required=True))


def _break_glass(regions: tuple[str, ...], reason: str | None) -> tuple[str, ...]:
    """Raises Misconfigured for regions without a reason."""
    if regions and reason is None:
        raise Misconfigured(
            "--regions leaves the other regions behind, and that needs a reason", fix="add --reason TEXT"
        )
    return tuple(dict.fromkeys(regions))
