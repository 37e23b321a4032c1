"""The CLI as a process in a group of its own, which can be killed with all that it started."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.forks import Fork, Starter

_TIMEOUT = 120.0  # a busy machine is no failure


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str
    at: float  # seconds since 1970

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"release {' '.join(self.words)} ended with {self.code}\n{self.out}\n{self.err}"


class Running:
    """A command in a process group of its own."""

    def __init__(
        self,
        words: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        log: Path,
        starter: Starter | None = None,
    ) -> None:
        self.words = tuple(words)
        self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
        self._process: subprocess.Popen[bytes] | Fork
        with self._out.open("wb") as out, self._err.open("wb") as err:
            if starter is not None and starter.suits(environment):
                self._process = starter.start(words, cwd, environment, self._out, self._err)
            else:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "release", *words],
                    cwd=cwd,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self, seconds: float = _TIMEOUT) -> Ended:
        """Fails when the command is still at work after that time."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end after {seconds:.0f} s: {self._said(-9)}") from None
        return self._said(code)

    def kill(self) -> Ended:
        """SIGKILL for the process and all that it started, git and hooks included."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        return self._said(self._process.wait(10))

    def interrupt(self) -> None:
        """What Ctrl-C does, to the command alone."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """Leave nothing of the group behind, also where its first process is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def _said(self, code: int) -> Ended:
        out, err = (path.read_text(encoding="utf-8") for path in (self._out, self._err))
        return Ended(self.words, code, out, err, time.time())
