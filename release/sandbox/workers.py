"""Warm execution environments: handlers run in processes of this machine's Python. No emulator internals.

Concurrent invocations of one version get separate processes, as on AWS. A handler sees its zip, its layers
and the packages of the managed runtime, nothing else, so a forgotten dependency fails here as it does there.
"""

import contextlib
import importlib
import importlib.util
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Protocol, cast

from release.sandbox.options import DEFAULT_MAX_WARM
from release.sandbox.runtime_api import Invocation, Reply, RuntimeApi

_RUNTIME_PACKAGES = (
    *("awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"),
)
_INIT_SECONDS = 10.0  # AWS gives the init phase 10 s; it does not count against the function's timeout
# 6 MB and some bytes round it: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST_RESPONSE = 6_291_556
_MAX_PER_PROGRAM = 8
_WAIT_FOR_WORKER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Program:
    """What an execution environment runs. Equal programs share warm workers.

    `code` and `layers` are zips; `digest` stands for their bytes.
    """

    version_arn: str
    handler: str
    timeout_seconds: float
    environment: tuple[tuple[str, str], ...]
    digest: str
    code: bytes = field(compare=False, repr=False)
    layers: tuple[bytes, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation gave: the payload, whether it is an error, what the handler printed meanwhile."""

    payload: bytes
    failed: bool
    log: str


class NoWorkerFree(Exception):
    """Every worker of the program stayed busy for too long; the invocation counts as throttled."""


class Warm(Protocol):
    """An idle process of somebody else that counts against the same cap."""

    @property
    def last_used(self) -> float:
        """Seconds since 1970."""

    def stop(self) -> None: ...


class WorkerPool:
    """Starts, reuses and ends workers.

    `root` is a folder of its own for the extracted code. At most `max_warm` idle processes are kept for
    later, those that `others` tells of included; the one that was used longest ago ends first. Without
    `pure_python` it takes AWS's runtime client where that works.
    """

    def __init__(
        self,
        root: Path,
        *,
        max_warm: int = DEFAULT_MAX_WARM,
        pure_python: bool | None = None,
        others: Callable[[], Sequence[Warm]] = tuple,
    ) -> None:
        self._root = root
        self._max_warm = max_warm
        self._others = others
        self._pure_python = not _has_native_client() if pure_python is None else pure_python
        self._runtime = _runtime_folder(root / "runtime")
        self._changed = threading.Condition()
        self._idle: list[Worker] = []  # the one used longest ago comes first
        self._count: dict[Program, int] = {}
        self._extracting = threading.Lock()

    def invoke(self, program: Program, request_id: str, payload: bytes, function_arn: str) -> Outcome:
        """Runs the handler once. Raises NoWorkerFree when all workers of the program stay busy."""
        worker = self._take(program)
        try:
            return worker.invoke(request_id, payload, function_arn)
        finally:
            self._give_back(worker)

    def trim(self) -> None:
        """Ends the idle processes that are too many, those used longest ago first."""
        retired: list[Warm] = []
        with self._changed:
            idle: list[Warm] = [*self._idle, *self._others()]
            idle.sort(key=lambda one: one.last_used)
            retired = idle[: max(0, len(idle) - self._max_warm)]
            for worker in [one for one in self._idle if one in retired]:
                self._idle.remove(worker)
                self._forget(worker.program)
            self._changed.notify_all()
        for gone in retired:
            gone.stop()

    def close(self) -> None:
        """Ends every idle worker; busy ones end with this process."""
        with self._changed:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.stop()
        for worker in idle:
            worker.await_end()

    def _take(self, program: Program) -> "Worker":
        deadline = time.monotonic() + _WAIT_FOR_WORKER_SECONDS
        with self._changed:
            while True:
                for worker in reversed(self._idle):
                    if worker.program == program:
                        self._idle.remove(worker)
                        if worker.is_alive():
                            return worker
                        self._forget(program)
                if self._count.get(program, 0) < _MAX_PER_PROGRAM:
                    self._count[program] = self._count.get(program, 0) + 1
                    break
                if not self._changed.wait(deadline - time.monotonic()):
                    raise NoWorkerFree(program.version_arn)
        try:
            folders = [self._extract(zipped) for zipped in (program.code, *program.layers)]
            search = [folders[0], *(folder / "python" for folder in folders[1:]), self._runtime]
            return Worker(program, folders[0], search, pure_python=self._pure_python)
        except BaseException:
            with self._changed:
                self._forget(program)
            raise

    def _give_back(self, worker: "Worker") -> None:
        worker.last_used = time.time()
        with self._changed:
            if alive := worker.is_alive():
                self._idle.append(worker)
            else:
                self._forget(worker.program)
            self._changed.notify_all()
        if not alive:
            worker.stop()  # whatever it had started
        self.trim()

    def _forget(self, program: Program) -> None:
        self._count[program] -= 1
        if not self._count[program]:
            del self._count[program]

    def _extract(self, zipped: bytes) -> Path:
        folder = self._root / "code" / sha256(zipped).hexdigest()
        with self._extracting:
            if not folder.exists():
                partial = folder.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)  # of a zip that could not be read to its end
                with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
                    for member in archive.infolist():
                        # Its name may lead out of the folder; where it was put does not.
                        extracted = Path(archive.extract(member, partial))
                        if mode := member.external_attr >> 16 & 0o777:
                            extracted.chmod(mode | (0o700 if member.is_dir() else 0o600))
                partial.mkdir(parents=True, exist_ok=True)
                partial.rename(folder)
        return folder


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

    def invoke(self, request_id: str, payload: bytes, function_arn: str) -> Outcome:
        timeout = self.program.timeout_seconds
        invocation = Invocation(request_id, payload, function_arn, timeout)
        reply = self._api.invoke(invocation, init_seconds=_INIT_SECONDS)
        if reply is None:
            self.stop()
            reply = _timed_out(request_id, timeout)
        elif len(reply.payload) > LARGEST_RESPONSE:
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
    message = f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes)."
    said = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
    return Reply(json.dumps(said).encode(), failed=True)


def _has_native_client() -> bool:
    """Whether AWS's runtime client works here: there is none for macOS, nor for every libc."""
    if importlib.util.find_spec("awslambdaric") is None:
        return False
    try:
        importlib.import_module("runtime_client")
    except ImportError:
        return False
    return True


def _runtime_folder(folder: Path) -> Path:
    """A folder of links to what the managed Python runtime ships with: all a handler sees but its own zip."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _RUNTIME_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        package = origin.parent if origin.name == "__init__.py" else origin
        (folder / package.name).symlink_to(package)
    return folder
