"""ci.yml as GitHub would run it on a pull request: real jobs, the real CLI, the forge of the sandbox."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import Fleet, World
from tests.e2e.texts import SHORT, service
from tests.workflows.act import Act, Run
from tests.workflows.test_act import BIN

pytestmark = [pytest.mark.prove, pytest.mark.xdist_group("act")]


class Pull:
    """A pull request of one commit on top of main, in a repository of `owner`."""

    def __init__(self, act: Act, world: World, owner: str = "") -> None:
        self._act = act
        self._world = world
        self._owner = owner or act.repository
        self._base = world.git("rev-parse", "HEAD")

    def brings(self, file: str, was: str, becomes: str) -> None:
        path = self._world.clone / file
        text = path.read_text()
        assert was in text
        path.write_text(text.replace(was, becomes))
        self._world.git("commit", "--quiet", "--all", "--message", f"feat: {becomes[:20]}")

    def opened(self) -> None:
        forge = self._world.fleet.sandbox.forge
        forge.add_pull(self._act.repository, "more", [self._world.git("rev-parse", "HEAD")], number=7)

    def run(self, job: str) -> Run:
        payload: dict[str, Any] = {
            "number": 7,
            "pull_request": {
                "number": 7,
                "base": {"sha": self._base, "ref": "main"},
                "head": {"sha": self._world.git("rev-parse", "HEAD"), "repo": {"full_name": self._owner}},
            },
            "repository": {"private": True, "full_name": self._act.repository},
        }
        return self._act.run("ci.yml", event="pull_request", job=job, payload=payload)

    def comments(self) -> list[str]:
        (pull,) = self._act.shown()["pulls"]
        return [one["body"] for one in pull["comments"]]


# A fleet of tests has no alarms, no tags and no log groups, and says so.
WAIVED = "".join(f'      {rule}: "a fleet of tests"\n' for rule in ("R0401", "R0502", "R0504", "R0605"))


def waived(name: str) -> dict[str, str]:
    """A service whose template every policy accepts."""
    files = service(name)
    template = f"services/{name}/template.yaml.j2"
    return {**files, template: f"Metadata:\n  release:\n    suppress:\n{WAIVED}{files[template]}"}


@pytest.fixture
def world(fleet: Fleet) -> World:
    return fleet.world(SHORT, files=waived)


@pytest.fixture
def pull(program: Path, world: World) -> Pull:
    return Pull(Act(program, world, BIN), world)


def test_what_the_stacks_have_not_alike_is_said_on_the_pull_request_once(pull: Pull, world: World) -> None:
    pull.brings("services/orders/service.yaml", "memory: 128", "memory: 512")
    pull.opened()

    first, second = pull.run("comment"), pull.run("comment")

    assert (first.code, second.code) == (0, 0), first.log
    (body,) = pull.comments()
    assert "128 → 512" in body and body.startswith("<!-- lambda-release: infra -->")
    assert "## Infrastructure" in first.summary


def test_what_differs_is_said_also_where_a_policy_says_no_and_the_run_is_red(
    program: Path, fleet: Fleet
) -> None:
    world = fleet.world(SHORT)
    pull = Pull(Act(program, world, BIN), world)
    pull.brings("services/orders/service.yaml", "memory: 128", "memory: 512")
    pull.opened()

    ran = pull.run("comment")

    assert ran.code != 0 and "exit status 3" in ran.log, ran.log
    assert "R0504 ApiFunction has no alarm" in ran.log
    (body,) = pull.comments()
    assert "128 → 512" in body


def test_a_pull_request_from_a_fork_has_its_summary_and_no_comment(
    program: Path,
    world: World,
) -> None:
    pull = Pull(Act(program, world, BIN), world, owner="stranger/fleet")
    pull.brings("services/orders/service.yaml", "memory: 128", "memory: 512")
    pull.opened()

    ran = pull.run("comment")

    assert "128 → 512" in ran.summary
    assert pull.comments() == []


def test_a_check_that_says_no_makes_the_job_red(pull: Pull) -> None:
    pull.brings("services/orders/orders/handler.py", "def ", "import os\n\n\ndef ")

    ran = pull.run("check")

    assert ran.code != 0
    assert "F401" in ran.log
