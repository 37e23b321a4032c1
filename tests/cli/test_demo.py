"""The demo, run once as a person runs it: what it shows, what it keeps with --keep, what it leaves behind."""

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.worlds import git
from tests.sandbox.processes import descendants, left_after

ROOT = Path(__file__).parents[2]
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Where the story says that something breaks; every other step ends with 0.
BREAKS = ["release deploy dev --yes", 'release promote prod --yes --reason "change request 4712"']
CLOSED = 'release promote prod --yes --reason "change request 4711"'  # a gate, which then opens
pytestmark = [pytest.mark.prove(seconds=60), pytest.mark.xdist_group("the demo")]


@dataclass(frozen=True)
class Shown:
    """How a run of the demo ended."""

    code: int
    seconds: float
    out: str
    err: str
    kept: Path
    temporary: Path
    left: frozenset[int]
    changed: tuple[str, str]  # this repository's work tree before and after

    @property
    def steps(self) -> list[tuple[str, int]]:
        """Every command with its exit code, in order."""
        found = re.findall(r"^\$ (release .*)$|^exit (\d+)$", self.out, re.MULTILINE)
        commands, codes = [a for a, _ in found if a], [int(b) for _, b in found if b]
        return list(zip(commands, codes, strict=True))


def _processor_seconds() -> float:
    """Of all processes that have come and gone below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _work_tree() -> str:
    # Others may be at work on the rest of it; the demo works with these.
    return git(ROOT, "status", "--porcelain", "--ignored", "services", "templates", "pipelines") + git(
        ROOT, "for-each-ref", "refs/tags"
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("demo")
    kept, temporary = folder / "kept", folder / "temporary"
    temporary.mkdir()
    before, begun = _work_tree(), _processor_seconds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        process = subprocess.Popen(
            [sys.executable, "-m", "release.sandbox.demo", "--keep", str(kept)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    pids: set[int] = set()
    with process, (folder / "out").open("w+") as out:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            out.write(line)
            if line.startswith("exit "):
                pids |= descendants(process.pid)
        err = process.stderr.read()
        code = process.wait(60)
        out.seek(0)
        text = ANSI.sub("", out.read())
    seconds = _processor_seconds() - begun
    left = frozenset(left_after(pids, 10))
    yield Shown(code, seconds, text, err, kept, temporary, left, (before, _work_tree()))


def test_every_step_ends_as_the_story_says(shown: Shown) -> None:
    assert shown.code == 0, shown.err + shown.out[-2000:]
    assert [command for command, code in shown.steps if code == 5] == BREAKS
    assert [command for command, code in shown.steps if code == 3] == [CLOSED]
    assert {code for _, code in shown.steps} == {0, 3, 5}
    assert len(shown.steps) >= 20


def test_it_takes_less_than_two_minutes_of_a_processor(shown: Shown) -> None:
    """How long people wait for it hangs on what else their machine does; what it does, does not."""
    assert 20 < shown.seconds < 120


def test_no_line_wraps_at_eighty_columns(shown: Shown) -> None:
    assert [line for line in shown.out.splitlines() if len(line) > 80] == []


def test_it_ends_with_where_things_stand_and_how_they_came_to_be(shown: Shown) -> None:
    last = [command for command, _ in shown.steps][-4:]
    assert last == ["release status", "release status prod", "release audit log", "release audit verify"]
    status = shown.out.rpartition("$ release status\n")[2]
    assert re.search(r"^prod +v1\.1\.0 ", status, re.MULTILINE)  # the failed v1.1.1 does not serve
    assert re.search(r"promote +v1\.1\.1 +failed", status)


def test_the_forge_holds_a_release_of_each_that_reached_prod_and_all_of_it_verifies(shown: Shown) -> None:
    forge = shown.out.partition("On GitHub: acme/fleet\n")[2].partition("$ release")[0]
    assert re.findall(r"^  (v\S+) +(.*)$", forge, re.MULTILINE) == [
        ("v1.0.0", "published"),
        ("v1.1.0", "published, latest"),
    ]
    assert len(re.findall(r"^    (\S+) +[0-9,]+ bytes +sha256", forge, re.MULTILINE)) == 8
    assert re.search(r"^  prod +us-west-2 +failure +promote v1\.1\.1$", forge, re.MULTILINE)
    assert re.search(r"^  prod +v1\.1\.0 ", forge.partition("Comment on #1")[2], re.MULTILINE)
    assert re.search(r"^verified: \d+ holds$", shown.out, re.MULTILINE)


def test_the_three_tags_are_on_one_commit_with_their_trailers(shown: Shown) -> None:
    remote = shown.kept / "remote.git"
    tags = ("v1.0.0-qa.1", "v1.0.0-rc.1", "v1.0.0")

    assert len({git(remote, "rev-parse", f"{tag}^{{commit}}") for tag in tags}) == 1
    for tag in tags:
        assert git(remote, "cat-file", "-t", tag) == "tag"
        message = git(remote, "cat-file", "tag", tag)
        for key in ("Release-Manifest", "Release-From", "Release-Actor", "Release-Nonce"):
            assert len(re.findall(rf'^{key}: "[^"]+"$', message, re.MULTILINE)) == 1, message


def test_the_same_code_serves_in_qa_uat_and_prod_in_both_regions(shown: Shown) -> None:
    listed = shown.out.partition("$ release audit show v1.1.0\n")[2].partition("exit 0")[0]

    codes = dict.fromkeys(re.findall(r"price-fetcher-prod +us-\S+ +\d+ +([0-9a-f]{10})", listed))
    assert len(codes) == 1
    for stage in ("qa", "uat", "prod"):
        assert re.search(rf"price-fetcher-{stage} +us-\S+ +1 · [0-9a-f]+ +{next(iter(codes))}", shown.out)


def test_nothing_is_left_behind(shown: Shown) -> None:
    assert shown.left == frozenset()
    assert list(shown.temporary.iterdir()) == []
    assert shown.changed[0] == shown.changed[1]


def test_it_works_in_a_shallow_clone_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """A CI's checkout is shallow: the demo's own history begins with the demo, and is whole."""
    shallow, temporary = tmp_path / "shallow", tmp_path / "temporary"
    temporary.mkdir()
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{ROOT}", str(shallow))
    shutil.rmtree(shallow / "release")
    shutil.copytree(ROOT / "release", shallow / "release")
    environ = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(shallow)}
    with subprocess.Popen(
        [sys.executable, "-m", "release.sandbox.demo"],
        cwd=shallow,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("$ release "):
                break
        (clone,) = temporary.glob("release-demo-*/acme")
        assert git(clone, "rev-parse", "--is-shallow-repository") == "false"
        assert git(clone, "rev-list", "--count", "HEAD") == "2"
        pids = descendants(process.pid)
        process.terminate()
        process.stdout.read()
        assert process.wait(30) == 143
    assert left_after(pids, 10) == set()
    assert list(temporary.iterdir()) == []
