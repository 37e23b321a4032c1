"""Many tasks at once, one failure to show."""

import threading
import time
from collections.abc import Callable

import pytest

from release.apply.work import PATIENCE, Journal, Who, Work, patiently
from release.errors import Misconfigured, ReleaseError, RolloutFailed, Unavailable
from tests.fakes.ports import FakeClock
from tests.fakes.world import World, fleet


@pytest.fixture
def world() -> World:
    return fleet().live("v1.0.0")


def work(world: World) -> Work:
    world.build("v1.1.0")
    draft = world.draft("v1.1.0")
    journal = Journal("id", 2, draft.plan.release, ())
    return Work(
        draft.plan,
        {},
        world.tools,
        journal,
        Who("ada", None, "lambda-release 0.1.0"),
        lambda what, fields: None,
        world.clock.now(),
    )


def together(*errors: BaseException | None) -> list[Callable[[], None]]:
    """Tasks that end at the same moment, each with its error or without."""
    all_there = threading.Barrier(len(errors))

    def task(error: BaseException | None) -> Callable[[], None]:
        def run() -> None:
            all_there.wait(timeout=10)
            if error is not None:
                raise error

        return run

    return [task(error) for error in errors]


NO = RolloutFailed("b: statusCode 503", fix="mend it")
OTHER_NO = RolloutFailed("c: statusCode 500", fix="mend it")
UNKNOWN = Unavailable("a: AWS is away", fix="wait")


def failure(world: World, *errors: BaseException | None) -> BaseException:
    with pytest.raises((ReleaseError, ZeroDivisionError)) as raised:
        work(world).all(together(*errors))
    return raised.value


def test_tasks_that_all_end_well_raise_nothing(world: World) -> None:
    work(world).all(together(None, None))
    work(world).all([])


def test_a_no_outweighs_what_could_not_be_found_out_and_every_cause_is_named(world: World) -> None:
    error = failure(world, UNKNOWN, None, OTHER_NO, NO)
    assert error is NO
    assert isinstance(error, ReleaseError)
    assert set(error.details) == {"c: statusCode 500", "a: AWS is away"}


def test_a_bug_outweighs_both(world: World) -> None:
    bug = ZeroDivisionError("half of nothing")
    assert failure(world, UNKNOWN, bug, NO) is bug


def test_the_first_failure_stops_what_has_not_begun(world: World) -> None:
    begun: list[int] = []
    failed = threading.Event()

    def fails() -> None:
        failed.set()
        raise UNKNOWN

    def task(number: int) -> Callable[[], None]:
        def run() -> None:
            begun.append(number)
            failed.wait(timeout=10)
            time.sleep(0.005)  # as a call would take, so that whoever collects failures gets a turn

        return run

    with pytest.raises(Unavailable):
        work(world).all([*(task(n) for n in range(31)), fails, *(task(n) for n in range(31, 999))])
    assert len(begun) < 900


def test_what_must_not_fail_for_a_passing_fault_is_tried_again() -> None:
    clock, left = FakeClock(), [UNKNOWN] * len(PATIENCE)

    def flaky() -> str:
        if left:
            raise left.pop()
        return "done"

    assert patiently(clock, flaky) == "done"
    assert clock.sleeps == list(PATIENCE)


def test_patience_ends_and_a_no_is_not_waited_for() -> None:
    clock = FakeClock()

    def away() -> None:
        raise UNKNOWN

    def denied() -> None:
        raise Misconfigured("access denied", fix="allow it")

    with pytest.raises(Unavailable):
        patiently(clock, away)
    assert clock.sleeps == list(PATIENCE)
    with pytest.raises(Misconfigured):
        patiently(clock, denied)
    assert clock.sleeps == list(PATIENCE)
