"""What stands in the place of a configuration file and can be none."""

from collections.abc import Mapping
from typing import Final

from release.config.problems import Problems
from release.core.models import LARGEST_FILE, Odd, Source

_WRITE_IT: Final = "put the file itself there"
_WHY: Final[Mapping[Odd, tuple[str, str]]] = {
    "link": ("is a symbolic link, and what it names is not what the commit holds", _WRITE_IT),
    "submodule": ("is a submodule, whose files are not in this repository", _WRITE_IT),
    "folder": ("is a folder in the place of a file", "move what is in it, and put a file there"),
    "special": ("is no regular file", _WRITE_IT),
    "large": (
        f"the file is larger than {LARGEST_FILE:,} bytes, the most that is read",
        "split it, or take out what is not configuration",
    ),
}


def complain(odd: Mapping[str, Odd], problems: Problems) -> None:
    for path, what in odd.items():
        problems.add(Source(path, 1, ""), *_WHY[what])
