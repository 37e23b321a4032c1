"""Commands of the CLI as forks of one process that has imported it, with what a `Popen` offers."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_START_SECONDS = 120.0  # a busy machine is no failure
# What an interpreter reads when it starts, and never again.
_READ_AT_START = ("PYTHON", "LANG", "LC_", "LD_")


class Starter:
    """A process that has imported the CLI (`tests.e2e.starter`), and forks when it is asked."""

    def __init__(self, environment: Mapping[str, str], root: Path) -> None:
        self._read_at_start = _read_at_start(environment)
        self._folder = tempfile.TemporaryDirectory(prefix="starter-")  # the path of a socket has to be short
        self._socket = Path(self._folder.name) / "socket"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.starter", str(self._socket)],
            cwd=root,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a fork would know all that the environment says."""
        return _read_at_start(environment) == self._read_at_start

    def start(
        self, words: Sequence[str], cwd: Path, environment: Mapping[str, str], out: Path, err: Path
    ) -> "Fork":
        asked = {
            "words": list(words),
            "cwd": str(cwd),
            "environment": dict(environment),
            "out": str(out),
            "err": str(err),
        }
        return Fork(words, self._connect(), json.dumps(asked))

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(str(self._socket))
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                assert self._process.poll() is None, "the starter of commands has ended; it said why"
                assert time.monotonic() < deadline, "the starter of commands does not answer"
                time.sleep(0.02)
            else:
                return connection

    def end(self) -> None:
        """No more commands; those that run go on."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._folder.cleanup()


class Fork:
    """A command that was started so: what tests need of a `subprocess.Popen`."""

    def __init__(self, words: Sequence[str], connection: socket.socket, asked: str) -> None:
        self._words = tuple(words)
        self._connection = connection
        self._code: int | None = None
        connection.settimeout(_START_SECONDS)
        connection.sendall(asked.encode() + b"\n")
        self._answers = connection.makefile("rb", buffering=0)  # or both lines might come at once
        self.pid = int(self._answers.readline())

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float) -> int:
        if self._code is None:
            ready, _, _ = select.select([self._connection], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(self._words, timeout)
            self._code = int(self._answers.readline())
            self._answers.close()
            self._connection.close()
        return self._code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}
