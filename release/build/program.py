"""What a program is, so that what it found out is believed by no other."""

import sys
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

_RELEASE = Path(__file__).parent.parent


@cache
def program_digest(*parts: str) -> str:
    """Names these files of ours (`core/imports.py`, `config/*.py`) and the Python that runs them.

    They are read, not imported: whoever asks what was remembered mostly needs none of them.
    """
    found = [list(_RELEASE.glob(part)) for part in parts]
    if not all(found):
        raise AssertionError(f"of {parts} some are gone: what they decided would be believed for ever")
    return source_digest(file for files in found for file in files)


def source_digest(files: Iterable[Path]) -> str:
    digest = sha256(sys.version.encode())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()
