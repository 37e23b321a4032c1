"""The artifact store in a folder: for one machine, a mounted share, and tests. Implements ports.Artifacts."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from release.core import canonical
from release.core.store_layout import digest_of, index_key, index_prefix, object_key, object_prefix
from release.errors import Misconfigured
from release.ports import Code, Indexed, ZipFile

_TEMPORARY = ".new-"


class FolderArtifacts:
    """Every method raises Misconfigured when the folder cannot be used. The region is of no matter: there is
    one place.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sound: dict[Path, tuple[int, int, int]] = {}  # files that were read and had their digest

    def put(self, data: bytes, *, kind: str) -> str:
        digest = canonical.sha256(data)
        path = self.folder / object_key(kind, digest)
        if not self._write_new(path, data) and self._read(path) != data:
            raise _damaged(path)
        return digest

    def get(self, digest: str, *, kind: str) -> bytes:
        path = self.folder / object_key(kind, digest)
        data = self._read(path)
        if data is None:
            raise Misconfigured(
                f"the {kind} {digest[:12]} is lost: there is no {path}",
                fix="restore it from a backup; a lost artifact is never built again under an old release",
                see=str(path),
            )
        if canonical.sha256(data) != digest:
            raise _damaged(path)
        return data

    def holds(self, digest: str, *, kind: str, region: str) -> bool:
        path = self.folder / object_key(kind, digest)
        try:
            facts = path.stat()
            now = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if self._sound.get(path) != now:
                with path.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                        raise _damaged(path)
                self._sound[path] = now
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unusable(error) from error
        return True

    def proves(self, digest: str, *, kind: str, region: str) -> bool:
        self._sound.pop(self.folder / object_key(kind, digest), None)
        return self.holds(digest, kind=kind, region=region)

    def index(self, name: str, key: str) -> str | None:
        path = self.folder / index_key(name, key)
        data = self._read(path)
        return None if data is None else _text(data, path)

    def index_once(self, name: str, key: str, value: str) -> str:
        path = self.folder / index_key(name, key)
        if self._write_new(path, value.encode()):
            return value
        winner = self._read(path)
        if winner is None:
            raise Misconfigured(
                f"{path} was written and removed again at the same moment",
                fix="let nothing but release write to this folder, and try again",
                see=str(path),
            )
        return _text(winner, path)

    def digests(self, prefix: str, *, kind: str) -> Sequence[str]:
        start = object_prefix(kind, prefix)
        found = (digest_of(f"{kind}/{path.name}") for path in self._listed(self.folder, f"{start}*"))
        return sorted(digest for digest in found if digest is not None)

    def indexed(self, name: str, under: str = "") -> Sequence[Indexed]:
        base = self.folder / index_prefix(name)
        found = [
            path for path in self._listed(self.folder / index_prefix(name, under), "**/*") if path.is_file()
        ]
        return sorted(
            (
                Indexed(path.relative_to(base).as_posix(), datetime.fromtimestamp(path.stat().st_mtime, UTC))
                for path in found
                if not path.name.startswith(_TEMPORARY)
            ),
            key=lambda one: one.key,
        )

    def code(self, digest: str, region: str) -> Code:
        return ZipFile(self.folder / object_key("zip", digest))

    def _write_new(self, path: Path, data: bytes) -> bool:
        """Write unless there is something; False when there is. A reader never sees half a file, not after a
        crash either.
        """
        if path.exists():
            return False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).chmod(0o444)
                path.hardlink_to(temporary)  # unlike a rename, a link never replaces what is there
            finally:
                Path(temporary).unlink(missing_ok=True)
            _sync_folder(path.parent)
        except FileExistsError:
            return False
        except OSError as error:
            raise self._unusable(error) from error
        return True

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error

    def _listed(self, folder: Path, pattern: str) -> Sequence[Path]:
        try:
            return list(folder.glob(pattern)) if folder.is_dir() else []
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> Misconfigured:
        return Misconfigured(
            f"the artifact store {self.folder} cannot be used: {error.strerror or error}",
            fix="make it a folder that you may write to, with space left and hard links, or choose another",
            see="pipelines/environments.yaml",
        )


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Misconfigured(
            f"the index entry {path} is damaged: it is no text",
            fix="restore the file from a backup, and find out who changed it",
            see=str(path),
        ) from error


def _damaged(path: Path) -> Misconfigured:
    return Misconfigured(
        f"{path} is damaged: its bytes do not have the digest of its name",
        fix="restore the file from a backup, and find out who changed it",
        see=str(path),
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
