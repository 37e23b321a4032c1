"""The options of the commands that start a sandbox."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from release.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How a sandbox is started. Numbers are None where the sandbox's own default holds."""

    rate_limit: float | None  # control-plane calls of Lambda a second, for each account and region
    metric_lag: float | None  # seconds
    settle: float | None  # seconds
    state: Path | None
    faults: tuple[dict[str, Any], ...]


def _faults(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[dict[str, Any], ...]:
    from release.sandbox.fault_rules import parse_rule

    rules = []
    for value in values:
        try:
            rule = json.loads(value)
        except ValueError as error:
            raise Misconfigured(
                f"--fault is no JSON: {error}",
                fix="""write it as '{"service": "lambda", "operation": "UpdateAlias", "status": 429}'""",
            ) from error
        parse_rule(rule)
        rules.append(rule)
    return tuple(rules)


def start_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of everything that starts a sandbox."""
    options = (
        click.option(
            "--rate-limit",
            metavar="N",
            type=click.FloatRange(0, min_open=True),
            help="Refuse more than N control-plane calls of Lambda a second; AWS: 15.",
        ),
        click.option(
            "--metric-lag",
            metavar="SECONDS",
            type=click.FloatRange(0),
            help="Show metrics of Lambda only so much later.",
        ),
        click.option(
            "--settle",
            metavar="SECONDS",
            type=click.FloatRange(0),
            help="How long a function stays InProgress.",
        ),
        click.option(
            "--state",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Keep everything in this folder, and go on from it.",
        ),
        click.option(
            "--fault",
            "faults",
            metavar="JSON",
            multiple=True,
            callback=_faults,
            help="A fault from the start, once or more.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function
