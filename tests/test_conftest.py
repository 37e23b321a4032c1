"""What tests get from conftest.py holds for the programs that they start."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_a_pytest_that_a_test_starts_removes_nothing_of_other_runs(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(tmp_path, capsys):\n    with capsys.disabled():\n        print(f'<{tmp_path}>')\n"
    )

    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:schemathesis",
            "test_it.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    # It keeps the last three of the folder in which it makes its own.
    place = Path(ran.stdout.partition("<")[2].partition(">")[0])
    assert place.is_relative_to(tmp_path_factory.getbasetemp())
