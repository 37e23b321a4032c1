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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from release.core.reasons import redacted

_SHOWN_BYTES = 64 * 1024  # of the end of a log
_SHOWN_LINES = 30
_LONGEST_LOG = 16 * 1024 * 1024  # bytes; a program that never stops talking must not fill the disk
_LOOK = 0.25  # seconds between looks at the log
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")

_running: set[int] = set()  # ids of process groups
_endings = 0  # calls of end_all; whoever started a program across one ends it
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

    It leads a process group of its own: a compiler's children, too, end with its time, or with `end_all`.
    """
    with tempfile.TemporaryFile() as log:
        # So that what comes after a cut stands at the new end.
        fcntl.fcntl(log, fcntl.F_SETFL, fcntl.fcntl(log, fcntl.F_GETFL) | os.O_APPEND)
        begun = _endings
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
            if begun != _endings:
                _kill(process.pid)
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


@contextlib.contextmanager
def ended_with_us() -> Iterator[None]:
    """Within it, an interrupt ends every program, too: Ctrl-C does not reach groups of their own."""
    try:
        yield
    except BaseException:
        end_all()
        raise


def end_all() -> None:
    """Stop every program that runs."""
    global _endings
    with _lock:
        _endings += 1
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
