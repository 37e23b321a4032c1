"""Which programs this machine has, and how much of its history the clone."""

import os
import subprocess
from pathlib import Path

from release.errors import Misconfigured

_SECONDS = 10


class LocalMachine:
    """`folder`: any inside the clone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def version(self, program: str) -> str | None:
        said = self._said([program, "--version"])
        return said.splitlines()[0] if said else None

    def is_shallow(self) -> bool:
        said = self._said(["git", "rev-parse", "--is-shallow-repository"])
        if said is None:
            raise Misconfigured(
                f"{self._folder.absolute()} is not inside a git repository",
                fix="run it inside the repository, or say where it is with -C DIR",
            )
        return said == "true"

    def _said(self, command: list[str]) -> str | None:
        try:
            ended = subprocess.run(
                command,
                cwd=self._folder,
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return ended.stdout.strip() or None if ended.returncode == 0 else None
