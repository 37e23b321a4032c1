"""What a program has built, as members of an archive."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from release.build.archive import Member, refuse_too_large
from release.errors import Misconfigured


def members_of(folder: Path, *, of: str, origin: str, see: str, fix: str) -> tuple[Member, ...]:
    """Every file below a folder, sorted by path in UTF-8 bytes, with its exec bit.

    A link to a file in the folder becomes a copy of it. Raises Misconfigured for a link that leads out of
    the folder or nowhere, for a link to a folder, and for what is no file at all. `of` names the service,
    `origin` what has built it, `see` where that is said, and `fix` the way out.
    """
    root = folder.resolve()
    found: list[Member] = []
    problems: list[str] = []
    files = _files(root)
    refuse_too_large({str(path.relative_to(root)): path.lstat().st_size for path in files}, of=of)
    for path in files:
        relative = path.relative_to(root)
        # Bytes of the name as they are on disk: the locale of this process must not change them.
        name = os.fsencode(relative).decode(errors="surrogateescape")
        if reason := _no_file(path, root):
            problems.append(f"{name!r} {reason}")
            continue
        executable = bool(path.stat().st_mode & 0o100)
        found.append(Member.of(name, path.read_bytes(), executable=executable, origin=origin))
    if problems:
        raise Misconfigured(
            f"what was built for {of} has files that would not be the same everywhere",
            fix=fix,
            see=see,
            details=problems,
        )
    return tuple(found)


def _files(root: Path) -> Sequence[Path]:
    """Everything but folders; links to folders are not followed."""

    def walk() -> Iterator[Path]:
        for folder, folders, files in os.walk(root):
            yield from (Path(folder, name) for name in files)
            yield from (Path(folder, name) for name in folders if Path(folder, name).is_symlink())

    return sorted(walk(), key=lambda path: os.fsencode(path.relative_to(root)))


def _no_file(path: Path, root: Path) -> str | None:
    """Why this cannot be in an archive. None: it can."""
    if path.is_symlink():
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a circle, before Python 3.13
            return f"is a link to {str(path.readlink())!r}, where nothing is"
        if not target.is_relative_to(root):
            return f"is a link to {str(path.readlink())!r}, out of the folder"
        if target.is_dir():
            return f"is a link to the folder {str(path.readlink())!r}"
        path = target
    return None if path.is_file() else "is no regular file"
