"""Runs the programs that build: no shell, a clean environment, a time limit, and a log that may be shown."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from release.core.reasons import redacted

_SHOWN_BYTES = 64 * 1024  # of the end of a log
_SHOWN_LINES = 30
_LONGEST_LOG = 16 * 1024 * 1024  # bytes; a program that never stops talking must not fill the disk
_LOOK = 0.25  # seconds between looks at the log
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
_running: set[int] = set()  # ids of process groups
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Ended:
    code: int | None  # None: it did not end in time and was stopped, with all that it had started
    log: str  # the end of what it wrote to both streams

    def tail(self, hide: Path) -> Sequence[str]:
        """The last lines, as `lines` gives them."""
        return self.lines(hide)[-_SHOWN_LINES:]

    def lines(self, hide: Path) -> Sequence[str]:
        """What a message may hold of it: without empty lines, colours, secrets and the temporary folder."""
        text = _COLOURS.sub("", self.log).replace(f"{hide}/", "")
        lines = [
            "".join(character if character.isprintable() else " " for character in line).rstrip()
            for line in text.splitlines()
        ]
        return [_indented(line) for line in lines if line.strip()]


def run(command: Sequence[str], *, folder: Path, environment: Mapping[str, str], seconds: float) -> Ended:
    """Run one program to its end. Raises OSError when it cannot be started.

    It leads a process group of its own: a compiler's children, too, end with its time, or with what ends us
    (`side_by_side`).
    """
    with tempfile.TemporaryFile() as log:
        # So that what comes after a cut stands at the new end.
        fcntl.fcntl(log, fcntl.F_SETFL, fcntl.fcntl(log, fcntl.F_GETFL) | os.O_APPEND)
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _lock:
            _running.add(process.pid)
        try:
            code = _wait(process, log, seconds)
        finally:
            # What it left behind would write into a folder that is about to go.
            _kill(process.pid)
            process.wait()
            with _lock:
                _running.discard(process.pid)
        return Ended(code, _end_of(log).decode(errors="replace"))


def _wait(process: "subprocess.Popen[bytes]", log: IO[bytes], seconds: float) -> int | None:
    """Exit code. None: it has not ended in time."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            return process.wait(min(left, _LOOK))
        except subprocess.TimeoutExpired:
            if os.fstat(log.fileno()).st_size > _LONGEST_LOG:
                end_of_log = _end_of(log)
                log.truncate(0)
                os.write(log.fileno(), end_of_log)
    return process.poll()


def side_by_side(work: Callable[[_Item], _Made], items: Iterable[_Item], *, at_once: int) -> Sequence[_Made]:
    """What `work` gives for each item, so many at a time, each on a thread of its own.

    A signal that ends us (Ctrl-C, or the end of a cancelled job) ends every program that runs, which it would
    not reach in groups of their own; what has not begun does not begin. Then the signal does what it does
    elsewhere.

    To raise where it comes in would be simpler, and hang at times: a thread that begins to wait without a
    limit just then does not wake up for it, and an exception may leave a lock of the pool closed.
    """
    signals: list[signal.Signals] = []

    def unless_ended(item: _Item) -> _Made:
        if signals:
            raise CancelledError
        return work(item)

    with _noted(signals), ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(unless_ended, item) for item in items]
        while wait(futures, timeout=_LOOK).not_done:
            if signals:
                _end_all()
    return [future.result() for future in futures]


@contextlib.contextmanager
def _noted(signals: list[signal.Signals]) -> Iterator[None]:
    """Within it, what would end us is only noted; it does at the end of it."""
    if threading.current_thread() is not threading.main_thread():  # no signal comes to any other
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup says
            signal.signal(number, lambda number, _frame: signals.append(signal.Signals(number)))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if signals:
            signal.raise_signal(signals[0])


def _end_all() -> None:
    with _lock:
        for group in _running:
            _kill(group)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _end_of(log: IO[bytes]) -> bytes:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _SHOWN_BYTES))
    return log.read()


def _indented(line: str) -> str:
    """`redacted` keeps one space of many; what a compiler points at stands below a certain column."""
    return line[: len(line) - len(line.lstrip())] + redacted(line)
