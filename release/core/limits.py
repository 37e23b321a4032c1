"""How fast one account and region may be called, and how much of that we take.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests: GetFunction 100 calls a
second, all other calls of Lambda's control plane 15 together, neither of them to be raised; invocations have
limits of their own.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """In any t seconds at most `burst + per_second * t` calls; `reserve` of the burst is kept for an undo."""

    per_second: float
    burst: int
    reserve: int


# A little less than AWS lets through: the console, CloudFormation and others draw on the same limits.
# And no whole second's worth at once: on a busy machine calls that began apart arrive together.
CONTROL_CALLS: Final = Pace(per_second=14.0, burst=13, reserve=3)
GET_FUNCTION_CALLS: Final = Pace(per_second=90.0, burst=100, reserve=10)

# Times that a bake without a verdict is begun again, before it is held.
BAKE_EXTENSIONS: Final = 2
