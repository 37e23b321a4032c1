"""The dependencies of a service as members of its archive, installed once for a lock file and kept in the
user's cache.
"""

import contextlib
import fcntl
import os
import tempfile
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from release.build.archive import LEVEL, Member, refuse_too_large
from release.build.binaries import installed_wheels, refuse_unfit
from release.build.installer import Install, Installation
from release.build.pack import read_pack, write_pack
from release.core import canonical
from release.errors import Misconfigured

_LAYOUT = 2  # of what is cached; another number makes every older entry unknown

_KEPT_DAYS = 30  # after the last use

# Files that an installer writes about itself: they name its version, the folder and the interpreter of the
# build machine. RECORD goes, too, because it lists them and hashes scripts whose first line names that
# interpreter; importlib.metadata then answers None for `files`, which its documentation allows.
_ABOUT_THE_INSTALLER = frozenset(
    {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json"}
)


def user_cache(environment: Mapping[str, str]) -> Path | None:
    """`$XDG_CACHE_HOME/release`, or `~/.cache/release`. None: this user has no home, so nothing is cached."""
    if (cache := environment.get("XDG_CACHE_HOME", "")).startswith("/"):
        return Path(cache) / "release"
    if home := environment.get("HOME"):
        return Path(home) / ".cache" / "release"
    return None


def dependencies(asked: Installation, *, install: Install, cache: Path | None) -> tuple[Member, ...]:
    """What the lock file installs, sorted by path. Raises what `install` raises.

    A cached set is a file whose name carries its digest: one that was damaged or half written is noticed and
    made again. A lock per set lets twelve builds at once install it once; the kernel frees it when its holder
    dies.
    """
    if not asked.pins:
        return ()
    if cache is None:
        return _installed(asked, install)
    key = canonical.digest(
        [
            _LAYOUT,
            LEVEL,
            canonical.sha256(asked.lock),
            asked.target.name,
            asked.target.wheel_options(asked.runtime, asked.architecture),
            zlib.ZLIB_RUNTIME_VERSION,
        ]
    )
    folder = cache / "dependencies"
    lock = _lock(folder, key)
    if lock is None:
        return _installed(asked, install)  # a cache that cannot be written is no reason not to build
    with lock:
        if (kept := _cached(folder, key, asked.file)) is not None:
            return kept
        members = _installed(asked, install)
        with contextlib.suppress(OSError, UnicodeEncodeError):  # a name that the archive will refuse
            _keep(folder, key, members)
            _forget_unused(folder)
        return members


def _installed(asked: Installation, install: Install) -> tuple[Member, ...]:
    with tempfile.TemporaryDirectory(prefix="release-build-") as temporary:
        into = Path(temporary) / "installed"
        into.mkdir()
        install(asked, into)
        members = collect(into, asked.file)
        refuse_unfit(members, installed_wheels(into), asked)
        return members


def collect(folder: Path, file: str) -> tuple[Member, ...]:
    """The files of an installation that belong into an artifact, sorted. Raises Misconfigured for links,
    odd files, and more than AWS Lambda takes.
    """
    members = []
    ordered = sorted(folder.rglob("*"), key=lambda path: os.fsencode(path.relative_to(folder)))
    found = {path: relative for path in ordered if not _left_out(relative := path.relative_to(folder))}
    sizes = {str(relative): path.lstat().st_size for path, relative in found.items() if not path.is_dir()}
    refuse_too_large(sizes, of=f"what {file} installs")
    for path, relative in found.items():
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Misconfigured(
                f"a package of {file} installs {relative}, which is no regular file",
                fix="choose another version of the package",
                see=file,
            )
        if path.is_file():
            # Bytes of the name as they are on disk: the locale of this process must not change them.
            name = os.fsencode(relative).decode(errors="surrogateescape")
            executable = bool(path.stat().st_mode & 0o100)
            members.append(Member.of(name, path.read_bytes(), executable=executable, origin=file))
    return tuple(members)


def _left_out(relative: Path) -> bool:
    if relative.parts[0] in ("bin", ".lock") or "__pycache__" in relative.parts:
        return True  # scripts start with the path of the build machine's interpreter
    if relative.suffix == ".pyc":
        return True
    return relative.parent.suffix == ".dist-info" and relative.name in _ABOUT_THE_INSTALLER


def _cached(folder: Path, key: str, origin: str) -> tuple[Member, ...] | None:
    for path in folder.glob(f"{key}.*.pack"):
        try:
            data = path.read_bytes()
            if path.name == f"{key}.{canonical.sha256(data)}.pack":
                members = read_pack(data, origin=origin)
                with contextlib.suppress(OSError):
                    os.utime(path)
                return members
        except (OSError, ValueError):
            pass
        with contextlib.suppress(OSError):
            path.unlink()
    return None


def _keep(folder: Path, key: str, members: tuple[Member, ...]) -> None:
    data = write_pack(members)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(folder / f"{key}.{canonical.sha256(data)}.pack")
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _forget_unused(folder: Path) -> None:
    """Every change of a lock file leaves a set behind."""
    oldest = time.time() - _KEPT_DAYS * 24 * 60 * 60
    for path in folder.glob("*.pack"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _lock(folder: Path, key: str) -> IO[bytes] | None:
    """An open file that holds the lock until it is closed. None: there can be no cache here."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / f"{key}.lock").open("wb")
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        file.close()
        return None
    return file
