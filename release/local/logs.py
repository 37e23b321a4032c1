"""What functions print here, read from the file that the sandbox writes."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from release.core.log_lines import Invoked
from release.local.workplace import Workplace
from release.sandbox.options import FUNCTION_LOG

_PAUSE_SECONDS: Final = 0.1


def log_file(workplace: Workplace) -> Path:
    return workplace.sandbox / FUNCTION_LOG


def end_of(path: Path) -> int:
    """Where the file ends now, in bytes: what is read from there has come since."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def read_log(path: Path, *, begin: int = 0) -> Iterator[Invoked]:
    """What is there, from this byte on."""
    yield from follow_log(path, goes_on=lambda: False, begin=begin)


def follow_log(path: Path, *, goes_on: Callable[[], bool], begin: int = 0) -> Iterator[Invoked]:
    """What is there and what comes, for as long as it `goes_on`; half a line is waited for."""
    try:
        with path.open("rb") as file:
            file.seek(begin)
            while True:
                went_on = goes_on()  # asked first: what was written before the end is read
                while (line := file.readline()).endswith(b"\n"):
                    yield Invoked.from_json(json.loads(line))
                file.seek(-len(line), 1)
                if not went_on:
                    return
                time.sleep(_PAUSE_SECONDS)
    except FileNotFoundError:
        return
