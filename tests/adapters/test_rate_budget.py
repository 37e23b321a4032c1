"""Pacing, on a clock that only moves when somebody sleeps."""

import threading
import time

import pytest

from release.adapters.aws.rate_budget import RateBudget
from release.errors import GivenUp


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def budget(clock: Clock, *, rate: float = 10, capacity: int = 5, reserve: int = 2) -> RateBudget:
    return RateBudget(rate, capacity, reserve, clock=clock.read, sleep=clock.sleep)


def test_a_full_bucket_lets_calls_start_at_once_but_keeps_the_reserve(clock: Clock) -> None:
    calls = budget(clock)
    for _ in range(3):
        assert calls.take() == 0
    assert calls.take() == pytest.approx(0.1)


def test_no_time_span_sees_more_calls_than_capacity_and_rate_allow(clock: Clock) -> None:
    calls = budget(clock, reserve=0)
    starts = []
    for number in range(100):
        if number == 50:
            clock.sleep(30)  # an idle time fills the bucket, and no more than that
        calls.take()
        starts.append(clock.now)

    for first in range(100):
        for last in range(first, 100):
            assert last - first + 1 <= 5 + 10 * (starts[last] - starts[first]) + 1e-6
    assert clock.now == pytest.approx(30 + 90 / 10)


def test_an_undo_starts_at_once_where_an_ordinary_call_must_wait(clock: Clock) -> None:
    calls = budget(clock)
    for _ in range(3):
        calls.take()

    assert [calls.take(undo=True), calls.take(undo=True)] == [0, 0]
    assert calls.take(undo=True) == pytest.approx(0.1)
    assert calls.take() == pytest.approx(0.3)


def test_a_throttle_closes_the_budget_for_everybody(clock: Clock) -> None:
    calls = budget(clock)
    calls.pause(4)

    assert calls.take(undo=True) == pytest.approx(4)
    calls.pause(1)
    assert calls.take() == pytest.approx(1)


def test_what_was_saved_up_is_gone_after_a_throttle(clock: Clock) -> None:
    calls = budget(clock, reserve=0)
    calls.pause(0)

    assert calls.take() == pytest.approx(0.1)


def test_whoever_has_given_up_takes_nothing(clock: Clock) -> None:
    calls = budget(clock, reserve=0)
    with pytest.raises(GivenUp):
        calls.take(given_up=lambda: True)

    assert [calls.take() for _ in range(5)] == [0] * 5


def test_a_call_that_sleeps_at_the_head_of_the_queue_gives_up_when_it_wakes(clock: Clock) -> None:
    calls = budget(clock, reserve=0)
    for _ in range(5):
        calls.take()
    with pytest.raises(GivenUp):
        calls.take(given_up=lambda: clock.now > 0)

    assert clock.now == pytest.approx(0.1)
    assert calls.take() == 0  # its token is still there


def test_an_undo_starts_at_once_although_ordinary_calls_queue_and_these_are_given_up() -> None:
    calls = RateBudget(rate=2, capacity=2, reserve=1)
    undoing, ended = threading.Event(), []

    def ordinary() -> None:
        try:
            calls.take(given_up=undoing.is_set)
            ended.append("sent")
        except GivenUp:
            ended.append("given up")

    threads = [threading.Thread(target=ordinary) for _ in range(20)]
    for thread in threads:
        thread.start()
    while len(ended) < 1:
        time.sleep(0.01)
    undoing.set()
    began = time.monotonic()
    calls.take(undo=True)
    assert time.monotonic() - began < 0.4  # the reserve; a token would take 0.5 s, the queue 9.5 s
    for thread in threads:
        thread.join()

    assert time.monotonic() - began < 5
    assert ended.count("given up") >= 17


def test_threads_share_one_budget() -> None:
    calls = RateBudget(rate=200, capacity=5)
    started = time.monotonic()
    threads = [threading.Thread(target=lambda: [calls.take() for _ in range(10)]) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - started >= 45 / 200


@pytest.mark.parametrize(("rate", "capacity", "reserve"), [(0, 5, 0), (1, 5, 5), (1, 0, 0), (1, 5, -1)])
def test_a_budget_that_lets_nothing_through_is_refused(rate: float, capacity: int, reserve: int) -> None:
    with pytest.raises(ValueError, match="lets no call through"):
        RateBudget(rate, capacity, reserve)
