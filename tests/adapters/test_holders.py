"""Who holds a stage, and which holders are provably dead: real processes."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from release.adapters.holders import ProcessHolders
from release.core.records import Holder

TELL = (
    "import sys; from release.adapters.holders import ProcessHolders\n"
    "me = ProcessHolders({}).current()\n"
    "print(me.host, me.pid, me.started, sep='\\n', flush=True)\n"
    "sys.stdin.read()\n"
)


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[str], Holder]]:
    """Another process of this machine, and the holder that it says it is."""
    with subprocess.Popen(
        [sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        host, pid, since = (started.stdout.readline().strip() for _ in range(3))
        yield started, Holder(host, int(pid), since)
        started.kill()


def test_this_process_is_alive_and_tells_itself_the_same_every_time() -> None:
    holders = ProcessHolders({})
    me = holders.current()
    assert me == ProcessHolders({}).current()
    assert me.run is None
    assert not holders.is_dead(me)


def test_another_process_is_alive_until_it_ends(process: tuple[subprocess.Popen[str], Holder]) -> None:
    started, holder = process
    holders = ProcessHolders({})
    assert holder.host == holders.current().host
    assert not holders.is_dead(holder)
    started.kill()
    started.wait()
    assert holders.is_dead(holder)


def test_a_process_that_ended_and_waits_for_its_parent_is_dead(
    process: tuple[subprocess.Popen[str], Holder],
) -> None:
    started, holder = process
    assert started.stdin is not None
    assert started.stdout is not None
    started.stdin.close()
    started.stdout.read()  # its end closes the pipe; nobody has waited for it yet
    while started.poll() is None and not ProcessHolders({}).is_dead(holder):
        pass
    assert ProcessHolders({}).is_dead(holder)


def test_a_pid_that_belongs_to_another_process_now_is_a_dead_holder() -> None:
    holders = ProcessHolders({})
    assert holders.is_dead(replace(holders.current(), started="1"))


@pytest.mark.parametrize("change", [{"host": "another/boot/1"}, {"started": "unknown"}])
def test_what_cannot_be_proven_dead_is_alive(change: dict[str, str]) -> None:
    holders = ProcessHolders({})
    gone = replace(holders.current(), pid=2**22 + 1)  # above Linux's largest pid
    assert holders.is_dead(gone)
    assert not holders.is_dead(replace(gone, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environ", "run"),
    [
        ({"GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "3"}, "42.3"),
        ({"GITHUB_RUN_ID": "42"}, "42.1"),
        ({"GITHUB_RUN_ATTEMPT": "3"}, None),
    ],
)
def test_a_workflow_run_is_named_by_id_and_attempt(environ: dict[str, str], run: str | None) -> None:
    assert ProcessHolders(environ).current().run == run
