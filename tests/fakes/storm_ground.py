"""The world of a storm: a fleet with callers, processes of the tool, one time for all, and a witness."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from release.core.alarms import AlarmFacts
from release.core.models import Gradual, Place
from release.core.records import Holder, Served
from tests.fakes.aws import ApiCall
from tests.fakes.faults import Process
from tests.fakes.traffic import Traffic
from tests.fakes.turns import Turns
from tests.fakes.witness import Where, Witness
from tests.fakes.world import ALIAS, EAST, WEST, World

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SICK = b'{"statusCode": 503}'
TAGS = ("v1.0.0", "v1.1.0", "v1.2.0")


class StormClock:
    """The clock of a storm: time passes by calls and by sleeping."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def now(self) -> datetime:
        return START + timedelta(seconds=self._turns.now)

    def sleep(self, seconds: float) -> None:
        self._turns.sleep(seconds)


class Processes:
    """Who is who. What runs on another machine cannot be seen from here."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._known: dict[tuple[str, int], Process] = {}

    def begin(self, host: str) -> Process:
        process = Process(len(self._known) + 2, host)
        self._known[host, process.pid] = process
        return process

    def next_process(self) -> None:
        """What sets the world up is no process of a storm."""

    def current(self) -> Holder:
        process = self._turns.process
        pid, host = (process.pid, process.host) if isinstance(process, Process) else (1, "laptop/boot")
        return Holder(host=host, pid=pid, started=f"tick {pid}")

    def is_dead(self, holder: Holder) -> bool | None:
        asking = self._turns.process
        if isinstance(asking, Process) and holder.host != asking.host:
            return None
        process = self._known.get((holder.host, holder.pid))
        return process is None or process.killed or process.over


@dataclass(frozen=True)
class Shape:
    """Of a fleet. `first`: nothing is there yet."""

    services: tuple[int, ...] = (1, 1)  # functions of each
    regions: int = 2
    first: bool = False
    rollout: Gradual | None = None  # of the primary region; None: all at once
    replica_bakes: bool = False  # the other region goes the same way
    per_second: float = 20.0  # calls of every function


@dataclass(frozen=True)
class Illness:
    """Which release answers no to smoke tests, and where."""

    tag: str
    region: str | None = None
    through_alias: bool = False
    at_times: bool = False  # one time in three
    calls: float | None = None  # smoke tests pass, and this share of what callers ask goes wrong


class Ground:
    """Everything but the tool: what is there, what it answers, and what has become of it."""

    def __init__(self, seed: int, shape: Shape, illness: Illness | None, *, interleaved: bool) -> None:
        self.shape, self.illness = shape, illness
        self.turns = Turns(seed, interleaved=interleaved)
        self.witness = Witness(shape.rollout, lambda: self.turns.now, self._calls_of)
        self.processes = Processes(self.turns)
        names, keys = ("prices", "configs", "orders", "mails"), ("api", "nightly", "feed", "audit")
        services = {name: keys[:count] for name, count in zip(names, shape.services, strict=False)}
        gradual = (EAST, WEST)[: shape.regions if shape.replica_bakes else 1]
        rollouts = dict.fromkeys(gradual, shape.rollout) if shape.rollout else None
        self.world = World((EAST, WEST)[: shape.regions], services, rollouts)
        self._asked_sick = 0
        clock = StormClock(self.turns)
        world = self.world
        world.tools = replace(world.tools, clock=clock, holders=self.processes)
        world.clock, world.holders = clock, self.processes  # type: ignore[assignment]
        world.functions.aws.turns = self.turns
        world.functions.model.clock = lambda: self.turns.now
        self.traffic = Traffic(world, shape.per_second)
        if illness is not None and illness.calls is not None:
            self.traffic.bad[illness.tag] = illness.calls
        for name in world.names if self.has_alarms else ():
            alarm = AlarmFacts(f"{name}-errors", "OK", (name,), (f"{name}:{ALIAS}",))
            for place in world.places:
                self.traffic.put_alarm(place, alarm)
        for tag, template in zip(TAGS, ("first", "second", "first"), strict=True):
            world.build(tag, template=template)
        if not shape.first:
            self._serve_the_first()

    def _serve_the_first(self) -> None:
        with self.turns.in_force():
            self.world.promote("v1.0.0")
        for place in self.world.places:
            for name in self.world.names:
                self.witness.serves(place, name, "1")
                self.witness.proven.add((place, name, "1"))

    def _calls_of(self, place: Place, name: str, version: str) -> int:
        """How often callers have met this version."""
        calls = self.traffic.calls_of(place)
        return sum(call.times for call in calls if (call.function, call.lambda_version) == (name, version))

    @property
    def has_alarms(self) -> bool:
        return self.shape.rollout is not None and bool(self.shape.rollout.alarms)

    def invoked(self, call: ApiCall, answer: Callable[..., Any]) -> Callable[..., Any]:
        """How an invocation is answered: a release that is ill says no."""

        def asked(**wanted: Any) -> Any:
            said = answer(**wanted)
            sick = self._is_sick(call, said["ExecutedVersion"])
            return {**said, "Payload": BytesIO(SICK)} if sick else said

        return asked

    def _is_sick(self, call: ApiCall, version: str) -> bool:
        ill = self.illness
        if (
            ill is None
            or ill.calls is not None
            or self.world.tag_of(call.place, call.name, version) != ill.tag
        ):
            return False
        if ill.region not in (None, call.place.region):
            return False
        if ill.through_alias and call.wanted["Qualifier"] != ALIAS:
            return False
        self._asked_sick += 1
        return not (ill.at_times and self._asked_sick % 3)

    def serving(self) -> dict[Where, str | None]:
        aliases = self.world.aliases
        return {
            (place, name): aliases[place.region, name]
            for place in self.world.places
            for name in self.world.names
        }

    def version(self, place: Place, name: str) -> str | None:
        facts = (
            self.world.functions.alias_of(place, name, ALIAS)
            if self.world.functions.exists(place, name)
            else None
        )
        if facts is None:
            return None
        return f"{facts.lambda_version} and {dict(facts.weights)}" if facts.weights else facts.lambda_version

    def place(self, served: Served) -> Place:
        return next(place for place in self.world.places if place.region == served.region)
