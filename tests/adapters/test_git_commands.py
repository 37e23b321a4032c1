"""git is started in two ways, and must not be able to tell which."""

import os
from pathlib import Path

import pytest

from release.adapters.git.command import Commands
from release.errors import Misconfigured

# Says all that it is given; GitPython asks for its version first.
SCRIPT = """#!/bin/sh
[ "$1" = version ] && echo git version 2.45.0 && exit 0
/usr/bin/env | sort
pwd
printf '%s\\n' "$@"
cat
echo told >&2
exit 3
"""


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where `git` is a program that says what it is given."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "git"
    program.write_text(SCRIPT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.mark.parametrize("stdin", [b"", b"two\nlines\n", b"x" * 1_000_000])
@pytest.mark.parametrize("git_dir", [None, Path("/some/where")])
def test_git_is_told_the_same_whichever_way_it_is_started(
    listening: Path, stdin: bytes, git_dir: Path | None
) -> None:
    git = Commands(listening, git_dir)

    looking = git.answer("rev-parse", "a b", stdin=stdin, env={"GIT_INDEX_FILE": "i"})
    other = git.answer("status", "a b", stdin=stdin, env={"GIT_INDEX_FILE": "i"})

    assert looking.out.replace(b"rev-parse", b"status") == other.out
    assert (looking.status, looking.err) == (other.status, other.err) == (3, "told\n")
    said = looking.out.decode().split("\n")
    assert {"LC_ALL=C", "GIT_INDEX_FILE=i", "GIT_TERMINAL_PROMPT=0", str(listening)} <= set(said)
    assert looking.out.endswith(b"a b\n" + stdin)


@pytest.mark.parametrize("command", ["rev-parse", "status"])
def test_a_folder_that_is_gone_does_not_hide_whether_git_is_there(
    listening: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening.rmdir()
    assert Commands(listening).answer(command).status == 3

    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Misconfigured, match="git cannot be started"):
        Commands(listening).answer(command)
