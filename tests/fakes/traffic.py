"""Callers of a stage: as time passes, they call every alias, and its weights say which version answers."""

from datetime import datetime, timedelta

from tests.fakes.metrics import Call, FakeMetrics
from tests.fakes.world import ALIAS, World

SECOND = timedelta(seconds=1)


class Traffic(FakeMetrics):
    """`per_second` calls of each function; `bad` says which share of the calls of a release goes wrong."""

    def __init__(self, world: World, per_second: float, **bad: float) -> None:
        super().__init__(world.clock.now)
        self._world = world
        self.per_second = per_second
        self.bad = {tag.replace("_", "."): share for tag, share in bad.items()}
        self._until = world.clock.now()
        world.tools = world.with_metrics(self)

    def _ask(self, place: object) -> None:
        now = self._world.clock.now()
        if now - self._until >= SECOND:
            self._pass(now)
        super()._ask(place)  # type: ignore[arg-type]

    def _pass(self, now: datetime) -> None:
        """Everybody calls between the last look and now, so that it is counted from now on."""
        seconds, self._until = (now - self._until).total_seconds(), now
        at = now - SECOND / 2
        for place in self._world.places:
            for name in self._world.names:
                alias = self._world.functions.alias_of(place, name, ALIAS)
                if alias is None:
                    continue
                shares = {alias.lambda_version: 1 - sum(alias.weights.values()), **alias.weights}
                for version, share in shares.items():
                    calls = round(self.per_second * seconds * share)
                    bad = round(calls * self.bad.get(self._world.tag_of(place, name, version), 0.0))
                    good = Call(at, name, ALIAS, version, times=calls - bad)
                    self.add_calls(place, good, Call(at, name, ALIAS, version, times=bad, is_bad=True))
