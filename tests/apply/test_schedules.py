"""Random fleets, random commands, random faults and kills: whatever happens, the fleet ends in one piece.

Each schedule is followed by one more run in a healthy world. `storms.Storm` says what must hold; here is said
how much of it is tried. A violation names its seed: `carry_out(schedule(seed))` does the same once more.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from release.apply import WAIT
from release.core.models import Gradual
from tests.fakes.faults import Kind, Strike
from tests.fakes.schedules import Tried, tried
from tests.fakes.storm_ground import Illness, Shape
from tests.fakes.storms import Storm
from tests.fakes.world import EAST, SOURCE, WEST

Note = Callable[[str, object], None]
SOME = 60  # schedules in the ordinary tests
HUNDREDS = 200  # so many that every kind of fault is met
PROOF = 10_080
PARTS = 24  # so that several processes share them
CANARY = Gradual("canary", (10, 50, 100), timedelta(minutes=1), 100, 0.01, ("{function}-errors",), SOURCE)


def note(record_property: Note, done: Tried) -> None:
    """For the summary at the end of the run."""
    counts = {"schedules": done.schedules, "runs": done.runs, "violations": len(done.wrong)}
    record_property("schedules", {**counts, **done.exits, **done.fired})


def holds(record_property: Note, seeds: range) -> Tried:
    done = tried(seeds)
    note(record_property, done)
    assert done.wrong == ()
    return done


def test_some_schedules_of_faults_leave_the_fleet_in_one_piece(record_property: Note) -> None:
    holds(record_property, range(SOME))


@pytest.mark.prove
def test_a_few_hundred_schedules_meet_every_kind_of_fault_and_leave_it_in_one_piece(
    record_property: Note,
) -> None:
    done = holds(record_property, range(HUNDREDS))
    assert {kind.value for kind in Kind} == set(done.fired), "a kind of fault is never met"


@pytest.mark.prove
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_schedules_of_faults_leave_the_fleet_in_one_piece(
    part: int, record_property: Note
) -> None:
    share = PROOF // PARTS
    holds(record_property, range(HUNDREDS + part * share, HUNDREDS + (part + 1) * share))


def test_one_seed_is_one_schedule_with_one_end() -> None:
    assert tried(range(20)) == tried(range(20))


strikes = st.lists(
    st.builds(
        Strike,
        gap=st.integers(1, 120),
        kind=st.sampled_from(Kind),
        pick=st.integers(0, 999),
        span=st.integers(1, 12),
    ),
    max_size=3,
)

only = st.sampled_from([None, None, EAST, WEST])  # break-glass; a stage may have no such region


class Storms(RuleBasedStateMachine):
    """What people and the world may do to one stage, in any order; hypothesis finds the shortest harm."""

    def __init__(self) -> None:
        super().__init__()
        self.storm: Storm | None = None

    @initialize(
        seed=st.integers(0, 99),
        functions=st.sampled_from([(1,), (1, 1), (2,)]),
        regions=st.integers(1, 2),
        first=st.booleans(),
        interleaved=st.booleans(),
        sick=st.sampled_from([None, "v1.1.0", "v1.2.0"]),
        through_alias=st.booleans(),
        in_the_replica=st.booleans(),
        canary=st.booleans(),
        callers=st.booleans(),
    )
    def a_fleet(
        self,
        seed: int,
        functions: tuple[int, ...],
        regions: int,
        first: bool,
        interleaved: bool,
        sick: str | None,
        through_alias: bool,
        in_the_replica: bool,
        canary: bool,
        callers: bool,
    ) -> None:
        region = WEST if in_the_replica and regions == 2 else None
        illness = Illness(sick, region, through_alias) if sick else None
        rollout = CANARY if canary and not first else None
        shape = Shape(functions, regions, first, rollout, per_second=20.0 if callers else 0.0)
        self.storm = Storm(seed, shape, illness=illness, interleaved=interleaved)

    @rule(tag=st.sampled_from(["v1.1.0", "v1.2.0"]), strikes=strikes, elsewhere=st.booleans(), only=only)
    def promote(self, tag: str, strikes: list[Strike], elsewhere: bool, only: str | None) -> None:
        assert self.storm is not None
        host = "runner/boot" if elsewhere else "laptop/boot"
        self.storm.promote(tag, strikes, region=only, host=host)

    @rule(strikes=strikes, patient=st.booleans())
    def advance(self, strikes: list[Strike], patient: bool) -> None:
        assert self.storm is not None
        self.storm.advance(strikes, wait=WAIT if patient else timedelta(0))

    @rule(to=st.sampled_from([None, "v1.0.0", "v1.1.0"]), strikes=strikes, only=only)
    def roll_back(self, to: str | None, strikes: list[Strike], only: str | None) -> None:
        assert self.storm is not None
        self.storm.roll_back(to, strikes, region=only)

    @rule()
    def abort(self) -> None:
        assert self.storm is not None
        self.storm.people.abort()

    @rule(seconds=st.sampled_from([5.0, 7200.0]))
    def time_passes(self, seconds: float) -> None:
        assert self.storm is not None
        self.storm.turns.sleep(seconds)

    @rule()
    def everything_works_again(self) -> None:
        assert self.storm is not None
        self.storm.heal()

    @precondition(lambda self: self.storm is not None)
    @invariant()
    def nothing_is_done_that_must_not_be(self) -> None:
        assert self.storm is not None
        assert self.storm.violations == []

    def teardown(self) -> None:
        if self.storm is not None and self.storm.ended:
            self.storm.settle()
            assert self.storm.violations == []


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=4,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


class TestStorms(Storms.TestCase):  # type: ignore[valid-type,misc]
    settings = examples(40)


@pytest.mark.prove
class TestManyStorms(Storms.TestCase):  # type: ignore[valid-type,misc]
    settings = examples(400)
