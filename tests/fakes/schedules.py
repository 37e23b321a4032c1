"""Schedules by seed: a fleet, what is run, and what goes wrong meanwhile."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Literal

from release.apply import WAIT
from release.core.models import Gradual
from tests.fakes.faults import Kind, Strike
from tests.fakes.storm_ground import TAGS, Illness, Shape
from tests.fakes.storms import Storm
from tests.fakes.world import EAST, SOURCE, WEST

_SHAPES = (
    Shape((1,), 1),
    Shape((1,), 2),
    Shape((1, 1), 1),
    Shape((1, 1), 2),
    Shape((2, 1), 1),
    Shape((2,), 2),
    Shape((2, 2), 1),
    Shape((1, 1, 1), 2),
)
# How often each kind is drawn: kills and what other people do are what few other tests try.
_OTHERS = (Kind.RIVAL, Kind.ASLEEP, Kind.ABORT, Kind.HELD, Kind.QUARANTINED)
_WEIGHTS = dict.fromkeys(Kind, 2) | {Kind.KILLED: 8, Kind.FOREIGN: 6, Kind.LOST: 4, Kind.STALE: 4}


@dataclass(frozen=True)
class Run:
    """One run of the tool. `to`: a tag, or None for a rollback to whatever was good before."""

    verb: str
    to: str | None
    strikes: tuple[Strike, ...] = ()
    host: str = "laptop/boot"
    wait: float = 0.0  # seconds before it
    heals: bool = False  # whether all is well again before it
    unholds: bool = True  # whether somebody lets promotions in again
    patience: timedelta = WAIT  # how long the process waits for a bake
    region: str | None = None  # break-glass: only there
    without_ledger: bool = False  # a rollback, with the remote out of reach

    def __str__(self) -> str:
        meets = ", ".join(map(str, self.strikes))
        glass = [self.region, "without ledger" if self.without_ledger else None]
        return " ".join(filter(None, [self.verb, self.to, *glass, f"meeting {meets}" if meets else ""]))


@dataclass(frozen=True)
class Schedule:
    seed: int
    shape: Shape
    illness: Illness | None
    interleaved: bool
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Tried:
    """What became of schedules."""

    schedules: int
    runs: int
    fired: Counter[str]
    exits: Counter[str]
    wrong: tuple[str, ...]  # a line for each invariant that did not hold, with the seed

    def __add__(self, other: "Tried") -> "Tried":
        return Tried(
            self.schedules + other.schedules,
            self.runs + other.runs,
            self.fired + other.fired,
            self.exits + other.exits,
            (*self.wrong, *other.wrong),
        )


NOTHING_TRIED = Tried(0, 0, Counter(), Counter(), ())


def schedule(seed: int) -> Schedule:
    """The schedule with this number: the same on every machine."""
    random = Random(seed)  # noqa: S311 - a schedule, not a secret
    shape = random.choice(_SHAPES)
    shape = Shape(shape.services, shape.regions, first=random.random() < 0.2)
    if not shape.first and random.random() < 0.4:
        shape = replace(
            shape,
            rollout=_rollout(random),
            replica_bakes=random.random() < 0.3,
            per_second=random.choice((20.0, 20.0, 20.0, 0.0)),
        )
    illness = None
    if random.random() < 0.35:
        illness = Illness(
            tag=random.choice(TAGS[1:] if not shape.first else TAGS),
            region=random.choice((None, None, WEST if shape.regions == 2 else None)),
            through_alias=random.random() < 0.6,
            at_times=random.random() < 0.3,
            calls=0.2 if shape.rollout is not None and random.random() < 0.5 else None,
        )
    runs = tuple(_run(random, shape, number) for number in range(random.choice((1, 1, 1, 2, 2, 3))))
    runs = tuple(_breaking_glass(Random(f"{seed} {number}"), shape, run) for number, run in enumerate(runs))  # noqa: S311
    interleaved = random.random() < 0.5
    return Schedule(seed, shape, illness, interleaved, _partly_back_first(Random(f"{seed}"), shape, runs))  # noqa: S311


def _partly_back_first(random: Random, shape: Shape, runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """In some schedules a release that serves has gone back in one region before anything else happens."""
    if shape.regions < 2 or shape.first or random.random() > 0.15:
        return runs
    region, strikes = random.choice((EAST, WEST)), runs[0].strikes if random.random() < 0.5 else ()
    back = Run("rollback", None, strikes=strikes, region=region)
    return (Run("promote", "v1.1.0", patience=timedelta(days=1)), back, *runs)


def _rollout(random: Random) -> Gradual:
    kind: Literal["canary", "linear"] = random.choice(("canary", "canary", "linear"))
    return Gradual(
        kind,
        steps=(25, 50, 75, 100) if kind == "linear" else random.choice(((10, 100), (10, 50, 100))),
        bake=timedelta(minutes=random.choice((1, 5, 120))),
        min_samples=100,
        max_error_rate=0.01,
        alarms=random.choice((("{function}-errors",), ())),
        source=SOURCE,
        probe=random.random() < 0.2,
    )


def _run(random: Random, shape: Shape, number: int) -> Run:
    tags = TAGS if shape.first else TAGS[1:]
    verb, to = random.choice(("promote", "promote", "promote", "rollback")), None
    if shape.rollout is not None and number > 0 and random.random() < 0.5:
        verb = "advance"
    elif verb == "promote":
        to = tags[0] if number == 0 or random.random() < 0.5 else random.choice(tags)
    elif random.random() < 0.5:
        to = TAGS[0] if random.random() < 0.8 else random.choice(TAGS)
    return Run(
        verb,
        to,
        strikes=tuple(_strike(random) for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3, 4)))),
        host="runner/boot" if random.random() < 0.1 else "laptop/boot",
        wait=random.choice((0.0, 0.0, 5.0, 7200.0)),
        heals=random.random() < 0.5,
        unholds=random.random() < 0.8,
        patience=random.choice((WAIT, WAIT, timedelta(0), timedelta(minutes=7))),
    )


def _breaking_glass(random: Random, shape: Shape, run: Run) -> Run:
    """Some runs leave a region behind, or do without the ledger."""
    if run.verb == "advance":
        return run
    region = random.choice((EAST, WEST)) if shape.regions == 2 and random.random() < 0.2 else None
    if run.verb == "promote" or random.random() < 0.8:
        return replace(run, region=region)
    # Who cannot reach the ledger hears of nobody, and nobody of them: the rest of the world looks on.
    strikes = tuple(strike for strike in run.strikes if strike.kind not in _OTHERS)
    return replace(run, region=region, without_ledger=True, strikes=strikes, host="laptop/boot")


def _strike(random: Random) -> Strike:
    kinds = list(_WEIGHTS)
    return Strike(
        gap=random.choice((random.randint(1, 20), random.randint(1, 60), random.randint(20, 160))),
        kind=random.choices(kinds, [_WEIGHTS[kind] for kind in kinds])[0],
        pick=random.randrange(1000),
        span=random.choice((1, 1, 2, 3, 6, 20)),
    )


def carry_out(schedule: Schedule) -> Storm:
    """The storm after the schedule and one more run in a healthy world: see its `violations`."""
    storm = Storm(schedule.seed, schedule.shape, illness=schedule.illness, interleaved=schedule.interleaved)
    for run in schedule.runs:
        if run.heals:
            storm.heal()
        storm.turns.sleep(run.wait)
        if run.unholds:
            storm.people.decide("unhold")
        if run.verb == "promote":
            storm.promote(run.to or "", run.strikes, region=run.region, host=run.host, wait=run.patience)
        elif run.verb == "advance":
            storm.advance(run.strikes, host=run.host, wait=run.patience)
        else:
            glass = {"region": run.region, "without_ledger": run.without_ledger}
            storm.roll_back(run.to, run.strikes, host=run.host, **glass)
    storm.settle()
    return storm


def tried(seeds: Sequence[int]) -> Tried:
    """Carry out the schedules with these numbers."""
    fired, exits = Counter[str](), Counter[str]()
    wrong: list[str] = []
    runs = 0
    for seed in seeds:
        made = schedule(seed)
        storm = carry_out(made)
        runs += len(storm.ended)
        fired.update({kind.value: count for kind, count in storm.faults.fired.items()})
        exits.update("killed" if one.exit is None else f"exit {int(one.exit)}" for one in storm.ended)
        wrong += [f"seed {seed}: {line}" for line in dict.fromkeys(storm.violations)]
    return Tried(len(seeds), runs, fired, exits, tuple(wrong))
