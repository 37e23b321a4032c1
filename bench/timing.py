"""Times contenders in turn, A B C A B C, so that what else the machine does hits all of them alike."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.model import Absent, Command, Contender


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is spent on a row."""

    rounds: int
    limit_seconds: float = 120.0  # for one run; what takes longer is ended and reported as longer
    budget_seconds: float = 30.0  # for one contender; when it is used up, three rounds are enough
    enough_rounds: int = 3


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds of one run: by the clock, and of processor time in it and its children."""

    seconds: float
    cpu_seconds: float


@dataclass(slots=True)
class Timed:
    """The runs of one contender by the number of their round. `over` is the limit that a run went over."""

    contender: Contender
    runs: dict[int, Run] = field(default_factory=dict)
    over: float | None = None
    spent: float = 0.0


class Failed(Exception):
    """A contender did not do its work: an exit code or an answer that is not the expected one."""


def time_in_turn(
    contenders: Sequence[Contender | Absent],
    effort: Effort,
    environment: Mapping[str, str],
    progress: Callable[[str], None],
) -> list[Timed | Absent]:
    """Warm up and time every contender. One that fails, or answers something else, becomes Absent."""
    results: list[Timed | Absent] = [
        one if isinstance(one, Absent) else _warmed(one, effort, environment, progress) for one in contenders
    ]
    for number in range(effort.rounds):
        for position, timed in enumerate(results):
            if isinstance(timed, Absent) or _has_enough(timed, number, effort):
                continue
            try:
                _one_round(timed, number, effort, environment)
            except Failed as failed:
                results[position] = _absent(timed.contender, failed)
        progress(f"round {number + 1} of {effort.rounds}")
    return results


def _warmed(
    contender: Contender, effort: Effort, environment: Mapping[str, str], progress: Callable[[str], None]
) -> Timed | Absent:
    """The first run writes missing bytecode, fills the page cache, and shows that the work is done."""
    progress(f"warming up {contender.name}")
    timed = Timed(contender)
    try:
        run = _run(contender, effort.limit_seconds, environment)
    except Failed as failed:
        return _absent(contender, failed)
    if run is None:
        timed.over = effort.limit_seconds
    elif run.seconds >= effort.budget_seconds:
        # Bytecode and page cache are worth nothing beside so long a run: it counts, and is not repeated.
        timed.runs[0] = run
        timed.spent = run.seconds
    return timed


def _has_enough(timed: Timed, number: int, effort: Effort) -> bool:
    if timed.over is not None or number in timed.runs:
        return True
    spent_all = timed.spent >= effort.budget_seconds
    return spent_all and (len(timed.runs) >= effort.enough_rounds or timed.spent >= 3 * effort.budget_seconds)


def _one_round(timed: Timed, number: int, effort: Effort, environment: Mapping[str, str]) -> None:
    run = _run(timed.contender, effort.limit_seconds, environment)
    if run is None:
        timed.over = effort.limit_seconds
        timed.runs.clear()
        return
    timed.runs[number] = run
    timed.spent += run.seconds


def _run(contender: Contender, limit: float, environment: Mapping[str, str]) -> Run | None:
    """None: it took longer than the limit. Raises Failed."""
    if contender.before is not None:
        contender.before()
    seconds = cpu = 0.0
    said = ""
    for command in contender.commands:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            began = time.perf_counter()
            process = _started(command, environment, out.fileno(), err.fileno())
            code, used = _ended(process, max(limit - seconds, 0.1))
            seconds += time.perf_counter() - began
            if code is None:
                return None
            cpu += used
            out.seek(0)
            err.seek(0)
            said = (out.read() + b"\n" + err.read()).decode("utf-8", "replace")
            if code != 0:
                raise Failed(f"exit code {code}: {_telling(said)}")
    if re.search(contender.shows, said) is None:
        raise Failed(f"it answered {_telling(said)!r}, which is not {contender.shows!r}")
    if contender.says_seconds is not None:
        found = re.search(contender.says_seconds, said)
        if found is None:
            raise Failed(f"it answered {_telling(said)!r}, without its time")
        seconds = float(found[1])
    return Run(seconds, cpu)


def _started(
    command: Command, environment: Mapping[str, str], out: int, err: int
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command.argv,
            cwd=command.folder,
            env={**environment, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            process_group=0,  # so that what it started ends with it
        )
    except OSError as error:
        raise Failed(f"{command.argv[0]} cannot be started: {error.strerror}") from error


def _ended(process: "subprocess.Popen[bytes]", limit: float) -> tuple[int | None, float]:
    """Exit code, None for what went over the limit, and the processor time of process and children.

    Popen.wait with a time-out looks every 50 ms, which is as much as some contenders take: hence the timer.
    """
    late = threading.Event()

    def stop() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(limit, stop)
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        _kill(process)
        process.wait()
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return None if late.is_set() else process.returncode, usage.ru_utime + usage.ru_stime


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _absent(contender: Contender, failed: Failed) -> Absent:
    return Absent(contender.name, contender.kind, str(failed))


def _telling(text: str) -> str:
    """The last line that says something, short enough for a table."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:120] if lines else "nothing"
