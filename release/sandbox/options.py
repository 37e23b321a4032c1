"""What a sandbox can be asked to be, on both sides of its process: `Sandbox.start` and its server's flags."""

import argparse
from dataclasses import dataclass, fields
from typing import Self

from release.errors import Misconfigured

DEFAULT_SETTLE_SECONDS = 0.3
FUNCTION_LOG = "functions.log"  # in the root
DEFAULT_MAX_WARM = 12  # an idle process with boto3 imported holds about 60 MB


@dataclass(frozen=True, slots=True)
class Options:
    """`settle_seconds`: how long functions and event source mappings take to change.

    `rate_limit`: calls of Lambda's control plane a second, for each account and region; None is no limit.
    `metric_lag_seconds`: how long after its end an invocation is seen in CloudWatch. `max_warm`: idle handler
    processes that are kept. `save_state`: all is there again when it is started with the same root.
    `function_log`: what functions print is written to a file in the root, too (`sources.FunctionLog`).
    Raises Misconfigured for a value that cannot be.
    """

    settle_seconds: float = DEFAULT_SETTLE_SECONDS
    rate_limit: float | None = None
    metric_lag_seconds: float = 0.0
    max_warm: int = DEFAULT_MAX_WARM
    save_state: bool = False
    enforce_policies: bool = False
    function_log: bool = False

    def __post_init__(self) -> None:
        for name, holds, rule in (
            ("settle_seconds", 0 <= self.settle_seconds <= 3600, "from 0 to 3600"),
            (
                "rate_limit",
                self.rate_limit is None or 0 < self.rate_limit <= 10_000,
                "above 0, at most 10000",
            ),
            ("metric_lag_seconds", 0 <= self.metric_lag_seconds <= 86_400, "from 0 to 86400"),
            ("max_warm", 0 <= self.max_warm <= 1000, "from 0 to 1000"),
        ):
            if not holds:
                raise Misconfigured(
                    f"{name} of the sandbox is {getattr(self, name)}", fix=f"give a number {rule}"
                )

    def flags(self) -> list[str]:
        """The arguments of the server that stand for these options."""
        words = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool):
                words += [_flag(field.name)] if value else []
            elif value is not None:
                words += [_flag(field.name), str(value)]
        return words

    @classmethod
    def add_flags(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--settle-seconds", type=float, default=DEFAULT_SETTLE_SECONDS, help="how long an update lasts"
        )
        parser.add_argument(
            "--rate-limit", type=float, metavar="N", help="Lambda control calls a second; AWS allows 15"
        )
        parser.add_argument(
            "--metric-lag-seconds", type=float, default=0.0, help="how late invocations are in CloudWatch"
        )
        parser.add_argument(
            "--max-warm", type=int, default=DEFAULT_MAX_WARM, help="how many idle handler processes are kept"
        )
        parser.add_argument(
            "--save-state", action="store_true", help="keep everything in --root for the next start"
        )
        parser.add_argument(
            "--enforce-policies", action="store_true", help="roles may do what their policies allow alone"
        )

        parser.add_argument(
            "--function-log", action="store_true", help=f"write what functions print to {FUNCTION_LOG}, too"
        )

    @classmethod
    def of_flags(cls, given: argparse.Namespace) -> Self:
        """Raises Misconfigured."""
        return cls(**{field.name: getattr(given, field.name) for field in fields(cls)})


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
