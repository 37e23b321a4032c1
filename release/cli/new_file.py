"""A file that a command writes for its user: never over another one, and never half of one."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from release.errors import Misconfigured


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Its content appears under its name when the block has ended well. Raises Misconfigured."""
    temporary: str | None = None
    try:
        if path.exists():
            raise FileExistsError(17, os.strerror(17))
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)  # mkstemp keeps it from all others
        path.hardlink_to(temporary)  # unlike a rename, a link never replaces what is there
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be written: {error.strerror}", fix="name a new file in a folder that is there"
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
