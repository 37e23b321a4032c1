"""Whole rollouts, from the command line to handlers that really run, under AWS's limit of calls a second."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.aws_fleet import AwsFleet, Counted

ROOT = Path(__file__).resolve().parents[2]
# Proofs run on busy machines, where calls that began half a second apart arrive together: with ten times more
# tasks as processors, 2 of 3,000 were throttled. `dev.py bench rollout-100` accepts none.
FEW = 0.005


@contextmanager
def fleet_of(functions: int, folder: Path) -> Iterator[AwsFleet]:
    kept = ("PATH", "HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "UV_CACHE_DIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    with AwsFleet(folder, functions, environment | {"PYTHONPATH": str(ROOT), "TZ": "UTC"}) as made:
        yield made


class Timed:
    """One command: how long it took, and what it called."""

    def __init__(self, fleet: AwsFleet, *words: str) -> None:
        fleet.sandbox.forget_calls()
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "release", *words],
            cwd=fleet.repository.clone,
            env=fleet.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.seconds = time.monotonic() - began
        assert done.returncode == 0, done.stderr[-2000:]
        self.out = done.stdout
        self.calls: Counted = fleet.counted()

    @property
    def over_the_floor(self) -> float:
        return self.seconds / self.calls.floor_seconds

    @property
    def estimate(self) -> int:
        found = re.search(r"cost: about ([0-9,]+) control calls? in us-east-1", self.out)
        assert found is not None, self.out
        return int(found[1].replace(",", ""))


@pytest.mark.prove
def test_ten_functions_are_rolled_out_and_back_with_no_call_throttled(tmp_path: Path) -> None:
    with fleet_of(10, tmp_path) as fleet:
        fleet.sandbox.faults([])  # waiting for answers shows nothing here
        first = Timed(fleet, "deploy", "dev", "--yes")
        old = fleet.commit
        fleet.change()
        second = Timed(fleet, "deploy", "dev", "--yes")
        back = Timed(fleet, "rollback", "dev", "--to", old, "--reason", "measured", "--yes")
    assert [run.calls.throttled for run in (first, second, back)] == [0, 0, 0]
    # What the plan was made from, one call a function, comes before the estimate.
    assert [run.calls.control - 10 for run in (second, back)] == [5 * 10, 2 * 10]
    assert [run.estimate for run in (second, back)] == [5 * 10, 2 * 10]
    assert first.estimate == first.calls.control == 6 * 10


@pytest.mark.prove(seconds=100)
def test_a_hundred_functions_cost_the_calls_that_were_said(
    tmp_path: Path, record_proof: Callable[[str], None]
) -> None:
    with fleet_of(100, tmp_path) as fleet:
        Timed(fleet, "deploy", "dev", "--yes")
        old = fleet.commit
        fleet.change()
        Timed(fleet, "build")
        change = Timed(fleet, "deploy", "dev", "--yes")
        back = Timed(fleet, "rollback", "dev", "--to", old, "--reason", "measured", "--yes")
    _say(record_proof, "new code for 100 functions", change)
    _say(record_proof, "rollback of 100 functions", back)
    for run, wanted in ((change, 600), (back, 300)):
        assert run.calls.control - run.calls.throttled == wanted
        assert run.calls.throttled <= FEW * wanted
    # How near the floor that is, `dev.py bench rollout-100` measures: here other proofs run beside it.


@pytest.mark.prove(seconds=220)
def test_five_hundred_functions_are_deployed_with_no_more_calls_than_said(
    tmp_path: Path, record_proof: Callable[[str], None]
) -> None:
    with fleet_of(500, tmp_path) as fleet:
        Timed(fleet, "build")
        first = Timed(fleet, "deploy", "dev", "--yes")
    _say(record_proof, "first deployment of 500 functions", first)
    assert first.calls.control - first.calls.throttled == 6 * 500
    assert first.calls.throttled <= FEW * 6 * 500


def _say(record_proof: Callable[[str], None], what: str, run: Timed) -> None:
    record_proof(
        f"{what} in the sandbox, 15 calls a second, 150 ms each: {run.seconds:.0f} s,"
        f" {run.over_the_floor:.2f} of the floor of its {run.calls.control} calls,"
        f" {run.calls.throttled} throttled"
    )
