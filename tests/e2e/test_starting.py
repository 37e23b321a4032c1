"""A command that is forked from a process which has imported the CLI is the command that Python starts."""

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.fleet import World
from tests.e2e.forks import Fork
from tests.e2e.processes import Ended, Running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all commands start from nothing")


def both(world: World, *words: str) -> tuple[Ended, Ended]:
    """How it ends as a fork, and as a process from nothing."""
    forked = world.start(*words)
    assert isinstance(forked._process, Fork)
    log = world.folder / f"from-nothing-{'-'.join(words)}"
    return forked.wait(), Running(words, world.clone, world.fleet.environment, log).wait()


@pytest.mark.parametrize(
    "words", [("status", "--json"), ("promote", "nowhere", "--yes"), ("next", "prod"), ("promote", "--help")]
)
def test_a_fork_says_and_ends_with_what_a_process_from_nothing_does(
    proven_in_qa: World, words: tuple[str, ...]
) -> None:
    forked, real = both(proven_in_qa, *words)
    assert (forked.code, forked.out, forked.err) == (real.code, real.out, real.err)
    assert forked.out or forked.err


def test_a_fork_is_a_process_of_its_own_in_the_clone(proven_in_qa: World) -> None:
    proven_in_qa.hang_push(1, "before")
    running = proven_in_qa.start("promote", "prod", "--yes")
    proven_in_qa.until(lambda: proven_in_qa.push_hangs)
    about = Path("/proc") / str(running._process.pid)
    fields = about.joinpath("stat").read_text().rpartition(")")[2].split()
    assert fields[2] == fields[3] == str(running._process.pid), "group and session"
    assert about.joinpath("cwd").readlink() == proven_in_qa.clone
    assert not running.ended
    assert running.kill().code == -9
    assert not about.exists()


def test_what_python_reads_when_it_starts_is_said_to_a_process_from_nothing(proven_in_qa: World) -> None:
    running = proven_in_qa.start("status", "--json", PYTHONHASHSEED="1")
    assert not isinstance(running._process, Fork)
    assert json.loads(running.wait().out)
