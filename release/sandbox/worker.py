"""One execution environment: a process that runs one version's handler, and what it prints."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from release.sandbox.runtime_api import Invocation, Reply, RuntimeApi

_INIT_SECONDS = 10.0  # AWS gives the init phase 10 s; it does not count against the function's timeout
_INIT_FROM_FOLDERS_SECONDS = 60.0  # what is being developed is compiled anew, beside all that a laptop does
# 6 MB and some bytes round it: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LARGEST_RESPONSE = 6_291_556


@dataclass(frozen=True, slots=True)
class Program:
    """What an execution environment runs. Equal programs share warm workers.

    `code` and `layers` are zips; `digest` stands for their bytes, or for the state of `folders`.
    """

    version_arn: str
    handler: str
    timeout_seconds: float
    environment: tuple[tuple[str, str], ...]
    digest: str
    code: bytes = field(compare=False, repr=False)
    layers: tuple[bytes, ...] = field(default=(), compare=False, repr=False)
    folders: tuple[Path, ...] = ()  # run from here in the place of `code`; the first is where it starts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation gave: the payload, whether it is an error, what the handler printed meanwhile."""

    payload: bytes
    failed: bool
    log: str


class Worker:
    """One execution environment: a process in a session of its own, and the Runtime API it talks to."""

    def __init__(
        self, program: Program, task_root: Path, search: Iterable[Path], *, pure_python: bool
    ) -> None:
        self.program = program
        self.last_used = time.time()
        self._api = RuntimeApi()
        environment = {
            **{name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": str(task_root),
            "PYTHONPATH": os.pathsep.join(map(str, search)),
            "LAMBDA_TASK_ROOT": str(task_root),
            **dict(program.environment),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "_HANDLER": program.handler,
        }
        if pure_python:
            environment["RELEASE_SANDBOX_PURE_PYTHON_RUNTIME"] = "1"
        # -S: without this environment's site-packages; -P: without the folder of worker_main.py.
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-P", str(Path(__file__).with_name("worker_main.py"))],
            cwd=task_root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._output = _Output(cast(IO[bytes], self._process.stdout))
        self._reaper = threading.Thread(target=self._reap, daemon=True, name="worker-reaper")
        self._reaper.start()

    def invoke(
        self, request_id: str, payload: bytes, function_arn: str, *, init_seconds: float | None = None
    ) -> Outcome:
        """`init_seconds`: how long it may take until the handler is imported; None: as long as on AWS."""
        if init_seconds is None:
            init_seconds = _INIT_FROM_FOLDERS_SECONDS if self.program.folders else _INIT_SECONDS
        timeout = self.program.timeout_seconds
        invocation = Invocation(request_id, payload, function_arn, timeout)
        reply = self._api.invoke(invocation, init_seconds=init_seconds)
        if reply is None:
            self.stop()
            reply = _timed_out(request_id, timeout)
        elif len(reply.payload) > _LARGEST_RESPONSE:
            reply = _too_large()
        return Outcome(reply.payload, reply.failed, self._output.take())

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Kills the process and whatever it started."""
        self._kill_group()
        self._process.wait()

    def await_end(self) -> None:
        """Returns when the process has ended and its port and pipes are free."""
        self._reaper.join()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _reap(self) -> None:
        status = self._process.wait()
        self._kill_group()
        self._output.await_end()
        exited = {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"Error: Runtime exited with error: exit status {status}",
        }
        self._api.reply(Reply(self._api.init_error or json.dumps(exited).encode(), failed=True))
        self._api.close()
        cast(IO[bytes], self._process.stdin).close()


class _Output:
    """Standard output and error of a worker: read all the time, so that no pipe fills."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        os.set_blocking(pipe.fileno(), False)
        self._lock = threading.Lock()
        self._collected = bytearray()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="worker-output")
        self._thread.start()

    def take(self) -> str:
        """All that was written up to now. A handler writes before it replies, so it is all here by then."""
        with self._lock:
            self._read_available()
            text = self._collected.decode("utf-8", errors="replace")
            self._collected.clear()
        return text

    def await_end(self) -> None:
        """Waits for the end of the output, but not for a process that left the session and still holds it."""
        self._thread.join(1)

    def _follow(self) -> None:
        while True:
            select.select([self._pipe], [], [])
            with self._lock:
                if not self._read_available():
                    self._pipe.close()
                    return

    def _read_available(self) -> bool:
        """False at the end of the output. The lock is held."""
        if self._pipe.closed:
            return False
        while True:
            try:
                chunk = os.read(self._pipe.fileno(), 65536)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._collected += chunk


def _timed_out(request_id: str, timeout_seconds: float) -> Reply:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    message = f"{now} {request_id} Task timed out after {timeout_seconds:.2f} seconds"
    return Reply(json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": message}).encode(), failed=True)


def _too_large() -> Reply:
    message = f"Response payload size exceeded maximum allowed payload size ({_LARGEST_RESPONSE} bytes)."
    said = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
    return Reply(json.dumps(said).encode(), failed=True)
