"""Which modules a verb of `release` imports until it has answered: the floor below it imports the same."""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_START = "import sys; from release.cli.main import main; sys.exit(main())"


def imports_of(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Names in the order of their imports. Raises RuntimeError where the verb fails."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", _START, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"release {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}"
        )
    return re.findall(r"^import time:.*\|\s*(\S+)$", done.stderr, re.MULTILINE)
