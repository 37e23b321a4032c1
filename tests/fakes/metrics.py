"""A strict fake behind the port `Metrics`: it knows only what a test has put into it.

What nobody called has counts of 0, as in CloudWatch; a call of a version that is not compared is not in the
answer; alarms exist when they were put.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from release.core.alarms import AlarmFacts
from release.core.analysis import Counts
from release.core.models import Place
from release.errors import Unavailable
from release.ports import Compared


@dataclass(frozen=True, slots=True)
class Call:
    """Some calls of one lambda version through an alias that began, or were throttled, at one moment."""

    started: datetime
    function: str
    alias: str
    lambda_version: str
    times: int = 1
    is_bad: bool = False
    took_ms: int = 100  # an end that is not there yet: the call is not counted yet


class FakeMetrics:
    """`now` is asked for what can have arrived: a call is counted `lag` after its end."""

    def __init__(self, now: Callable[[], datetime], *, lag: timedelta = timedelta(0)) -> None:
        self._now = now
        self._lag = lag
        self._calls: dict[Place, list[Call]] = {}
        self._alarms: dict[tuple[Place, str], AlarmFacts] = {}
        self.out_of_reach: set[Place] = set()
        self.asked = 0  # questions so far

    def add_calls(self, place: Place, *calls: Call) -> None:
        self._calls.setdefault(place, []).extend(calls)

    def calls_of(self, place: Place) -> Sequence[Call]:
        """All that were ever made."""
        return self._calls.get(place, ())

    def put_alarm(self, place: Place, alarm: AlarmFacts) -> None:
        self._alarms[place, alarm.name] = alarm

    def change_alarm(self, place: Place, name: str, **facts: object) -> None:
        """Raises KeyError for an alarm that was never put."""
        self._alarms[place, name] = replace(self._alarms[place, name], **facts)  # type: ignore[arg-type]

    def remove_alarm(self, place: Place, name: str) -> None:
        del self._alarms[place, name]

    def lag(self) -> timedelta:
        return self._lag

    def counts(
        self,
        place: Place,
        compared: Sequence[Compared],
        *,
        since: datetime,
        until: datetime,
        slower_than_ms: int | None = None,
    ) -> Mapping[str, tuple[Counts, Counts]]:
        self._ask(place)
        if not since < until:
            raise AssertionError(f"a window from {since} to {until}")
        if len({one.function for one in compared}) < len(compared):
            raise AssertionError("a function is asked for twice")
        first = since.replace(second=0, microsecond=0)
        last = (until - timedelta(microseconds=1)).replace(second=0, microsecond=0) + timedelta(minutes=1)

        ended_by = self._now() - self._lag

        def counted(one: Compared, version: str) -> Counts:
            seen = [
                call
                for call in self._calls.get(place, [])
                if call.lambda_version == version
                and (call.function, call.alias) == (one.function, one.alias)
                and first <= call.started < last
                and call.started + timedelta(milliseconds=call.took_ms) <= ended_by
            ]
            slow = [call for call in seen if slower_than_ms is not None and call.took_ms > slower_than_ms]
            return Counts(
                calls=sum(call.times for call in seen),
                bad=sum(call.times for call in seen if call.is_bad),
                slow=sum(call.times for call in slow),
            )

        return {one.function: (counted(one, one.stable), counted(one, one.canary)) for one in compared}

    def alarms(self, place: Place, names: Collection[str]) -> Mapping[str, AlarmFacts]:
        self._ask(place)
        return {name: self._alarms[place, name] for name in names if (place, name) in self._alarms}

    def alarms_of(self, place: Place, functions: Collection[str]) -> Sequence[AlarmFacts]:
        self._ask(place)
        found = [alarm for (where, _), alarm in self._alarms.items() if where == place]
        return sorted(
            (alarm for alarm in found if set(functions) & set(alarm.functions)), key=lambda alarm: alarm.name
        )

    def _ask(self, place: Place) -> None:
        self.asked += 1
        if place in self.out_of_reach:
            raise Unavailable(f"CloudWatch in {place} cannot be reached", fix="try again")
