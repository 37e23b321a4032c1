"""A root folder whose AWS is there again at the next start: one server at a time, of one ministack.

ministack writes the state of its services when it ends in peace, and reads it when it starts. What it wrote
belongs to its version, and two servers on one folder would overwrite each other: both are refused here.
"""

import fcntl
import json
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO

from release.errors import Conflict, Misconfigured

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class SavedState:
    """A root that is locked for this server. `port` is the one of the last start, None before the first.

    Queues are saved with their URL, so the server tries to be where it was.
    """

    root: Path
    port: int | None
    _lock: IO[str]

    def environment(self) -> dict[str, str]:
        """What ministack must find in its environment while it is imported."""
        return {"PERSIST_STATE": "1", "S3_PERSIST": "1"}

    def note_port(self, port: int) -> None:
        """Keeps where the server is for the next start."""
        _write_label(self.root, port)


def claim(root: Path) -> SavedState:
    """Locks the root for as long as what is returned is kept, at most until this process ends.

    Raises Conflict when another server has it, Misconfigured when another ministack has written it.
    """
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
        return SavedState(root, _port_of(root), lock)
    except BaseException:
        lock.close()
        raise


def _port_of(root: Path) -> int | None:
    label = _label(root)
    if not label.exists():
        if any((root / "state").glob("*.json")):
            raise Misconfigured(
                f"{root} holds a state that does not say which ministack wrote it",
                fix=f"give the sandbox another root, or delete {root / 'state'} and {root / 's3'}",
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
    return port


def _write_label(root: Path, port: int) -> None:
    said = {"format": _FORMAT, "ministack": metadata.version("ministack"), "port": port}
    _label(root).write_text(json.dumps(said), encoding="utf-8")


def _label(root: Path) -> Path:
    return root / "saved-state.json"
