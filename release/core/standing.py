"""Where a stage stands: what the ledger says it serves, against what the aliases serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from release.core.holding import wrote
from release.core.records import Served, StageHead
from release.core.snapshot import ObservedFunction

Step = Literal["in step", "moving", "drift", "unknown", "nothing"]


@dataclass(frozen=True, slots=True)
class FunctionStanding:
    recorded: Served
    lambda_version: str | None  # as observed; None: no alias
    code: str | None
    drift: str | None  # what differs, and no record says why
    moving: str | None = None  # where the rollout under way has brought it


@dataclass(frozen=True, slots=True)
class StageStanding:
    head: StageHead
    step: Step
    functions: tuple[FunctionStanding, ...]
    note: str | None = None  # why AWS was not read


def standing(
    head: StageHead, recorded: Sequence[Served], observed: Mapping[tuple[str, str, str], ObservedFunction]
) -> StageStanding:
    """Compare record and reality. `observed` is keyed by (account, region, function)."""
    under_way = (head.running.id,) if head.running else ()
    functions = tuple(_function(served, observed[served.where], under_way) for served in recorded)
    if any(function.drift for function in functions):
        step: Step = "drift"
    elif any(function.moving for function in functions):
        step = "moving"
    else:
        step = "in step" if functions else "nothing"
    return StageStanding(head, step, functions)


def _function(served: Served, copy: ObservedFunction, under_way: tuple[str, ...]) -> FunctionStanding:
    version = copy.alias.lambda_version if copy.alias else None
    code = copy.live.code if copy.live else None
    drift = None
    if copy.alias is not None and wrote(under_way, copy.alias):
        return FunctionStanding(served, version, code, None, f"serves {copy.alias.serving}")
    if copy.alias is None:
        drift = "no alias: it serves nothing"
    elif copy.alias.weights:
        drift = "additional weights: " + ", ".join(
            f"{v} {w:.0%}" for v, w in sorted(copy.alias.weights.items())
        )
    elif code != served.code:
        drift = f"other bytes: version {version}, recorded {served.lambda_version}"
    elif version != served.lambda_version:
        drift = f"version {version}, recorded {served.lambda_version}, the same bytes"
    return FunctionStanding(served, version, code, drift)
