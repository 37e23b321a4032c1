"""Every write of a promotion, and how a process group is killed right before or right after one."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.e2e.fleet import World
from tests.e2e.processes import Ended

Side = Literal["before", "after"]
PUSH = "git push"
# Each kind of AWS call that changes something, as a fault rule of the sandbox meets it.
WRITES: Mapping[str, Mapping[str, str]] = {
    "CreateStack": {"service": "cloudformation", "operation": "CreateStack"},
    "UpdateStack": {"service": "cloudformation", "operation": "UpdateStack"},
    "CreateChangeSet": {"service": "cloudformation", "operation": "CreateChangeSet"},
    "ExecuteChangeSet": {"service": "cloudformation", "operation": "ExecuteChangeSet"},
    "UpdateFunctionCode": {"service": "lambda", "operation": "UpdateFunctionCode"},
    "PublishVersion": {"service": "lambda", "operation": "PublishVersion"},
    "CreateAlias": {"service": "lambda", "operation": "CreateAlias"},
    "UpdateAlias": {"service": "lambda", "operation": "UpdateAlias"},
}
_READS = re.compile(r"(Describe|Get|List|Head)\w+|AssumeRole|Invoke")
_STRIKE_SECONDS = 60.0


@dataclass(frozen=True)
class Point:
    """The n-th write of a kind, and the side of it on which the process group is killed."""

    write: str
    number: int
    side: Side

    def __str__(self) -> str:
        return f"{self.side} {self.write} {self.number}"


def points(counts: Mapping[str, int]) -> list[Point]:
    """Both sides of every write."""
    sides: tuple[Side, ...] = ("before", "after")
    return [
        Point(write, number, side)
        for write, count in counts.items()
        for number in range(1, count + 1)
        for side in sides
    ]


def writes(calls: Iterable[Mapping[str, Any]], pushes: int) -> Counter[str]:
    """How many writes of each kind there were. Fails for a call that is neither read nor known."""
    found = Counter({PUSH: pushes})
    for call in calls:
        kinds = [kind for kind, rule in WRITES.items() if _is_met(rule, call)]
        reads = _READS.fullmatch(call["operation"])
        assert kinds or reads, f"no kill point covers {call}"
        found.update(kinds)
    return found


def _is_met(rule: Mapping[str, str], call: Mapping[str, Any]) -> bool:
    return all(call[key] == value for key, value in rule.items())


def kill_at(world: World, point: Point, *words: str) -> Ended:
    """Run a command and SIGKILL its process group at this point. Fails when it never gets there."""
    sandbox = world.fleet.sandbox
    world.reset_pushes()
    if point.write == PUSH:
        world.hang_push(point.number, point.side)
    else:
        # Without `times`: later calls of the kind hang as well, so that the world stands still at the point.
        rule = {**WRITES[point.write], "when": point.side, "hang": True, "skip": point.number - 1}
        sandbox.faults([rule])
    running = world.start(*words)
    deadline = time.monotonic() + _STRIKE_SECONDS
    while not (world.push_hangs if point.write == PUSH else sandbox.fired()):
        assert not running.ended, f"it ended before the point was reached: {running.wait()}"
        assert time.monotonic() < deadline, f"{point} was never reached: {running.kill()}"
        time.sleep(0.01)
    killed = running.kill()
    assert killed.code == -9, str(killed)
    sandbox.faults([])
    world.reset_pushes()
    return killed
