"""A token bucket that paces our calls so that AWS never has to throttle us, with a part kept for the undo."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from release.errors import GivenUp


class RateBudget:
    """Calls a second for one API of one account and region, shared by every thread of this process.

    In any t seconds at most `capacity + rate * t` calls start. An ordinary call leaves `reserve` tokens, an
    undo may take those too: so an undo starts at once, and while one waits no ordinary call gets ahead.
    """

    def __init__(
        self,
        rate: float,
        capacity: int,
        reserve: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        lock: Callable[[], AbstractContextManager[object]] = threading.Lock,
    ) -> None:
        if rate <= 0 or not 0 <= reserve < capacity:
            raise ValueError(f"{rate}/s with {reserve} of {capacity} in reserve lets no call through")
        self._rate = rate
        self._capacity = capacity
        self._reserve = reserve
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(capacity)
        self._counted_at = clock()
        self._closed_until = self._counted_at
        self._state = threading.Lock()
        # One thread of each kind sleeps, the others queue behind it: otherwise hundreds of waiting threads
        # would all wake up for every single token.
        self._turn = lock()
        self._undo_turn = lock()

    def take(self, undo: bool = False, given_up: Callable[[], bool] = lambda: False) -> float:
        """Wait for a token and take it. Returns the seconds spent asleep at the head of the queue.

        Raises GivenUp, without a token, as soon as `given_up` says so: whoever queues behind is told at once,
        who sleeps at the head when it wakes.
        """
        slept = 0.0
        with self._undo_turn if undo else self._turn:
            while not given_up():
                if (wait := self._take_or_wait(0 if undo else self._reserve)) <= 0:
                    return slept
                self._sleep(wait)
                slept += wait
        raise GivenUp(
            "a call was not sent: what has failed meanwhile is undone first", fix="look at what has failed"
        )

    def pause(self, seconds: float) -> None:
        """AWS throttled us all the same (somebody else is calling too): let nobody start for this long."""
        with self._state:
            self._refill()
            # What we thought was left has been used by others.
            self._tokens = min(self._tokens, 0.0)
            self._closed_until = max(self._closed_until, self._counted_at + seconds)

    def _take_or_wait(self, floor: int) -> float:
        with self._state:
            self._refill()
            wait = max((floor + 1 - self._tokens) / self._rate, self._closed_until - self._counted_at)
            if wait > 1e-6:  # a microsecond: after exactly the wait asked for, rounding costs no other round
                return wait
            self._tokens -= 1
            return 0.0

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + max(0.0, now - self._counted_at) * self._rate)
        self._counted_at = now
