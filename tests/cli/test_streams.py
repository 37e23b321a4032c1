"""Who watches may leave: neither what is under way nor its exit code hangs on that."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.worlds import Fleet

NEXT = ("next", "qa", "--json")
PROGRESS = """
from release.cli.output import progress
step = {"phase": "shift", "name": "orders-qa", "region": "us-east-1", "detail": "live"}
for _ in range(3):
    progress("step", step)
print("went on")
"""


def release(fleet: Fleet, *words: str, **streams: object) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "release", "-C", str(fleet.clone), *words]
    return subprocess.run(command, check=False, **streams)  # type: ignore[call-overload, no-any-return]


def gone() -> int:
    """The write end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("words", [NEXT, ("next", "qa"), ("audit", "log")], ids=" ".join)
def test_a_reader_that_goes_away_changes_no_exit_code(words: tuple[str, ...], fleet: Fleet) -> None:
    ran = release(fleet, *words, stdout=gone(), stderr=subprocess.PIPE)

    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_result_that_cannot_be_written_is_no_success(fleet: Fleet) -> None:
    ran = release(fleet, *NEXT, stdout=full(), stderr=subprocess.PIPE)

    assert ran.returncode == 1
    assert ran.stderr.startswith(b"error: the output cannot be written: No space left on device\nfix: ")


@pytest.mark.parametrize("stderr", [gone, full])
def test_an_error_that_nobody_can_be_told_keeps_its_exit_code(
    stderr: Callable[[], int], fleet: Fleet
) -> None:
    assert release(fleet, "next", "quality", stderr=stderr()).returncode == 2


def test_a_process_without_streams_is_one_without_readers(fleet: Fleet) -> None:
    command = f"exec {sys.executable} -m release -C {fleet.clone} next qa <&- >&- 2>&-"

    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


@pytest.mark.parametrize("stderr", [gone, full])
def test_progress_that_nobody_sees_stops_nothing(stderr: Callable[[], int]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRESS], stdout=subprocess.PIPE, stderr=stderr(), check=False
    )

    assert (ran.returncode, ran.stdout) == (0, b"went on\n")


def test_the_cause_of_a_failure_is_folded_beside_its_label() -> None:
    program = """
from release.cli.output import progress
cause = "the smoke test of price-fetcher-prod:3 in us-west-2 failed: Unhandled RuntimeError"
progress("undo", {"cause": cause})
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert [line.rstrip() for line in ran.stderr.splitlines()] == [
        "  failed  the smoke test of price-fetcher-prod:3 in us-west-2 failed: Unhandled",
        "          RuntimeError",
        "  going back",
    ]


def test_a_folder_that_is_gone_is_an_error_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    program = (
        f"import os, shutil, sys; os.chdir({str(folder)!r}); os.rmdir({str(folder)!r});"
        "from release.cli.main import main; sys.exit(main(['status']))"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ran.returncode == 2
    assert ran.stderr.startswith("error: the folder that this was started in is gone\nfix: ")
