"""Functions that run from folders in the place of their zips: what is saved is what the next call runs.

Whoever develops sets them at a door (doors.py). A function's stack, alias and version stay what they are.
"""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

_LOOK_SECONDS = 0.03
_UNREST_SECONDS = 2.0
_NO_CODE = frozenset({"tests", "events", "seed"})  # at the top of what is watched


@dataclass(frozen=True, slots=True)
class Source:
    """`folders` are searched for imports, in this order; the function starts in the first.

    A change of a file in one of `watched` means new code. `environment` wins over the function's own.
    """

    folders: tuple[Path, ...]
    watched: tuple[Path, ...]
    environment: Mapping[str, str]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Source":
        """Raises ValueError."""
        try:
            folders = tuple(Path(one) for one in document["folders"])
            watched = tuple(Path(one) for one in document["watched"])
            environment = {str(name): str(value) for name, value in document["environment"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a source has folders, watched and environment: {error!r}") from error
        if not folders or not all(one.is_absolute() for one in (*folders, *watched)):
            raise ValueError("a source has absolute folders, one at least")
        return cls(folders, watched, environment)


class Sources:
    """Which functions run from folders. Safe to share between threads; `bytecode` keeps what is compiled."""

    def __init__(self, bytecode: Path) -> None:
        self._bytecode = bytecode
        self._sources: dict[str, Source] = {}
        self._states: dict[tuple[Path, ...], str] = {}
        self._lock = threading.Lock()

    def set(self, documents: Mapping[str, Any]) -> None:
        """In the place of all before; names are "account/region/function". Raises ValueError."""
        sources = {name: Source.read(document) for name, document in documents.items()}
        with self._lock:
            self._sources = sources

    def of(self, account: str, region: str, function: str) -> Source | None:
        return self._sources.get(f"{account}/{region}/{function}")

    def state(self, source: Source) -> str:
        """Names the files as they are now. Waits, for a moment, until nobody is writing them any more."""
        found = _state(source.watched)
        with self._lock:
            if self._states.get(source.watched) in (found, None):
                self._states[source.watched] = found
                return found
            # An editor truncates before it writes, and a checkout changes many files.
            until = time.monotonic() + _UNREST_SECONDS
            while time.monotonic() < until:
                time.sleep(_LOOK_SECONDS)
                before, found = found, _state(source.watched)
                if before == found:
                    break
            self._states[source.watched] = found
            return found

    def environment(self, source: Source) -> Mapping[str, str]:
        """Nothing is left in the folders by who runs from them."""
        own = {"HOME": str(self._bytecode), "PYTHONPYCACHEPREFIX": str(self._bytecode)}
        return {**own, **source.environment}


def _state(folders: tuple[Path, ...]) -> str:
    digest = sha256()
    for folder in folders:
        for line in sorted(_files(folder, _NO_CODE)):
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(folder: Path | str, left_out: frozenset[str] = frozenset()) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name in left_out or entry.name == "__pycache__" or entry.name.startswith("."):
            continue
        try:
            if entry.is_dir():
                yield from _files(entry.path)
            else:
                found = entry.stat()
                yield f"{entry.path}\0{found.st_mtime_ns}\0{found.st_size}\n"
        except OSError:  # gone since it was listed
            continue


class FunctionLog:
    """What functions print, as a file of JSON lines: one for each invocation, when it has ended.

    A line has `time` (seconds since 1970), `function`, `version`, `request_id`, `failed` and `text`.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, function: str, version: str, request_id: str, text: str, *, failed: bool) -> None:
        line = {
            "time": time.time(),
            "function": function,
            "version": version,
            "request_id": request_id,
            "failed": failed,
            "text": text,
        }
        with self._lock:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
