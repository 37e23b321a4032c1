"""Warm execution environments: handlers run in processes of this machine's Python. No emulator internals.

Concurrent invocations of one version get separate processes, as on AWS. A handler sees its zip, its layers
and the packages of the managed runtime, nothing else, so a forgotten dependency fails here as it does there.
"""

import importlib
import importlib.util
import io
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from release.sandbox.options import DEFAULT_MAX_WARM
from release.sandbox.worker import Outcome, Program, Worker

_RUNTIME_PACKAGES = (
    *("awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"),
)
_MAX_PER_PROGRAM = 8
_WAIT_FOR_WORKER_SECONDS = 30.0


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
        self._runtime = runtime_folder(root / "runtime")
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

    def _take(self, program: Program) -> Worker:
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
            root, search = self._search(program)
            return Worker(program, root, search, pure_python=self._pure_python)
        except BaseException:
            with self._changed:
                self._forget(program)
            raise

    def _search(self, program: Program) -> tuple[Path, Sequence[Path]]:
        """Where it starts, and where it finds what it imports."""
        if program.folders:
            return program.folders[0], [*program.folders, self._runtime]
        folders = [self._extract(zipped) for zipped in (program.code, *program.layers)]
        return folders[0], [folders[0], *(folder / "python" for folder in folders[1:]), self._runtime]

    def _give_back(self, worker: Worker) -> None:
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


def _has_native_client() -> bool:
    """Whether AWS's runtime client works here: there is none for macOS, nor for every libc."""
    if importlib.util.find_spec("awslambdaric") is None:
        return False
    try:
        importlib.import_module("runtime_client")
    except ImportError:
        return False
    return True


def runtime_folder(folder: Path) -> Path:
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
