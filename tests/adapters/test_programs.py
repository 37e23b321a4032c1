"""Programs that act on a stage: in a clean checkout, with few variables, and never as orphans."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from release.adapters.git import GitRepo
from release.adapters.programs import CheckoutPrograms
from release.core.models import Place
from release.errors import Conflict, Misconfigured
from release.ports import Ended, Program
from tests.adapters.git_worlds import World, git

PLACE = Place("111111111111", "us-east-1", None)
KEYS = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "sEcReT", "AWS_REGION": "us-east-1"}


class Keys:
    """Credentials without AWS."""

    def environment(self, place: Place) -> dict[str, str]:
        assert place == PLACE
        return KEYS


class Shop:
    """A commit, and a way to run programs of it."""

    def __init__(self, clone: Path, commit: str) -> None:
        self.clone, self.commit = clone, commit
        self.heard: list[str] = []
        self.environ: Mapping[str, str] = {"PATH": os.environ["PATH"]}

    def run(
        self,
        *command: str,
        under: tuple[str, ...] = (),
        folder: str = "",
        seconds: int = 30,
        look: Callable[[], None] = lambda: None,
        look_seconds: float = 15.0,
        files: Mapping[str, bytes] = {},
        **environment: str,
    ) -> Ended:
        programs = CheckoutPrograms(GitRepo.open(self.clone), Keys(), self.environ, look_seconds)  # type: ignore[arg-type]
        program = Program(command, self.commit, under, folder, environment, files, PLACE, seconds)
        return programs.run(program, hear=self.heard.append, look=look)


FILES = {"a/b.txt": "b", "a/run.sh": "#!/bin/sh\necho from a script\n", "c.txt": "c"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    world = World(tmp_path / "world")
    return Shop(world.clone, world.commit("files", FILES))


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_sees_the_commit_and_nothing_of_the_work_tree(shop: Shop) -> None:
    (shop.clone / "a/untracked").touch()
    (shop.clone / "c.txt").write_text("changed")
    ended = shop.run("sh", "-c", "find . -type f | sort; cat c.txt")
    assert ended == Ended(0, ("./a/b.txt", "./a/run.sh", "./c.txt", "c"))
    assert shop.heard == list(ended.tail)


def test_it_may_see_some_folders_and_start_in_one_of_them(shop: Shop) -> None:
    assert shop.run("sh", "-c", "ls ..; ls", under=("a", "nowhere"), folder="a").tail == (
        "a",
        "b.txt",
        "run.sh",
    )


def test_modes_and_links_are_as_they_were_committed(shop: Shop) -> None:
    (shop.clone / "a/run.sh").chmod(0o755)
    (shop.clone / "link").symlink_to("c.txt")
    git(shop.clone, "add", "--all")
    git(shop.clone, "commit", "--quiet", "--message", "modes")
    shop.commit = git(shop.clone, "rev-parse", "HEAD")
    assert shop.run("./a/run.sh").tail == ("from a script",)
    assert shop.run("cat", "link").tail == ("c",)


def test_it_gets_what_is_on_the_list_and_what_it_is_told(shop: Shop) -> None:
    shop.environ = {
        "PATH": os.environ["PATH"],
        "CI": "true",
        "GITHUB_TOKEN": "x",
        "AWS_PROFILE": "mine",
        "PYTHONPATH": "/somewhere",
        "https_proxy": "http://proxy:3128",
        "HTTP_PROXY": "http://me:secret@proxy:3128",
    }
    code = "import os, json; print(json.dumps(sorted(os.environ)))"
    said = shop.run(sys.executable, "-I", "-c", code, RELEASE_STAGE="qa").tail[0]
    for name in ("CI", "PATH", "HOME", "TMPDIR", "https_proxy", "RELEASE_STAGE", *KEYS):
        assert f'"{name}"' in said
    for name in ("GITHUB_TOKEN", "AWS_PROFILE", "PYTHONPATH", "HTTP_PROXY"):
        assert f'"{name}"' not in said


def test_a_variable_may_name_a_file_that_is_made_for_it(shop: Shop) -> None:
    assert shop.run("sh", "-c", 'cat "$SAID"', files={"SAID": b"{}"}).tail == ("{}",)


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -TERM $$", -15), ("true", 0)])
def test_the_exit_code_is_what_it_was(shop: Shop, script: str, code: int) -> None:
    assert shop.run("sh", "-c", script).code == code


def test_output_is_shown_without_colours_secrets_and_commands_to_a_terminal(shop: Shop) -> None:
    said = r"printf '\033[31mred\033[0m\n    indented\n\npassword=hunter22\nbell\007 \342\200\256x\n' >&2"
    assert shop.run("sh", "-c", said).tail == ("red", "    indented", "[a password]", "bell x")


def test_who_prints_its_whole_environment_prints_no_credentials(shop: Shop) -> None:
    shop.run("env")
    assert "AWS_SECRET_ACCESS_KEY=[credentials]" in shop.heard
    assert not any("sEcReT" in line for line in shop.heard)


def test_a_line_without_end_and_an_endless_output_are_bounded(shop: Shop) -> None:
    code = "print('x' * 100_000)\nfor n in range(100): print(n)"
    ended = shop.run(sys.executable, "-c", code)
    assert ended.tail[-1] == "99" and len(ended.tail) == 30
    assert max(map(len, shop.heard)) <= 500


def test_when_its_time_is_up_it_ends_with_all_that_it_has_started(shop: Shop, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    ended = shop.run("sh", "-c", f"sleep 100 & echo $! > {pids}; echo waiting; wait", seconds=1)
    assert ended == Ended(None, ("waiting",))
    until(lambda: is_gone(int(pids.read_text())))


def test_what_it_leaves_behind_ends_too(shop: Shop, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    assert shop.run("sh", "-c", f"sleep 100 & echo $! > {pids}").code == 0
    until(lambda: is_gone(int(pids.read_text())))


def test_who_is_asked_while_it_runs_may_end_it(shop: Shop, tmp_path: Path) -> None:
    pids, asked = tmp_path / "pids", 0

    def look() -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise Conflict("somebody took over", fix="leave it to them")

    script = f"echo $$ > {pids}; sleep 100"
    with pytest.raises(Conflict, match="took over"):
        shop.run("sh", "-c", script, look=look, look_seconds=0.05)
    assert is_gone(int(pids.read_text()))


def test_a_program_that_is_not_there_is_said_to_be_missing(shop: Shop) -> None:
    with pytest.raises(Misconfigured, match="no-such-program cannot be started: there is no such program"):
        shop.run("no-such-program")
    with pytest.raises(Misconfigured, match=r"b\.txt cannot be started: it is not executable"):
        shop.run("./a/b.txt")


def test_it_reads_nothing_and_has_nothing_of_ours_open(shop: Shop) -> None:
    ended = shop.run("sh", "-c", "cat; ls /proc/self/fd | wc -l" if Path("/proc").exists() else "cat; echo 4")
    assert int(ended.tail[0]) == 4  # its three streams, and the folder that `ls` reads


def test_nothing_is_left_of_the_checkout(shop: Shop) -> None:
    top = Path(shop.run("pwd").tail[0])
    assert top.is_absolute() and not top.parent.exists()


KILLED = """\
import sys
from pathlib import Path
from tests.adapters.test_programs import Shop

clone, commit, pids = sys.argv[1:]
Shop(Path(clone), commit).run("sh", "-c", f"echo $$ > {pids}; sleep 100")
"""


def test_it_dies_with_us_also_when_nobody_lets_us_clean_up(shop: Shop, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    arguments = [sys.executable, "-c", KILLED, str(shop.clone), shop.commit, str(pids)]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(arguments, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    try:
        until(lambda: pids.exists() and pids.read_text().strip() != "")
        pid = int(pids.read_text())
        assert not is_gone(pid)
    finally:
        process.kill()
        process.wait()
    until(lambda: is_gone(pid))
