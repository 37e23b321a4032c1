"""A clock that jumps: threads run one at a time, and time passes only while all of them wait.

The code under test runs in the threads that it asks for, as many as its pools allow; sleeping, waiting for a
lock of the rate budget and waiting for a pool are what lets another one go on. A run takes the same course
every time, and an hour of waiting takes none.
"""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any


class Stuck(AssertionError):
    """Everybody waits for somebody else."""


class _Thread:
    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.turn.acquire()


class VirtualTime:
    def __init__(self) -> None:
        self.now = 0.0
        self.most_threads = 0  # of pools, at the same time
        self._threads = 0
        self._current = _Thread()
        self._sleeping: list[tuple[float, int, _Thread]] = []
        self._ready: deque[_Thread] = deque()
        self._waiting: list[tuple[Callable[[], bool], _Thread]] = []
        self._order = itertools.count()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        heapq.heappush(self._sleeping, (self.now + seconds, next(self._order), self._current))
        self._let_others()

    def wait_until(self, holds: Callable[[], bool]) -> None:
        if not holds():
            self._waiting.append((holds, self._current))
            self._let_others()

    def lock(self) -> "_Lock":
        return _Lock(self)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Every `ThreadPoolExecutor` runs its work here: Python's own is replaced, nothing of ours."""
        kept = ThreadPoolExecutor.submit, ThreadPoolExecutor.shutdown
        pools: dict[ThreadPoolExecutor, _Pool] = {}

        def submit(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
            ours = pools.setdefault(pool, _Pool(self, pool._max_workers))
            return ours.submit(lambda: work(*args, **named))

        def shutdown(pool: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
            if (ours := pools.pop(pool, None)) is not None:
                ours.shutdown(cancel=cancel_futures)

        ThreadPoolExecutor.submit, ThreadPoolExecutor.shutdown = submit, shutdown  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            ThreadPoolExecutor.submit, ThreadPoolExecutor.shutdown = kept  # type: ignore[method-assign]

    def start(self, body: Callable[[], None]) -> None:
        thread = _Thread()

        def run() -> None:
            thread.turn.acquire()
            body()
            self._threads -= 1
            self._give_to(self._next())

        self._threads += 1
        self.most_threads = max(self.most_threads, self._threads)
        self._ready.append(thread)
        threading.Thread(target=run, daemon=True, name="virtual").start()

    def _let_others(self) -> None:
        me, chosen = self._current, self._next()
        if chosen is not me:
            self._give_to(chosen)
            me.turn.acquire()

    def _give_to(self, thread: _Thread) -> None:
        self._current = thread
        thread.turn.release()

    def _next(self) -> _Thread:
        for number, (holds, thread) in enumerate(self._waiting):
            if holds():
                del self._waiting[number]
                return thread
        if self._ready:
            return self._ready.popleft()
        if not self._sleeping:
            raise Stuck("everybody waits for somebody else")
        self.now, _, thread = heapq.heappop(self._sleeping)
        return thread


class _Lock:
    """Given to those who wait for it in the order in which they came."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._held = False
        self._queue: deque[_Thread] = deque()

    def __enter__(self) -> None:
        if self._held:
            self._queue.append(self._time._current)
            self._time._let_others()
        self._held = True

    def __exit__(self, *_exception: object) -> None:
        if self._queue:
            self._time._ready.append(self._queue.popleft())
        else:
            self._held = False


class _Pool:
    """So many threads as the executor was made with, and a queue."""

    def __init__(self, time: VirtualTime, threads: int) -> None:
        self.time = time
        self.failed = False
        self._threads = threads
        self._running = 0
        self._queue: deque[_Promise] = deque()

    def submit(self, work: Callable[[], Any]) -> "_Promise":
        promise = _Promise(self, work)
        self._queue.append(promise)
        if self._running < self._threads:
            self._running += 1
            self.time.start(self._work)
        return promise

    def shutdown(self, *, cancel: bool) -> None:
        while cancel and self._queue:
            promise = self._queue.popleft()
            promise.ended = True
            promise.cancel()
        self.time.wait_until(lambda: self._running == 0)

    def _work(self) -> None:
        while self._queue:
            self._queue.popleft().do()
        self._running -= 1


class _Promise(Future[Any]):
    """Whoever asks for it waits, in virtual time, until it has ended or something in its pool has failed."""

    def __init__(self, pool: _Pool, work: Callable[[], Any]) -> None:
        super().__init__()
        self.pool, self.ended, self._work = pool, False, work
        self._condition = _Asked(self)  # type: ignore[assignment]

    def do(self) -> None:
        try:
            result = self._work()
        except BaseException as error:
            self.ended = self.pool.failed = True
            self.set_exception(error)
        else:
            self.ended = True
            self.set_result(result)


class _Asked:
    """In the place of a future's condition: what takes it wants to know how the work ended."""

    def __init__(self, promise: _Promise) -> None:
        self._promise = promise

    def acquire(self) -> bool:
        promise = self._promise
        promise.pool.time.wait_until(lambda: promise.ended or promise.pool.failed)
        return True

    def release(self) -> None:
        pass

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exception: object) -> None:
        pass

    def notify_all(self) -> None:
        pass

    def wait(self, _timeout: float | None = None) -> bool:
        self._promise.pool.time.wait_until(lambda: self._promise.ended)
        return True
