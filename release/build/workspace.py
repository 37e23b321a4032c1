"""A clean folder with the files of a commit, for programs that build from files: never the work tree."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from release.build.builder import Source
from release.core.fingerprint import service_folder

# 1980-01-01, the oldest date that a zip can hold. https://reproducible-builds.org/specs/source-date-epoch/
EPOCH = 315_532_800  # seconds


@dataclass(frozen=True, slots=True)
class Workspace:
    """Laid out as the repository is, so that `../common/log` means what it means there."""

    top: Path  # of the repository
    folder: Path  # of the service
    home: Path  # empty
    temporary: Path  # empty
    out: Path  # empty, at a place that is always the same as seen from `folder`


@contextmanager
def workspace(source: Source) -> Iterator[Workspace]:
    """Gone afterwards, with all that was built in it.

    Every file has the same date and a mode that does not depend on the umask. Raises Misconfigured for a
    pointer of Git LFS.
    """
    with tempfile.TemporaryDirectory(prefix="release-build-", ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        top = root / "repository"
        made = Workspace(
            top=top,
            folder=top / service_folder(source.service.name),
            home=root / "home",
            temporary=root / "tmp",
            out=root / "out",
        )
        for folder in (made.folder, made.home, made.temporary, made.out):
            folder.mkdir(parents=True)
        for file in source.files:
            path = top / file.origin
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.bytes_of(file))
            path.chmod(0o755 if file.executable else 0o644)
            os.utime(path, (EPOCH, EPOCH))
        yield made
