"""docs/handbook.md is what can be done: its commands run, in the order of the page, in a fresh clone."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "handbook.md").read_text(encoding="utf-8")
# Commands that the story leaves out, and who runs them.
ELSEWHERE = {
    "python3 dev.py test": "CI runs it, and tests/test_dev_script.py what it decides",
    "release local invoke price-fetcher --debug": "waits for a person; tests/local attaches a debugger",
}


def blocks() -> list[str]:
    """The shell blocks of the page, in its order, without what is run elsewhere."""
    found = re.findall(r"^( *)```(?:bash|sh)\b[^\n]*\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
    return [
        "".join(f"{line.strip()}\n" for line in text.splitlines() if line.strip() not in ELSEWHERE)
        for _, text in found
    ]


def commands() -> list[str]:
    return [line for block in blocks() for line in block.splitlines()]


def test_every_command_of_the_page_stands_in_a_block_that_is_run() -> None:
    assert not re.findall(r"^ *```(?!bash|text|$)\w+", PAGE, re.MULTILINE)
    assert all(f"\n{one}\n" in PAGE for one in ELSEWHERE)
    assert len(commands()) > 30


def test_what_the_tables_tell_to_type_is_run_by_the_story_too() -> None:
    """The same verb, with other arguments. tests/e2e and tests/local run the others."""
    others = {"accept", "reject", "rollback", "build", "local api"}
    named = r"\brelease ((?:local |infra |audit )?[a-z]+)\b"
    in_tables = re.findall("`" + named, "\n".join(re.findall(r"^\|.*$", PAGE, re.MULTILINE)))

    assert set(in_tables) - {verb for one in commands() for verb in re.findall(named, one)} <= others


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def fresh_clone(folder: Path, commit: str = "HEAD") -> Path:
    """A commit of this repository as the first of another one, with a remote and an environment."""
    clone, remote = folder / "acme", folder / "origin.git"
    for words in (
        ("init", "--quiet", "--bare", "--initial-branch=main", str(remote)),
        ("init", "--quiet", "--initial-branch=main", str(clone)),
    ):
        subprocess.run(["git", *words], check=True)

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(clone), *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("fetch", "--quiet", "--depth=1", str(ROOT), commit)
    first = git("commit-tree", "-m", "feat: the fleet as it stands", "FETCH_HEAD^{tree}")
    (clone / ".git" / "shallow").unlink(missing_ok=True)
    git("reset", "--quiet", "--hard", first)
    git("remote", "add", "origin", remote.as_uri())
    git("push", "--quiet", "--set-upstream", "origin", "main")
    (clone / ".venv").symlink_to(sys.prefix)
    return clone


@pytest.mark.prove
def test_the_commands_of_the_page_run_from_the_first_to_the_last(tmp_path: Path) -> None:
    clone, port = fresh_clone(tmp_path), str(free_port())
    scripts = [one.replace("3000", port) for one in blocks() if one]
    story = tmp_path / "story.sh"
    told = "".join(f"echo '+ block {number}'\n{one}" for number, one in enumerate(scripts, 1))
    story.write_text(f"set -euo pipefail\n{told}", "utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
        "CI": "true",
        **{f"GIT_{role}_NAME": "Ana Developer" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "ana@acme.example" for role in ("AUTHOR", "COMMITTER")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    try:
        ran = run("bash", str(story))
    finally:
        run("release", "local", "down")  # where the story did not get to its end

    done = re.findall(r"\+ block \d+$", ran.stdout, re.MULTILINE)
    assert ran.returncode == 0, f"after {done[-1:]}:\n{ran.stdout[-3000:]}\n{ran.stderr[-6000:]}"
    assert len(done) == len(scripts)
    assert '"price":99.99' in ran.stdout.replace(" ", "")
