"""A workflow run that ended without a word: whoever comes takes over once GitHub says that it has."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from release.adapters.holders import ProcessHolders
from release.apply import Paused
from release.build.target import LAMBDA
from release.core.forge.facts import RunFacts
from release.core.holding import Busy, Supersede
from release.core.records import moment
from release.errors import Conflict, RolloutFailed, Unavailable
from release.make_way import in_the_way, make_way
from release.promotion import Request, draft_rollback
from tests.apply.test_baking import CANARY, canary, ended
from tests.fakes.traffic import Traffic
from tests.fakes.world import ADA, Crash, World

RUN = RunFacts(
    77, 1, ".github/workflows/x.yml", "push", "in_progress", None, "1" * 40, None, "x", "ada", "", ""
)


class GitHub:
    """Tells about one run, as long as it can be reached."""

    def __init__(self) -> None:
        self.run: RunFacts | None = RUN
        self.asked = 0

    def __call__(self, id: int) -> RunFacts | None:
        assert id == RUN.id
        self.asked += 1
        if self.run is None:
            raise Unavailable("GitHub is out of reach", fix="wait")
        return self.run


def killed(github: GitHub) -> tuple[World, Traffic]:
    """v1.1.0 has 10 % of the primary region and begins to fail; its runner is gone, and so is its machine."""
    world, traffic = canary()
    began = world.clock.now()

    def dies(place: Any) -> None:
        asked(place)
        if world.clock.now() - began > timedelta(seconds=20):
            raise Crash

    asked, traffic._ask = traffic._ask, dies  # type: ignore[method-assign]
    world.holders.run = "77.1"
    with pytest.raises(Crash):
        world.promote("v1.1.0")
    traffic._ask = asked  # type: ignore[method-assign]
    traffic.bad["v1.1.0"] = 0.2
    new_process(world, github)
    return world, traffic


def new_process(world: World, github: GitHub) -> None:
    """On another machine than whoever is at work."""
    world.tools = replace(world.tools, holders=ProcessHolders({}, github))


def test_advance_judges_a_canary_as_soon_as_the_run_has_ended() -> None:
    github = GitHub()
    world, _ = killed(github)
    found = world.advance()
    assert isinstance(found, Paused) and "promote of v1.1.0 by ada is under way" in found.why
    assert github.asked == 1
    github.run = replace(RUN, status="completed", conclusion="failure")
    new_process(world, github)
    applied = ended(world.advance())
    assert isinstance(applied.failure, RolloutFailed)
    assert "10 % of the traffic in us-east-1 failed" in applied.failure.cause
    assert world.all_serve("v1.0.0")
    assert github.asked == 2


def test_where_github_cannot_be_asked_next_by_decides() -> None:
    github = GitHub()
    github.run = None
    world, _ = killed(github)
    assert isinstance(world.advance(), Paused)
    assert world.head.running is not None
    world.clock.sleep((moment(world.head.running.next_by) - world.clock.now()).total_seconds() + 1)
    assert isinstance(ended(world.advance()).failure, RolloutFailed)
    assert world.all_serve("v1.0.0")


def test_the_same_promotion_goes_on_under_its_id_and_another_ends_it() -> None:
    github = GitHub()
    world, traffic = killed(github)
    running = world.head.running
    assert running is not None
    assert isinstance(world.draft("v1.1.0").hold, Busy)
    github.run = replace(RUN, attempt=2)  # somebody has run it again
    new_process(world, github)
    traffic.bad.clear()
    world.build("v1.2.0")
    assert isinstance(world.draft("v1.2.0").hold, Supersede)
    applied = world.carry_out(world.draft("v1.1.0"))
    assert (applied.failure, applied.event.id) == (None, running.id)
    assert world.all_serve("v1.1.0")


def test_a_rollback_waits_for_no_run_that_has_ended_and_asks_once() -> None:
    github = GitHub()
    world, _ = killed(github)
    github.run = replace(RUN, status="completed", conclusion="cancelled")
    request = Request("rollback", "prod", reason="customers see errors")
    began, holders = world.clock.now(), world.tools.holders
    assert in_the_way(world.setup(), world.stage, holders, world.clock) is None
    setup, request = make_way(
        world.ledger, holders, world.clock, world.setup(), world.stage, request,
        who=ADA, progress=lambda what, fields: None,
    )  # fmt: skip
    draft = draft_rollback(world.tools, setup, request, target=LAMBDA)
    assert world.carry_out(draft).failure is None
    assert world.all_serve("v1.0.0")
    assert world.clock.now() - began < timedelta(seconds=30)
    assert github.asked == 1


def test_a_rollback_beside_a_run_that_goes_on_asks_github_once_however_long_it_waits() -> None:
    github = GitHub()
    world, _ = killed(github)
    with pytest.raises(Conflict, match="was asked to go back, and has not ended"):
        make_way(
            world.ledger, world.tools.holders, world.clock, world.setup(), world.stage,
            Request("rollback", "prod", reason="customers see errors"),
            who=ADA, progress=lambda what, fields: None,
        )  # fmt: skip
    assert github.asked == 1


def test_nobody_asks_about_the_run_that_left_something_to_bake() -> None:
    github = GitHub()
    world, _ = canary(replace(CANARY, bake=timedelta(hours=2)))
    world.holders.run = "77.1"
    assert world.promote("v1.1.0").paused is not None
    new_process(world, github)
    world.clock.sleep(600)
    assert isinstance(world.advance(), Paused)
    assert in_the_way(world.setup(), world.stage, world.tools.holders, world.clock) is None
    assert github.asked == 0
