"""Help and the command line itself: what fits the screen, and what a slip of the finger is answered with."""

import os
import subprocess
import sys

import pytest

from tests.cli.commands import commands, groups
from tests.cli.conftest import Cli

PATHS = [*groups(), *(path for path, _ in commands())]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: " ".join(path) or "release")
def test_help_fits_eighty_columns(path: tuple[str, ...], cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    ran = cli(*path, "--help")

    assert ran.code == 0 and ran.err == ""
    assert ran.out.startswith(" ".join(("Usage: release", *path)))
    assert [line for line in ran.out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("path", list(groups()), ids=lambda path: " ".join(path) or "release")
def test_every_command_is_listed_with_a_short_help_that_is_not_cut(path: tuple[str, ...], cli: Cli) -> None:
    listed = cli(*path, "--help").out.partition("Commands:\n")[2]

    for found, command in commands():
        if found[:-1] == path:
            assert command.get_short_help_str(1000) in " ".join(listed.split())
    assert listed.strip() and "..." not in listed


@pytest.mark.parametrize("path", list(groups()), ids=lambda path: " ".join(path) or "release")
def test_a_group_without_a_command_shows_its_help_and_is_no_success(path: tuple[str, ...], cli: Cli) -> None:
    ran = cli(*path)

    assert ran.code == 2  # `release $VERB` with an empty VERB did nothing, and a script has to notice
    assert ran.out == "" and "Commands:" in ran.err


@pytest.mark.parametrize(
    ("words", "cause", "fix"),
    [
        (("stauts",), "no command `release stauts`", "did you mean `release status`?"),
        (("audit", "lgo"), "no command `release audit lgo`", "did you mean `release audit log`?"),
        (("xyzzy",), "no command `release xyzzy`", "name one of: abort, accept, advance, "),
        (("",), "no command `release `", "name one of: "),
        (("promote",), "missing argument 'STAGE'", "`release promote --help`"),
        (("rollback", "qa"), "missing option '--reason'", "`release rollback --help`"),
        (("next", "qa", "--bmp", "minor"), "no option --bmp", "did you mean --bump?"),
        (("next", "qa", "--bump", "big"), "'big' is not one of 'auto', 'patch'", "`release next --help`"),
        (("audit", "log", "-n", "0"), "0 is not in the range", "`release audit log --help`"),
        (("status", "qa", "uat"), "unexpected extra argument (uat)", "`release status --help`"),
        (("-C",), "'-C' requires an argument", "`release --help`"),
        (("apply", "/"), "is a directory", "`release apply --help`"),
    ],
)
def test_a_slip_is_answered_with_cause_and_way_out(
    words: tuple[str, ...], cause: str, fix: str, cli: Cli
) -> None:
    ran = cli(*words)

    assert ran.code == 2 and ran.out == ""
    assert cause in ran.lines("error:")[0] and fix in ran.lines("fix:")[0]
    assert len(ran.err.splitlines()) == 2


def test_a_name_from_outside_cannot_forge_a_line(cli: Cli) -> None:
    ran = cli("x\nfix: run this instead\x1b[2K\r")

    assert len(ran.err.splitlines()) == 2
    assert r"x\nfix: run this instead\x1b[2K\r" in ran.lines("error:")[0]


def test_a_word_that_is_no_text_is_answered_like_any_other() -> None:
    ran = subprocess.run(
        [os.fsencode(sys.executable), b"-m", b"release", b"\xff\xfe"], capture_output=True, check=False
    )

    assert ran.returncode == 2
    assert rb"there is no command `release \udcff\udcfe`" in ran.stderr
