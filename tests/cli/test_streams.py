"""Who watches may leave: neither what is under way nor its exit code hangs on that."""

import json
import os
import re
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


def in_80_columns(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )


def test_the_cause_of_a_failure_is_folded_beside_its_label() -> None:
    program = """
from release.cli.output import progress
cause = "the smoke test of price-fetcher-prod:3 in us-west-2 failed: Unhandled RuntimeError"
progress("undo", {"cause": cause})
"""
    ran = in_80_columns(program)

    assert [line.rstrip() for line in ran.stderr.splitlines()] == [
        "  failed  the smoke test of price-fetcher-prod:3 in us-west-2 failed: Unhandled",
        "          RuntimeError",
        "  going back",
    ]


def test_a_command_to_copy_stays_on_one_line_and_tables_end_with_their_words() -> None:
    program = """
from rich.text import Text
from release.cli.output import show
from release.views.tables import table
rows = table("stage", "AWS")
rows.add_row("dev", "in step")
show([rows, Text("  curl " + "x" * 90, no_wrap=True)])
"""
    ran = in_80_columns(program)

    assert ran.stdout.splitlines() == ["stage  AWS", "dev    in step", f"  curl {'x' * 90}"]


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


IN_A_JOB = """
import json, sys
from rich.text import Text
from release.cli.github_output import annotate
from release.cli.output import progress, say, show, show_json
WORDS = sys.argv[1]
say(WORDS)
LABELLED = "reason  " + "x" * 105 + " " + WORDS
show([Text(WORDS), Text(LABELLED), LABELLED])
progress("recorded", {"text": "x" * 108 + " " + WORDS})
show_json({"reason": WORDS})
annotate([("notice", "ours", WORDS)])
"""


def is_command(line: str) -> bool:
    """As the runner sees it: src/Runner.Common/ActionCommand.cs of https://github.com/actions/runner."""
    return line.lstrip().startswith("::") or "##[" in line


@pytest.mark.parametrize(
    "words",
    [
        "::add-mask::e",
        "  ::stop-commands::x",
        "a\r::error::x",
        "a\n\t::set-output name=go::true",
        ":::error::x",
        "a ##[error]x",
        "###[add-mask]e",
    ],
)
def test_no_word_of_anybody_is_a_command_to_the_runner_of_a_job(words: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IN_A_JOB, words],
        env={**os.environ, "GITHUB_ACTIONS": "true", "COLUMNS": "120"},
        capture_output=True,
        check=True,
    )

    out, err = ran.stdout.decode(), ran.stderr.decode()
    commands = [line for line in re.split(r"[\r\n]+", out + err) if is_command(line)]
    assert commands[0].startswith("::notice title=ours::")
    assert commands[1:] == []
    assert json.loads(out[out.index("{\n") :]) == {"reason": words}
    assert out.count("x" * 105) == 2


def test_words_stay_as_they_are_where_no_runner_reads_them() -> None:
    environ = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"}
    ran = subprocess.run(
        [sys.executable, "-c", IN_A_JOB, "::error::x ##[error]x"],
        env=environ,
        capture_output=True,
        check=True,
    )

    assert ran.stdout.startswith(b"::error::x ##[error]x\n::error::x ##[error]x\nreason  xxx")
    assert b": :" not in ran.stdout + ran.stderr


def test_no_word_of_a_folded_text_ends_a_block_in_a_summary() -> None:
    """CommonMark: a fence may be indented by three columns at most."""
    words = "~~~~~~~~ " + "x" * 112

    ran = subprocess.run(
        [sys.executable, "-c", IN_A_JOB, words],
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        check=True,
    )

    _, *labelled = ran.stdout.decode().split("reason  ")
    fences = [line.rstrip() for text in labelled for line in text.splitlines() if line.strip() == "~~~~~~~~"]
    assert fences == ["    ~~~~~~~~"] * 2
