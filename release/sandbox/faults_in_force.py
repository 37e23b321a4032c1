"""The fault rules in force: which of them fires for a call, how often each did, and what it met."""

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from release.sandbox.calls import Call
from release.sandbox.fault_rules import FaultRule


@dataclass(slots=True, eq=False)
class Fault:
    """A rule in force, and how often it met a call and fired."""

    id: int
    rule: FaultRule
    chance: random.Random
    met: int = 0
    fired: int = 0

    def fires(self) -> bool:
        """Counts a call that the rule meets; says whether it fires for it."""
        self.met += 1
        rule = self.rule
        if self.met <= rule.skip or (rule.nth is not None and self.met != rule.nth):
            return False
        if (rule.times is not None and self.fired >= rule.times) or self.chance.random() >= rule.probability:
            return False
        self.fired += 1
        return True

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "rule": self.rule.given(), "met": self.met, "fired": self.fired}


class FaultRules:
    """The rules in force, oldest first, and what fired. Safe for threads.

    Ids begin with 1 and never come again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_id = 0
        self._faults: tuple[Fault, ...] = ()
        self._fired: list[dict[str, Any]] = []

    def set(self, rules: Iterable[FaultRule]) -> list[int]:
        """Puts these in the place of all before, and forgets what fired."""
        with self._lock:
            self._faults, self._fired = (), []
            return [self._add(rule) for rule in rules]

    def add(self, rule: FaultRule) -> int:
        with self._lock:
            return self._add(rule)

    def remove(self, fault_id: int) -> bool:
        """False: there is no such rule."""
        with self._lock:
            kept = tuple(fault for fault in self._faults if fault.id != fault_id)
            removed, self._faults = len(kept) < len(self._faults), kept
            return removed

    def shown(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.shown() for fault in self._faults]

    def fired(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._fired)

    def in_force(self, fault: Fault) -> bool:
        return fault in self._faults

    def note(self, fault: Fault, met: dict[str, Any]) -> None:
        """Keeps that the rule has fired, unless it was removed meanwhile."""
        with self._lock:
            if self.in_force(fault):
                self._fired.append({"rule": fault.id, **met})

    def for_call(self, call: Call) -> Fault | None:
        """The first rule that fires for the call."""
        return self._first(lambda rule: rule.meets(call))

    def stack_failure(self, subject: str, *, region: str, account: str) -> str | None:
        """The message with which this resource of a stack, "TYPE VERB NAME", is to fail."""
        fault = self._first(lambda rule: rule.meets_resource(subject, region, account))
        if fault is None:
            return None
        self.note(fault, {"stack": subject})
        return fault.rule.message

    def _add(self, rule: FaultRule) -> int:
        self._last_id += 1
        # Of its own, so that a rule fires for the same calls whatever other rules there are.
        chance = random.Random(rule.seed)  # noqa: S311 - faults repeat from run to run
        self._faults += (Fault(self._last_id, rule, chance),)
        return self._last_id

    def _first(self, meets: Callable[[FaultRule], bool]) -> Fault | None:
        with self._lock:
            return next((fault for fault in self._faults if meets(fault.rule) and fault.fires()), None)
