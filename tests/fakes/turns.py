"""Threads that take turns: one runs at a time, and a seed decides which goes on at every call to the outside.

What the code under test gives to a `ThreadPoolExecutor` inside `Turns.in_force()` runs here, so that a run is
the same every time and virtual time passes instead of real time. Switches happen in `pause` and `sleep` only:
the fakes call one of them at every call of a port.
"""

import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any

LATENCY = 0.05  # virtual seconds that a call takes


class Stuck(AssertionError):
    """Everybody waits for somebody else."""


class Task:
    """One thread, and what it waits for."""

    def __init__(self, process: object) -> None:
        self.process = process  # of the tool, in the world of the test
        self.ready_at = 0.0
        self.until: Callable[[], bool] | None = None
        self.turn = threading.Lock()
        self.turn.acquire()


class Turns:
    """The order of everything, and the time.

    `interleaved`: tasks of a pool go on in turns, each in a thread. Otherwise they run one after the other,
    in an order that the seed gives, which is much faster and finds less.
    """

    def __init__(self, seed: int, *, interleaved: bool = True) -> None:
        self.random = Random(seed)  # noqa: S311 - an order, not a secret
        self.interleaved = interleaved
        self.now = 0.0
        self.interrupt: Callable[[], None] = lambda: None  # raises in the thread that waits for a pool
        self._stuck = False
        self._current = Task(None)
        self._tasks = [self._current]

    @property
    def process(self) -> object:
        """On whose behalf the running thread acts."""
        return self._current.process

    @contextmanager
    def acting_for(self, process: object) -> Iterator[None]:
        task, before = self._current, self._current.process
        task.process = process
        try:
            yield
        finally:
            task.process = before

    def pause(self) -> None:
        """A call to the outside takes its time; others may go on meanwhile."""
        self.now += LATENCY
        if len(self._tasks) > 1:
            self._let_others()

    def sleep(self, seconds: float) -> None:
        self._current.ready_at = self.now + seconds
        self._let_others()

    def spawn(self, process: object, program: Callable[[], object]) -> None:
        """A program that runs beside this one. It must not raise."""
        task = Task(process)

        def run() -> None:
            program()
            self._end(task)

        self._start(task, run)

    def join(self) -> None:
        """Until nobody but the caller is left."""
        self.wait_until(lambda: len(self._tasks) == 1)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        if not holds():
            self._current.until = holds
            self._let_others()

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Every `ThreadPoolExecutor` runs its work here. The executor is Python's own: nothing of ours is
        replaced, and the code under test is the one that ships.
        """
        kept = ThreadPoolExecutor.submit, ThreadPoolExecutor.shutdown
        pools: dict[ThreadPoolExecutor, list[_Promise]] = {}

        def submit(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
            promise = _Promise(self, lambda: work(*args, **named), pools.setdefault(pool, []))
            return promise

        def shutdown(pool: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
            promises = pools.pop(pool, [])
            for promise in promises:
                if cancel_futures:
                    promise.cancel()
            for promise in promises if wait else ():
                promise.finish(all_of_them=True, interruptible=False)

        ThreadPoolExecutor.submit, ThreadPoolExecutor.shutdown = submit, shutdown  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            ThreadPoolExecutor.submit, ThreadPoolExecutor.shutdown = kept  # type: ignore[method-assign]

    # -- whose turn it is -----------------------------------------------------------------------------------

    def _start(self, task: Task, run: Callable[[], None]) -> None:
        def body() -> None:
            task.turn.acquire()
            run()

        self._tasks.append(task)
        _run_in_thread(body)

    def _end(self, task: Task) -> None:
        self._tasks.remove(task)
        self._give_to(self._next(None))

    def _let_others(self) -> None:
        me = self._current
        chosen = self._next(me)
        if chosen is not me:
            self._give_to(chosen)
            me.turn.acquire()
        if self._stuck:
            raise Stuck(f"{len(self._tasks)} threads wait for each other")

    def _give_to(self, task: Task) -> None:
        self._current = task
        task.turn.release()

    def _next(self, me: Task | None) -> Task:
        able = [task for task in self._tasks if task.until is None or task.until()]
        if not able:
            self._stuck = True
            return self._tasks[0]  # the thread of the test, which says so
        ready = [task for task in able if task.ready_at <= self.now]
        if not ready:
            first = min(able, key=lambda task: task.ready_at)
            self.now, ready = first.ready_at, [first]
        # Long runs of one thread and quick changes both happen, and each costs what it is worth.
        chosen = me if me in ready and self.random.random() < 0.6 else self.random.choice(ready)
        assert chosen is not None
        chosen.until = None
        return chosen


class _Promise(Future[Any]):
    """The result of work that a pool was given. Whoever asks for it lets it be done first."""

    def __init__(self, turns: Turns, work: Callable[[], Any], pool: list["_Promise"]) -> None:
        super().__init__()
        self._turns, self._work, self._pool = turns, work, pool
        self.begun = self.ended = self.failed = False
        self._condition = _Asked(self)  # type: ignore[assignment]
        pool.append(self)
        if turns.interleaved:
            task = Task(turns.process)

            def run() -> None:
                if not self.begun:
                    self.begun = True
                    self._do()
                turns._end(task)

            turns._start(task, run)

    def finish(self, *, all_of_them: bool = False, interruptible: bool = True) -> None:
        """Until all work of the pool is done, or a piece of it has failed: `wait` may want to know that.

        Not only until this piece is: `wait` asks for one after the other in the order of their addresses, and
        a seed would not give the same order every time.
        """
        while not self._settled(all_of_them):
            if interruptible:
                self._turns.interrupt()
            waiting = [promise for promise in self._pool if not promise.begun]
            if waiting and not self._turns.interleaved:
                chosen = self._turns.random.choice(waiting)
                chosen.begun = True
                contextvars.Context().run(chosen._do)  # a worker has a context of its own
            else:
                self._turns.wait_until(lambda: self._settled(all_of_them))

    def _settled(self, all_of_them: bool) -> bool:
        if all(promise.ended for promise in self._pool):
            return True
        return not all_of_them and any(promise.failed for promise in self._pool)

    def cancel(self) -> bool:
        """Work that has not begun never does; what has begun goes on."""
        if self.begun and not self.ended:
            return False
        self.begun = self.ended = True
        return super().cancel()

    def _do(self) -> None:
        try:
            result = self._work()
        except BaseException as error:
            self.ended = self.failed = True
            self.set_exception(error)
        else:
            self.ended = True
            self.set_result(result)


class _Asked:
    """In the place of a future's condition: what takes it wants to know how the work ended."""

    def __init__(self, promise: _Promise) -> None:
        self._promise = promise
        self._real = threading.Condition()

    def acquire(self) -> bool:
        if not self._promise.ended:
            self._promise.finish()
        return self._real.acquire()

    def release(self) -> None:
        self._real.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exception: object) -> None:
        self.release()

    def notify_all(self) -> None:
        self._real.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Of a result that is wanted although another piece of work has failed."""
        self._real.release()
        try:
            self._promise.finish(all_of_them=True)
        finally:
            self._real.acquire()
        return True


class _Thread:
    """A thread that is used again: starting one takes longer than most tasks."""

    def __init__(self) -> None:
        self.body: Callable[[], None] = lambda: None
        self.wake = threading.Lock()
        self.wake.acquire()
        threading.Thread(target=self._loop, daemon=True, name="turns").start()

    def _loop(self) -> None:
        while True:
            self.wake.acquire()
            contextvars.Context().run(self.body)
            _idle.append(self)


_idle: list[_Thread] = []


def _run_in_thread(body: Callable[[], None]) -> None:
    try:
        thread = _idle.pop()
    except IndexError:
        thread = _Thread()
    thread.body = body
    thread.wake.release()
