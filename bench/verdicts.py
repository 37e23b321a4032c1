"""From runs to numbers: medians with their spread, ratios of a round, and whether a goal is met. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench.model import Absent, Goal
from bench.timing import Timed


@dataclass(frozen=True, slots=True)
class Spread:
    """Median with the quartiles beside it, and the smallest."""

    median: float
    q1: float
    q3: float
    least: float
    count: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was measured for it. `met` None: the contender that it names was not measured."""

    goal: Goal
    value: float | None
    met: bool | None


def spread(values: Sequence[float]) -> Spread:
    """Raises ValueError where there is nothing to describe."""
    if not values:
        raise ValueError("nothing was measured")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], values[0], 1)
    q1, _, q3 = quantiles(values, n=4, method="inclusive")
    return Spread(median(values), q1, q3, min(values), len(values))


def ratio(ours: Timed, other: Timed) -> Spread | None:
    """How many times the other ours took, round by round: what slows the machine hits both of a round.

    Where the other has fewer rounds, those that both have count. Where it went over the limit, the ratio is
    to the limit, so it says at most. None where they have no round in common.
    """
    if other.over is not None:
        found = [run.seconds / other.over for run in ours.runs.values()]
    else:
        found = [run.seconds / other.runs[at].seconds for at, run in ours.runs.items() if at in other.runs]
    return spread(found) if found else None


def judge(goal: Goal, ours: Timed | Absent | None, results: Sequence[Timed | Absent]) -> Verdict:
    """A ratio is judged by its median, a time by the smallest: other work on the machine only adds to it."""
    if not isinstance(ours, Timed) or not ours.runs:
        return Verdict(goal, None, None)
    if goal.against is None:
        least = min(run.seconds for run in ours.runs.values())
        return Verdict(goal, least, least <= goal.at_most)
    other = next(
        (one for one in results if isinstance(one, Timed) and one.contender.name == goal.against), None
    )
    found = ratio(ours, other) if other is not None else None
    if found is None:
        return Verdict(goal, None, None)
    met = found.median <= goal.at_most
    if not met and other is not None and other.over is not None:
        return Verdict(goal, found.median, None)  # only known to be below that
    return Verdict(goal, found.median, met)


def first_of_ours(results: Sequence[Timed | Absent]) -> Timed | Absent | None:
    kinds = ((one, one.contender.kind if isinstance(one, Timed) else one.kind) for one in results)
    return next((one for one, kind in kinds if kind == "ours"), None)
