"""What carrying out a plan costs, for people in one line and for machines as whole numbers."""

import math
from datetime import timedelta
from typing import Any

from release.core.cost import cost
from release.core.limits import CONTROL_CALLS
from release.core.plan import Plan
from release.views.tables import spoken


def cost_text(plan: Plan) -> str | None:
    """One line. None: nothing is to do."""
    if not plan.steps:
        return None
    found = cost(plan)
    parts = []
    regions = {region: calls.control for region, calls in found.calls.items() if calls.control}
    if regions:
        (first, count), *others = regions.items()
        calls = f"{count:,} control call{'s'[: count != 1]} in {first}"
        named = " and ".join([calls, *(f"{count:,} in {region}" for region, count in others)])
        parts.append(f"about {named}, {_at_least(found.seconds)} at {CONTROL_CALLS.per_second:g}/s")
    if found.bakes:
        put_off = f" (up to {spoken(found.longest_bakes)} without a verdict)"
        parts.append(f"then {spoken(found.bakes)} of baking{put_off}")
    if found.stacks:
        parts.append(f"and the minutes that AWS takes for {found.stacks} stack{'s'[: found.stacks != 1]}")
    return "cost: " + ", ".join(parts) if parts else None


def _at_least(seconds: float) -> str:
    return spoken(timedelta(seconds=math.ceil(seconds)))


def cost_json(plan: Plan) -> dict[str, Any]:
    """Estimates: at most so many calls, which take at least so long."""
    found = cost(plan)
    return {
        "control_calls": {region: calls.control for region, calls in found.calls.items()},
        "get_function_calls": {region: calls.get_function for region, calls in found.calls.items()},
        "seconds_at_least": math.ceil(found.seconds),
        "bake_seconds": int(found.bakes.total_seconds()),
        "bake_seconds_at_most": int(found.longest_bakes.total_seconds()),
        "stack_operations": found.stacks,
    }
