"""What carrying out a plan costs: calls of Lambda's control plane, and the least time that they can take.

AWS's limit bounds a rollout, not our machine: so both can be said before anything is begun.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from release.core.actions import (
    Action,
    ApplyStack,
    CreateAlias,
    Migrate,
    PrepareVersion,
    ShiftAlias,
    Verify,
    percent,
)
from release.core.limits import BAKE_EXTENSIONS, CONTROL_CALLS, GET_FUNCTION_CALLS
from release.core.plan import Phase, Plan


@dataclass(frozen=True, slots=True)
class Calls:
    """Of one kind of quota each."""

    control: int = 0  # of the 15 a second
    get_function: int = 0  # of the 100 a second; waiting for AWS adds to them

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(self.control + other.control, self.get_function + other.get_function)

    @property
    def seconds(self) -> float:
        """The least that they take at our pace."""
        return max(self.control / CONTROL_CALLS.per_second, self.get_function / GET_FUNCTION_CALLS.per_second)


@dataclass(frozen=True, slots=True)
class Cost:
    """From the confirmation to the end, if nothing fails. What the plan was made from was read before it."""

    calls: Mapping[str, Calls]  # by region, in the order in which traffic moves
    seconds: float  # the least that the calls take: places are prepared at once, waves come one by one
    bakes: timedelta  # when every verdict is a pass at the first time of asking
    longest_bakes: timedelta  # when each is put off as often as it may be
    stacks: int  # created or updated: that takes AWS minutes, and nobody can say how many


def cost(plan: Plan) -> Cost:
    """Calls at most: a version that is reused, or code that is there already, costs less."""
    regions = list(dict.fromkeys(place.region for place in plan.places))
    found = {region: Calls() for region in regions}
    seconds = 0.0
    for side_by_side in _side_by_side(plan):
        for region, calls in side_by_side.items():
            found[region] += calls
        seconds += max((calls.seconds for calls in side_by_side.values()), default=0.0)
    bakes = sum((wave.rollout.bake for wave in plan.waves if wave.rollout), timedelta())
    return Cost(
        calls=found,
        seconds=seconds,
        bakes=bakes,
        longest_bakes=bakes * (1 + BAKE_EXTENSIONS),
        stacks=len(plan.in_phase(Phase.EXPAND)) + len(plan.in_phase(Phase.ATTACH)),
    )


def _side_by_side(plan: Plan) -> Iterable[Mapping[str, Calls]]:
    """By region, what goes on at the same time; the next begins when all of it has ended."""
    for phase in (Phase.EXPAND, Phase.PREPARE):
        yield _by_region((step.action.place.region, _to_do(step.action)) for step in plan.in_phase(phase))
    for wave in plan.waves:
        moves = [step.action for step in plan.in_wave(wave)]
        yield _by_region((move.place.region, _to_do(move)) for move in moves)
        yield _by_region((move.place.region, _CONFIRM) for move in moves if percent(move) == 100)
    yield _by_region(_looked_at_again(plan))


def _looked_at_again(plan: Plan) -> Iterable[tuple[str, Calls]]:
    """At the end, every alias that something came after since it was confirmed."""
    last = plan.places[-1].region
    verified = bool(plan.in_phase(Phase.VERIFY))
    side_by_side = not plan.waves or plan.waves[-1].region is None
    for step in plan.in_phase(Phase.SHIFT):
        region = step.action.place.region
        earlier = not side_by_side and (region != last or bool(plan.in_phase(Phase.ATTACH, last)))
        if percent(step.action) == 100 and (verified or earlier):
            yield region, _CONFIRM


def _by_region(calls: Iterable[tuple[str, Calls]]) -> Mapping[str, Calls]:
    total: dict[str, Calls] = {}
    for region, one in calls:
        total[region] = total.get(region, Calls()) + one
    return total


_CONFIRM = Calls(control=1)  # GetAlias; the smoke test before it is an invocation


def _to_do(action: Action) -> Calls:
    match action:
        case PrepareVersion(lambda_version=None):
            # ListVersionsByFunction, UpdateFunctionCode, PublishVersion; looked at before, between, after
            return Calls(control=3, get_function=3)
        case PrepareVersion():
            return Calls(get_function=1)
        case CreateAlias() | ShiftAlias():
            return Calls(control=1)
        case ApplyStack():
            return Calls()  # CloudFormation's own
        case Migrate() | Verify():
            return Calls()  # an invocation, or what a program makes of it
        case _:  # pragma: no cover - the type checker proves that no action is missing
            assert_never(action)
