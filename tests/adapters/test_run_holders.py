"""Holders of other machines, by the workflow run that they name: GitHub is asked, on the sandbox's forge."""

import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from release.adapters.holders import ProcessHolders
from release.core.forge.facts import RunFacts
from release.core.records import Holder
from release.errors import Misconfigured, Unavailable
from release.sandbox.session import Sandbox
from release.wire import Wiring
from tests.adapters.test_github import Answer, GitHub, said

AWAY = Holder("runner/boot/1", 4711, "1", "77.2")
RUN = RunFacts(
    77, 2, ".github/workflows/x.yml", "push", "completed", None, "1" * 40, None, "x", "ada", "", ""
)
SOMEBODY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.invalid")


class Runs:
    """Answers the same about any run, and keeps which it was asked about."""

    def __init__(self, answer: RunFacts | Exception | None) -> None:
        self.answer = answer
        self.asked: list[int] = []

    def __call__(self, run: int) -> RunFacts | None:
        self.asked.append(run)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_what_github_tells_of_its_run_decides_about_a_holder_elsewhere(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    for words in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message", "first"]):
        subprocess.run(["git", *SOMEBODY, "-C", str(tmp_path), *words], check=True)
    name = sandbox.forge.add_repository("acme/holders", sandbox.remote(tmp_path))
    run = sandbox.forge.add_run(name, "promote-prod.yml", attempt=2, status="in_progress")
    job = sandbox.forge.environment(name) | {"PATH": ""}

    def is_dead(named: str, **environ: str) -> bool | None:
        return Wiring(tmp_path, job | environ).holders.is_dead(replace(AWAY, run=named))

    assert is_dead(f"{run}.2") is None  # what runs may have lost this machine, and may not
    assert is_dead(f"{run}.1") is True
    sandbox.forge.change_run(name, run, status="completed", conclusion="failure")
    assert is_dead(f"{run}.2") is True
    assert is_dead(f"{run}.3") is None
    assert is_dead(f"{run + 1}.1") is None  # not found
    assert is_dead(f"{run}.2", GH_TOKEN="") is None
    assert is_dead(f"{run}.2", GITHUB_API_URL="") is None  # the remote is on no GitHub
    token = sandbox.forge.app_token(name, contents="write")
    assert is_dead(f"{run}.2", GH_TOKEN=token) is None


@pytest.mark.parametrize(
    "answer", [RUN, None, Unavailable("it is out of reach", fix="wait"), Misconfigured("403", fix="look")]
)
def test_github_is_asked_once_about_a_run(answer: RunFacts | Exception | None) -> None:
    runs = Runs(answer)
    holders = ProcessHolders({}, runs)
    dead = True if answer is RUN else None
    assert [holders.is_dead(AWAY) for _ in range(3)] == [dead] * 3
    assert holders.is_dead(replace(AWAY, pid=1, run="78.2")) is dead
    assert runs.asked == [77, 78]


@pytest.mark.parametrize(
    "trouble",
    [
        said(502),
        said(404, {"message": "Not Found"}),
        said(403, {"message": "You have exceeded a secondary rate limit"}),
        said(429, {}, retry_after="42"),
        httpx.ConnectTimeout("slow"),
        said(200, {"id": 77}),  # no run
    ],
    ids=["502", "404", "403", "429", "slow", "unreadable"],
)
def test_github_on_a_bad_day_holds_nobody_up(trouble: Answer) -> None:
    github = GitHub(trouble)
    forge = github.forge
    holders = ProcessHolders({}, lambda run: forge.runs.run(run, at_once=True))
    assert holders.is_dead(AWAY) is None
    assert (len(github.asked), github.clock.sleeps) == (1, [])
    assert github.asked[0].extensions["timeout"]["connect"] <= 5


@pytest.mark.parametrize("run", [None, "", "77", "77.", "x.1", "../77.1", "77.1.1"])
def test_nobody_is_asked_about_what_names_no_run(run: str | None) -> None:
    runs = Runs(RUN)
    assert ProcessHolders({}, runs).is_dead(replace(AWAY, run=run)) is None
    assert runs.asked == []


def test_a_process_of_this_machine_needs_no_forge() -> None:
    runs = Runs(RUN)
    holders = ProcessHolders({"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2"}, runs)
    me = holders.current()
    assert holders.is_dead(me) is False
    assert holders.is_dead(replace(me, started="1")) is True
    assert runs.asked == []
    assert holders.is_dead(replace(me, started="unknown")) is True
    assert runs.asked == [77]
