"""A fleet of any size on a virtual clock: real planner, executor, adapter and rate budget over the model."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from release.adapters.aws.rate_budget import RateBudget
from release.adapters.lambda_functions import LambdaFunctions
from release.apply import Applied
from release.core.limits import CONTROL_CALLS, GET_FUNCTION_CALLS, Pace
from release.core.models import Place
from release.promotion import Draft
from tests.fakes.lambda_model import LambdaModel
from tests.fakes.world import World, fleet
from tests.scale.virtual_time import VirtualTime

LATENCY = 0.15  # seconds from a call to its answer
IN_A_STACK = 10  # functions of one service
BEGUN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sent:
    """A call as AWS sees it. `at`: virtual seconds."""

    at: float
    method: str
    place: Place
    name: str

    @property
    def is_control(self) -> bool:
        return self.method not in ("get_function", "invoke")


class VirtualAws:
    """What the adapter needs of `Aws`: every call takes its time, and budgets are the real ones."""

    def __init__(self, model: LambdaModel, time: VirtualTime) -> None:
        self.model, self.time = model, time
        self.clock, self.sleep = time.clock, time.sleep
        self.sent: list[Sent] = []
        self.meddle: Callable[[Sent], None] = lambda call: None  # before its effect
        self._budgets: dict[tuple[Pace, Place], RateBudget] = {}

    def client(self, place: Place, _service: str, **_options: Any) -> "_Client":
        return _Client(self, place)

    def account(self, place: Place) -> str:
        return place.account

    def credentials_end(self, _place: Place) -> None:
        return None

    def control_calls(self, place: Place) -> RateBudget:
        return self._budget(CONTROL_CALLS, place)

    def get_function_calls(self, place: Place) -> RateBudget:
        return self._budget(GET_FUNCTION_CALLS, place)

    def _budget(self, pace: Pace, place: Place) -> RateBudget:
        if (pace, place) not in self._budgets:
            self._budgets[pace, place] = RateBudget(
                pace.per_second,
                pace.burst,
                pace.reserve,
                clock=self.clock,
                sleep=self.sleep,
                lock=self.time.lock,
            )
        return self._budgets[pace, place]


class _Client:
    def __init__(self, aws: VirtualAws, place: Place) -> None:
        self._aws, self._place = aws, place
        self._client = aws.model.client(place)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(**wanted: Any) -> Any:
            aws = self._aws
            sent = Sent(aws.time.now, method, self._place, wanted["FunctionName"])
            aws.sent.append(sent)
            aws.sleep(LATENCY / 2)
            try:
                aws.meddle(sent)
                return getattr(self._client, method)(**wanted)
            finally:
                aws.sleep(LATENCY / 2)

        return call


class _Clock:
    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.sleep = time.sleep

    def now(self) -> datetime:
        return BEGUN + timedelta(seconds=self._time.now)


@dataclass(frozen=True, slots=True)
class Run:
    """What one plan took from the confirmation to the end."""

    applied: Applied
    sent: tuple[Sent, ...]
    seconds: float
    threads: int  # of the tool, at the same time, at most

    @property
    def by_region(self) -> Counter[str]:
        """Control calls."""
        return Counter(call.place.region for call in self.sent if call.is_control)

    @property
    def floor(self) -> float:
        """The least that so many calls can take at 15 a second, all regions at once."""
        return max(self.by_region.values()) / 15

    @property
    def fastest_second(self) -> int:
        """The most control calls of one region that began within a second."""
        most = 0
        for region in self.by_region:
            times = [call.at for call in self.sent if call.is_control and call.place.region == region]
            first = 0
            for last, at in enumerate(times):
                while times[first] <= at - 1:
                    first += 1
                most = max(most, last - first + 1)
        return most


class VirtualFleet:
    """`functions` in services of ten, serving v1.0.0, in virtual time from then on."""

    def __init__(self, functions: int, regions: tuple[str, ...]) -> None:
        names = tuple(f"f{number}" for number in range(IN_A_STACK))
        services = {f"s{number:03}": names for number in range(functions // IN_A_STACK)}
        self.world: World = fleet(regions=regions, **services).live("v1.0.0")
        self.time = VirtualTime()
        self.aws = VirtualAws(self.world.functions.model, self.time)
        adapter = LambdaFunctions(self.aws)  # type: ignore[arg-type]
        self.world.tools = replace(self.world.tools, functions=adapter, clock=_Clock(self.time))
        self.said: list[tuple[float, str, dict[str, Any]]] = []

    def draft(self, make: Callable[[], Draft]) -> Draft:
        with self.time.in_force():
            return make()

    def carry_out(self, draft: Draft) -> Run:
        before, began = len(self.aws.sent), self.time.now
        self.time.most_threads = 0
        self.world.said = _Stamped(self)  # type: ignore[assignment]
        with self.time.in_force():
            applied = self.world.carry_out(draft)
        assert threading.current_thread() is threading.main_thread()
        sent = tuple(self.aws.sent[before:])
        return Run(applied, sent, self.time.now - began, self.time.most_threads)

    def promotion(self, tag: str) -> Draft:
        self.world.build(tag)
        self.world.holders.next_process()
        return self.draft(lambda: self.world.draft(tag))


class _Stamped(list[tuple[str, dict[str, Any]]]):
    """What is said, with the time."""

    def __init__(self, fleet: VirtualFleet) -> None:
        super().__init__()
        self._fleet = fleet

    def append(self, said: tuple[str, dict[str, Any]]) -> None:
        super().append(said)
        self._fleet.said.append((self._fleet.time.now, *said))
