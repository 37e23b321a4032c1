"""The folder in which everything of `release local` is, and who works with it."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from release.core.local import LocalFleet, Serving
from release.errors import Conflict, Misconfigured, Unavailable

FOLDER: Final = ".release-local"
_SERVING, _FLEET, _LOCK, _ALONE = "serving.json", "fleet.json", "server.lock", "up.lock"
_KEPT: Final = frozenset({_LOCK, _ALONE, ".gitignore", "server.log"})
_UP: Final = "release local up"
_PAUSE_SECONDS: Final = 0.05
_END_SECONDS: Final = 15.0
_CLAIM_SECONDS: Final = 0.5


class Workplace:
    """One for each work tree. It ignores itself in git.

    A lock says whether a server is alive, and the kernel frees it however that ends: what a crash has left
    is known by that, and removed by the next start.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self.folder = top / FOLDER
        self.sandbox = self.folder / "sandbox"
        self.packages = self.folder / "packages"
        self.databases = self.folder / "databases"
        self.server_log = self.folder / "server.log"

    def prepare(self) -> None:
        """Raises Misconfigured where nothing can be written."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            in_the_way = self.folder.exists() and not self.folder.is_dir()
            fix = f"move away what is called {FOLDER} there" if in_the_way else "make the work tree writable"
            raise Misconfigured(f"{self.folder} cannot be written: {error.strerror}", fix=fix) from error

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, nobody else brings it up or takes it down."""
        while True:
            self.prepare()
            path = self.folder / _ALONE
            with path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not _is_still(lock, path):  # whoever had it before has removed the folder
                    continue
                yield
                return

    def claim(self) -> IO[str]:
        """For the server: what is returned is kept until its end. Removes what a dead one has left.

        Raises Conflict when there is one already.
        """
        self.prepare()
        lock = (self.folder / _LOCK).open("a+")
        until = time.monotonic() + _CLAIM_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:  # perhaps of somebody who only looks, for a moment
                if time.monotonic() > until:
                    lock.close()
                    raise Conflict("another server has this work tree", fix=_UP) from error
            time.sleep(_PAUSE_SECONDS)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self.clear()
        return lock

    def holds(self, lock: IO[str]) -> bool:
        """Whether what was claimed is still there."""
        return _is_still(lock, self.folder / _LOCK)

    def serving(self) -> Serving | None:
        """The server that answers. None: there is none, or not yet."""
        if not self.is_claimed():
            return None
        document = self._read(_SERVING)
        return None if document is None else Serving(**document)

    def is_claimed(self) -> bool:
        """Whether a server is alive."""
        try:
            with (self.folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def require(self) -> tuple[Serving, LocalFleet]:
        """What stands. Raises Misconfigured when nothing does."""
        serving, fleet = self.serving(), self.fleet()
        if serving is None or fleet is None:
            raise Misconfigured("nothing runs here: the fleet is not up", fix=_UP, see=str(self.folder))
        return serving, fleet

    def fleet(self) -> LocalFleet | None:
        document = self._read(_FLEET)
        try:
            return None if document is None else LocalFleet.from_json(document)
        except (KeyError, TypeError):
            return None  # of another release: the next `up` writes it anew

    def write_serving(self, serving: Serving) -> None:
        self._write(_SERVING, asdict(serving))

    def write_fleet(self, fleet: LocalFleet) -> None:
        self._write(_FLEET, fleet.to_json())

    @property
    def fleet_file(self) -> Path:
        return self.folder / _FLEET

    def take_down(self) -> bool:
        """End the server and remove the folder. False: there was nothing. Call it `alone`.

        Raises Unavailable when the server does not end.
        """
        was_there = self.is_claimed() or self.fleet_file.exists()
        if not (self._ends_by(signal.SIGTERM) or self._ends_by(signal.SIGKILL)):
            raise Unavailable("the server does not end", fix="release local down", see=str(self.server_log))
        # Its sandbox and their handlers end when it has, by themselves, and may still write.
        for _ in range(20):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                break
            time.sleep(_PAUSE_SECONDS)
        return was_there

    def _ends_by(self, number: signal.Signals) -> bool:
        """Whether the server, if there is one, ends by this signal in time."""
        if not self.is_claimed():
            return True
        with contextlib.suppress(OSError, ValueError):  # gone meanwhile
            os.kill(int((self.folder / _LOCK).read_text(encoding="utf-8")), number)
        until = time.monotonic() + _END_SECONDS
        while self.is_claimed():
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE_SECONDS)
        return True

    def clear(self) -> None:
        """Remove what a server that is dead has left."""
        for path in self.folder.iterdir():
            if path.name in _KEPT:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        path = self.folder / name
        written = path.with_suffix(f".{os.getpid()}.new")
        written.write_text(json.dumps(document, indent=2, sort_keys=True), encoding="utf-8")
        written.replace(path)


def _is_still(lock: IO[str], path: Path) -> bool:
    try:
        return os.fstat(lock.fileno()).st_ino == path.stat().st_ino
    except OSError:
        return False
