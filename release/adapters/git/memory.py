"""What a clone remembers of its own objects: a few files in `release/` of its git directory.

They are there to save time and may be deleted at any time. In the git directory, because whoever may write
there decides already what git gives us; a cache that a CI system restores, or that users share, would be a
way around every review.
"""

import contextlib
import hashlib
import os
import re
import stat
import time
from pathlib import Path

_KEPT = 4  # of each kind: two branches in turn, each before and after a change
_LARGEST = 256 * 1024 * 1024  # bytes; what is larger was not written by us
_NAME = re.compile(r"[a-z]+-[0-9a-f]{64}")
_DIGEST_BYTES = 32
_ABANDONED_SECONDS = 3600


class Memory:
    """Files named by kind and key, each with a digest in front that tells a torn one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, kind: str, key: str | None = None) -> bytes | None:
        """Content, or None: never heard of it, damaged, or not surely written by us."""
        path = self._folder / f"{kind}-{key}" if key is not None else next(iter(self._newest(kind)), None)
        if path is None:
            return None
        try:
            content = _read_own(path)
        except OSError:
            return None
        data = content[_DIGEST_BYTES:]
        return data if hashlib.sha256(data).digest() == content[:_DIGEST_BYTES] else None

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """By an atomic rename: of many writers one is last, and no reader ever sees a part."""
        if not _NAME.fullmatch(f"{kind}-{key}"):
            raise ValueError(f"{kind}-{key} cannot be the name of what is remembered")
        import tempfile  # reading takes no part of it

        with contextlib.suppress(OSError):  # read-only, full, gone: then it is read again next time
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix="new-", delete=False) as file:
                try:
                    file.write(hashlib.sha256(data).digest() + data)
                    file.close()
                    Path(file.name).replace(self._folder / f"{kind}-{key}")
                except BaseException:
                    Path(file.name).unlink()
                    raise
            for path in [*self._newest(kind)[_KEPT:], *self._abandoned()]:
                path.unlink(missing_ok=True)

    def _abandoned(self) -> list[Path]:
        """What a writer that was killed has left."""
        before = time.time() - _ABANDONED_SECONDS
        return [path for path in self._folder.glob("new-*") if path.lstat().st_mtime < before]

    def _newest(self, kind: str) -> list[Path]:
        """All of a kind, the newest first."""
        dated = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._folder):
                if _NAME.fullmatch(entry.name) and entry.name.startswith(f"{kind}-"):
                    with contextlib.suppress(OSError):  # another process has cleared it away
                        dated.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
        return [self._folder / name for _, name in sorted(dated, reverse=True)]


def _read_own(path: Path) -> bytes:
    """A regular file that nobody but this user, or root, can have written. Raises OSError for any other."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        ours = stat.S_ISREG(facts.st_mode) and facts.st_uid in (os.geteuid(), 0)
        if not ours or facts.st_mode & 0o022 or facts.st_size > _LARGEST:
            raise PermissionError(path)
        return file.read()
