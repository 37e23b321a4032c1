"""Where a stage stands: what the ledger says it serves, against what the aliases serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from release.core.holding import wrote
from release.core.orphans import Orphan
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
    unread: bool = False  # its region is out of reach: nothing is known of it


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """A region that could not be read, and why. `unanswered`: it may answer the next time."""

    region: str
    why: str
    unanswered: bool


@dataclass(frozen=True, slots=True)
class StageStanding:
    head: StageHead
    step: Step
    functions: tuple[FunctionStanding, ...]
    note: str | None = None  # why AWS was not read
    out: tuple[OutOfReach, ...] = ()
    orphans: tuple[Orphan, ...] = ()  # what services that it does not have any more have left
    orphans_note: str | None = None  # why AWS was not asked for them everywhere

    @property
    def unanswered(self) -> tuple[OutOfReach, ...]:
        """What to ask again for: not where somebody lacks the credentials, who can live without."""
        return tuple(one for one in self.out if one.unanswered)


def standing(
    head: StageHead,
    recorded: Sequence[Served],
    observed: Mapping[tuple[str, str, str], ObservedFunction],
    out: tuple[OutOfReach, ...] = (),
) -> StageStanding:
    """Compare record and reality. `observed` is keyed by (account, region, function); it lacks what is in a
    region that is `out`. What drifts elsewhere is known all the same; that nothing does is not.
    """
    under_way = (head.running.id,) if head.running else ()
    unread = {one.region for one in out}
    functions = tuple(
        FunctionStanding(served, None, None, None, unread=True)
        if served.region in unread
        else _function(served, observed[served.where], under_way)
        for served in recorded
    )
    if any(function.drift for function in functions):
        step: Step = "drift"
    elif out:
        step = "unknown"
    elif any(function.moving for function in functions):
        step = "moving"
    else:
        step = "in step" if functions else "nothing"
    return StageStanding(head, step, functions, out=out)


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
