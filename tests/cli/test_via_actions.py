"""`via: actions`: a verb on a laptop starts the button of its stage, and says what came of it."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.cli.main import main
from release.core.records import Event, Holder, ReleaseRef, Served
from release.sandbox.session import Sandbox
from tests.cli.conftest import SANDBOXED, Cli, Ran, _somebody
from tests.cli.worlds import FILES, Fleet

pytestmark = SANDBOXED
NAME = "acme/buttons"
COMMIT_OF_NOTHING = "0" * 64
FLEET = """\
services: ["*"]
tags: "v{version}"
branches: [main]
stages:
  - {name: dev, rollout: all-at-once, via: actions}
  - {name: qa, channel: qa, after: dev, rollout: all-at-once, via: actions}
  - {name: uat, channel: rc, after: qa, rollout: all-at-once, via: actions}
"""


class Buttons:
    """A repository on the forge whose stages are filled by GitHub Actions; a thread does their work."""

    def __init__(self, fleet: Fleet, sandbox: Sandbox) -> None:
        self.fleet = fleet
        self.sandbox = sandbox
        self.commit = fleet.git("rev-parse", "HEAD")

    def runs(self) -> list[dict[str, Any]]:
        return self.sandbox.forge.dispatched(NAME)

    def record(
        self, run: int, stage: str, outcome: Any = None, *, tag: str | None = None, **more: Any
    ) -> None:
        """What a job of this run writes to the ledger: that it has begun, and how it has ended."""
        ledger = GitLedger(GitRepo.open(self.fleet.clone), SystemClock())
        state = ledger.read()
        served = (Served("orders", f"orders-{stage}", "222222222222", "us-east-1"),)
        common: dict[str, Any] = {
            "id": f"20261121T0950{run % 60:02d}Z-fleet-{stage}-{run:08x}", "at": "2026-11-21T09:50:00Z",
            "pipeline": "fleet", "stage": stage, "verb": "promote", "actor": "ana", "tool": "lambda-release",
            "release": ReleaseRef(self.commit, COMMIT_OF_NOTHING, tag), "run": f"{run}.1",
            "fence": state.head("fleet", stage).fence + 1,
        }  # fmt: skip
        holder = Holder("runner/boot", 1, "1", f"{run}.1")
        started = Event(
            kind="started", holder=holder, next_by="2030-11-21T10:50:00Z", before=served, **common
        )
        state = ledger.append(state, started)
        if outcome is not None:
            after = served if outcome == "succeeded" else ()
            ledger.append(state, Event(kind="outcome", outcome=outcome, after=after, **common, **more))

    def finish(self, run: int, conclusion: str) -> None:
        self.sandbox.forge.change_run(NAME, run, status="completed", conclusion=conclusion, waiting_for=())


@pytest.fixture(scope="module")
def made(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Buttons:
    with _somebody():
        fleet = Fleet.with_files(
            tmp_path_factory.mktemp("buttons") / "fleet", FILES | {"pipelines/fleet.yaml": FLEET}
        )
        assert main(["-C", str(fleet.clone), "workflows", "render"]) == 0
        fleet.commit("ci: render the workflows")
        fleet.push()
    sandbox.forge.add_repository(NAME, fleet.remote)
    buttons = Buttons(fleet, sandbox)
    _make_environment(buttons, "uat-approval")  # and the forge has read GitHub's description
    return buttons


@pytest.fixture
def buttons(made: Buttons, monkeypatch: pytest.MonkeyPatch) -> Buttons:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    for name, value in made.sandbox.forge.environment(NAME, login="ana").items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def github(buttons: Buttons) -> Iterator[Callable[[Callable[[int], None]], None]]:
    """Does what a test says with the next run that is dispatched, as soon as it is."""
    threads: list[threading.Thread] = []
    broken: list[BaseException] = []

    def start(work: Callable[[int], None]) -> None:
        known = {run["id"] for run in buttons.runs()}

        def wait() -> None:
            try:
                for _ in range(80):
                    new = [run["id"] for run in buttons.runs() if run["id"] not in known]
                    if new:
                        return work(new[0])
                    time.sleep(0.2)
            except BaseException as error:
                broken.append(error)
            return None

        threads.append(threading.Thread(target=wait, daemon=True))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(15)
    assert not broken, broken


def promote(cli: Cli, buttons: Buttons, *words: str) -> Ran:
    return cli("promote", *words, "--yes", at=buttons.fleet.clone)


def test_a_promotion_starts_its_button_and_ends_with_what_the_ledger_says(
    cli: Cli, buttons: Buttons, github: Any
) -> None:
    def work(run: int) -> None:
        buttons.sandbox.forge.add_job(NAME, run, "Plan")
        buttons.record(run, "uat", "succeeded")
        buttons.finish(run, "success")

    github(work)

    ran = promote(cli, buttons, "uat", "--reason", "tested; $(id) ${{ x }}", "--json")

    assert ran.code == 0, ran.err
    (run,) = [one for one in buttons.runs() if one["workflow"].endswith("promote-uat.yml")]
    assert run["branch"] == "main" and run["actor"] == "ana"
    assert run["inputs"] == {"reason": "tested; $(id) ${{ x }}", "dry_run": False}
    told = json.loads(ran.out)
    assert (told["outcome"], told["run"], told["says"]) == (
        "done",
        run["id"],
        f"uat serves {buttons.commit[:10]}",
    )
    assert told["url"] in ran.err and "Plan: success" in ran.err
    assert not buttons.sandbox.forge.violations(NAME)


@pytest.mark.parametrize(
    ("outcome", "conclusion", "code", "says"),
    [
        ("failed", "failure", 5, "what served before serves now"),
        ("stranded", "failure", 6, "not everything went back"),
        ("failed", "success", 5, "what served before serves now"),  # the colour of the run says nothing
        (None, "success", 7, "is under way"),
    ],
)
def test_the_exit_code_is_that_of_the_world_and_not_of_the_run(
    cli: Cli,
    buttons: Buttons,
    github: Any,
    tmp_path: Path,
    outcome: Any,
    conclusion: str,
    code: int,
    says: str,
) -> None:
    def work(run: int) -> None:
        more = {"failure": "orders answers 500"} if outcome else {}
        more |= {"report": ("orders-qa is at version 3",)} if outcome == "stranded" else {}
        buttons.record(run, "qa", outcome, **more)
        buttons.finish(run, conclusion)

    github(work)

    ran = promote(cli, buttons, "qa")

    assert ran.code == code, ran.err
    assert says in ran.out + ran.err
    if outcome is None:  # the next ones find nobody at work
        buttons.fleet.git("push", "--quiet", "origin", ":refs/heads/release-ledger")


@pytest.mark.parametrize(
    ("conclusion", "code"), [("success", 0), ("failure", 3), ("cancelled", 4), ("startup_failure", 4)]
)
def test_a_run_that_recorded_nothing_has_changed_nothing(
    cli: Cli, buttons: Buttons, github: Any, conclusion: str, code: int
) -> None:
    github(lambda run: buttons.finish(run, conclusion))

    assert promote(cli, buttons, "uat", "--reason", "x").code == code


def test_who_waits_for_an_approval_is_told_for_which(cli: Cli, buttons: Buttons, github: Any) -> None:
    def work(run: int) -> None:
        buttons.sandbox.forge.change_run(NAME, run, status="waiting", waiting_for=["uat-approval"])
        time.sleep(2.5)
        buttons.finish(run, "failure")

    github(work)

    ran = promote(cli, buttons, "uat", "--reason", "x")

    assert "waits for the approval of uat-approval" in ran.err
    assert ran.code == 3


def test_a_rollback_and_a_deployment_have_buttons_as_well(cli: Cli, buttons: Buttons, github: Any) -> None:
    github(lambda run: buttons.finish(run, "success"))
    back = cli(
        "rollback", "uat", "--to", "v1.0.0-rc.1", "--reason", "broken", "--yes", at=buttons.fleet.clone
    )
    github(lambda run: buttons.finish(run, "success"))
    there = cli("deploy", "dev", "--yes", at=buttons.fleet.clone)

    assert (back.code, there.code) == (0, 0), back.err + there.err
    rollback, deploy = buttons.runs()[-2:]
    assert rollback["workflow"] == ".github/workflows/rollback.yml"
    assert rollback["inputs"] == {"stage": "uat", "to": "v1.0.0-rc.1", "reason": "broken", "dry_run": False}
    assert deploy["workflow"] == ".github/workflows/deploy-dev.yml"
    assert deploy["inputs"] == {"ref": buttons.commit, "dry_run": False}


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["uat"], "the button that promotes to uat wants a reason"),
        (["uat", "--reason", "x", "--new"], "--new: the button that promotes in uat does not know that"),
        (["uat", "--reason", "x", "--bump", "major"], "--bump: the button"),
        (["uat", "--reason", "x", "--ref", "HEAD"], "--ref: the button"),
        (["qa", "--reason", "x", "--regions", "us-east-1"], "--regions: the button"),
        (["qa", "--wait", "2h"], "--wait is for what runs here"),
    ],
)
def test_what_the_button_does_not_know_is_refused_before_anything_is_started(
    cli: Cli, buttons: Buttons, words: Sequence[str], cause: str
) -> None:
    before = len(buttons.runs())

    ran = promote(cli, buttons, *words)

    assert ran.code == 2
    assert ran.lines("error:")[0].startswith(cause) and ran.lines("fix:")
    assert len(buttons.runs()) == before


def test_a_plan_may_be_made_here_and_not_carried_out(cli: Cli, buttons: Buttons, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    request = {"verb": "promote", "stage": "uat", "pipeline": "fleet", "reason": "x"}
    plan.write_text(
        json.dumps({"request": request, "plan": {"digest": "d", "commit": "c"}}), encoding="utf-8"
    )

    ran = cli("apply", str(plan), "--yes", at=buttons.fleet.clone)

    assert ran.code == 3
    assert "nobody deploys from a laptop" in ran.lines("error:")[0]
    assert ran.lines("fix:") == ["release promote uat --reason TEXT; it runs there"]


def test_what_bakes_is_gone_on_with_there(cli: Cli, buttons: Buttons) -> None:
    buttons.record(59, "qa")
    try:
        ran = cli("advance", "qa", at=buttons.fleet.clone)
    finally:
        buttons.fleet.git("push", "--quiet", "origin", ":refs/heads/release-ledger")

    assert ran.code == 3
    assert ran.lines("fix:") == ["gh workflow run watch.yml; it runs there"]


def test_what_is_interrupted_leaves_the_run_alone_and_says_how_to_go_on_watching(
    cli: Cli, buttons: Buttons, github: Any
) -> None:
    import _thread

    github(lambda run: _thread.interrupt_main())

    ran = promote(cli, buttons, "uat", "--reason", "x")

    run = buttons.runs()[-1]
    assert (ran.code, run["status"]) == (130, "queued")
    assert f"gh run watch {run['id']} --repo {NAME}" in ran.err


def test_a_token_that_may_not_start_it_is_told_what_it_lacks(
    cli: Cli, buttons: Buttons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", buttons.sandbox.forge.app_token(NAME, actions="read"))

    ran = promote(cli, buttons, "uat", "--reason", "x")

    assert ran.code == 2
    assert "`actions: write`" in ran.lines("fix:")[0]


def _make_environment(buttons: Buttons, name: str) -> None:
    import httpx

    httpx.put(
        f"{buttons.sandbox.forge.api}/repos/{NAME}/environments/{name}",
        json={},
        headers={"Authorization": "Bearer ana", "User-Agent": "gh"},
        trust_env=False,
        timeout=60,
    ).raise_for_status()
