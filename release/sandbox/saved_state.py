"""A root folder whose AWS is there again at the next start: one server at a time, of one ministack.

ministack writes the state of its services when it ends in peace, and reads it when it starts. What it wrote
belongs to its version, and two servers on one folder would overwrite each other: both are refused here.

It goes on where it cannot read or write a file, and says so in its log alone; the next save would then put
what it has in the place of what was there. So it is heard here: what cannot be read is refused, and until a
save is complete a copy of the state of before is kept, which the next start takes.
"""

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from release.errors import Conflict, Misconfigured, Unavailable

_FORMAT = 1
_STATE, _BEFORE, _UNFINISHED = "state", "state.before", "state.unfinished"
_MAKE_ROOM = "make room there, or make it writable; the next start goes on from where this one began"


class _Failures(logging.Handler):
    """What ministack could not read or write of its state."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.name == "persistence" or "persisted state" in message:
            self.said.append(message.removeprefix("Persistence: "))


@dataclass(frozen=True, slots=True)
class SavedState:
    """A root that is locked for this server. `port` is the one of the last start, None before the first.

    Queues are saved with their URL, so the server tries to be where it was.
    """

    root: Path
    port: int | None
    _lock: IO[str]
    _failures: _Failures = field(default_factory=_Failures)

    def environment(self) -> dict[str, str]:
        """What ministack must find in its environment while it is imported."""
        return {"PERSIST_STATE": "1", "S3_PERSIST": "1"}

    def begin(self, port: int) -> None:
        """Before ministack reads the state. Raises Misconfigured when the root cannot be written."""
        with _writing(self.root):
            _write_label(self.root, port)
            shutil.rmtree(self.root / _UNFINISHED, ignore_errors=True)
            (self.root / _STATE).mkdir(exist_ok=True)
            shutil.copytree(self.root / _STATE, self.root / _UNFINISHED)
            (self.root / _UNFINISHED).rename(self.root / _BEFORE)
        for name in ("persistence", "ministack"):
            logging.getLogger(name).addHandler(self._failures)

    def require_read(self) -> None:
        """After ministack has read the state. Raises Misconfigured unless it has all of it."""
        if self._failures.said:
            raise self.damaged(self._failures.said[0])

    def document(self, name: str) -> Any:
        """What `keep` was given by the last server; None: nothing. Raises Misconfigured when it is
        damaged.
        """
        path = self.root / _STATE / f"{name}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        except (OSError, ValueError) as error:
            raise self.damaged(f"{path.name}: {error}") from error

    def damaged(self, what: str) -> Misconfigured:
        """The refusal of a state that cannot be read. A person may mend it, so what is there stays."""
        self._forget_before()  # or what a person mends would be replaced by it
        return Misconfigured(
            f"the state in {self.root / _STATE} is damaged: {what}",
            fix=f"delete the file to go on without it, or all of {self.root} to begin anew",
        )

    def keep(self, name: str, document: Any) -> None:
        """Beside what ministack saves, before `end`. Raises Unavailable."""
        try:
            (self.root / _STATE / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
        except OSError as error:
            raise Unavailable(
                f"the state in {self.root} could not be saved: {error.strerror or error}",
                fix=_MAKE_ROOM,
            ) from error

    def end(self) -> None:
        """After ministack has saved the state. Raises Unavailable unless it has saved all of it."""
        if self._failures.said:
            raise Unavailable(
                f"the state in {self.root} could not be saved: {self._failures.said[0]}",
                fix=_MAKE_ROOM,
            )
        self._forget_before()

    def _forget_before(self) -> None:
        (self.root / _BEFORE).rename(self.root / _UNFINISHED)
        shutil.rmtree(self.root / _UNFINISHED, ignore_errors=True)


def claim(root: Path) -> SavedState:
    """Locks the root for as long as what is returned is kept, at most until this process ends.

    Raises Conflict when another server has it, Misconfigured when another ministack has written it or when
    nothing can be written there.
    """
    with _writing(root):
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / "state.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise Conflict(
            f"another sandbox works with the saved state in {root}",
            fix="end that one, or give this one a root of its own",
        ) from error
    try:
        port = _port_of(root)
        if (root / _BEFORE).exists():  # the last server did not end in peace
            with _writing(root):
                if (root / _STATE).exists():
                    shutil.rmtree(root / _STATE)
                (root / _BEFORE).rename(root / _STATE)
        return SavedState(root, port, lock)
    except BaseException:
        lock.close()
        raise


def _port_of(root: Path) -> int | None:
    label = _label(root)
    if not label.exists():
        if any((root / _STATE).glob("*.json")):
            raise Misconfigured(
                f"{root} holds a state that does not say which ministack wrote it",
                fix=f"give the sandbox another root, or delete {root / _STATE} and {root / 's3'}",
            )
        return None
    installed = metadata.version("ministack")
    try:
        said = json.loads(label.read_text(encoding="utf-8"))
        written_by, port = str(said["ministack"]), int(said["port"])
        known = said["format"] == _FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"{label} is damaged: {error!r}",
            fix=f"give the sandbox another root, or delete {root}",
            see=str(label),
        ) from error
    if not known or written_by != installed:
        raise Misconfigured(
            f"the state in {root} was saved by ministack {written_by}; this is ministack {installed}",
            fix=f"install ministack {written_by}, or give the sandbox another root",
            see=str(label),
        )
    return port if 0 < port < 65536 else None


def _write_label(root: Path, port: int) -> None:
    """All of it or nothing: without it a state cannot be read."""
    said = {"format": _FORMAT, "ministack": metadata.version("ministack"), "port": port}
    written = _label(root).with_suffix(".new")
    with written.open("w", encoding="utf-8") as file:
        json.dump(said, file)
        file.flush()
        os.fsync(file.fileno())
    written.replace(_label(root))


def _label(root: Path) -> Path:
    return root / "saved-state.json"


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Misconfigured(
            f"{root} cannot be written: {error.strerror or error}", fix="give the sandbox another folder"
        ) from error
