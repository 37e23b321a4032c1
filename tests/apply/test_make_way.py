"""A rollback beside a promotion that is being carried out: the stage is held, and its holder goes back."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from release.apply import Applied
from release.build.target import LAMBDA
from release.core.holding import Busy, Supersede
from release.errors import Conflict, GateClosed
from release.make_way import in_the_way, make_way
from release.promotion import Draft, Request, Setup, draft_rollback
from release.promotion.gates import check_again
from tests.apply.test_baking import CANARY, canary
from tests.fakes.world import ADA, Crash, World, fleet

GRACE = replace(ADA, actor="grace")


class Onlooker:
    """The clock of who waits: time passes for those who work."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.clock.now()

    def sleep(self, seconds: float) -> None:
        time.sleep(0.001)


def ways(world: World, to: str | None = None, clock: Any = None) -> tuple[Setup, Request]:
    request = Request("rollback", "prod", to=to, reason="prices are wrong")
    said = lambda what, fields: world.said.append((what, dict(fields)))  # noqa: E731
    setup, stage = world.setup(), world.stage
    clock = clock or Onlooker(world)
    return make_way(world.ledger, world.holders, clock, setup, stage, request, who=GRACE, progress=said)


def roll_back(world: World, to: str | None = None) -> Applied | Draft:
    """As the command does. A draft: there was nothing left to do."""
    setup, request = ways(world, to)
    draft = draft_rollback(world.tools, setup, request, target=LAMBDA)
    return draft if draft.nothing is not None else world.carry_out(draft)


def beside(
    world: World, promote: Callable[[], Applied], operation: str, to: str | None = None
) -> tuple[Applied, Applied | Draft]:
    """A promotion, and a rollback that begins once the promotion has made such a call."""
    ended: list[Applied | Draft | BaseException] = []
    begun = threading.Lock()

    def rollback() -> None:
        try:
            ended.append(roll_back(world, to))
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=rollback)

    def begins(call: Any) -> None:
        if call.operation != operation or not begun.acquire(blocking=False):
            return
        thread.start()
        until = time.monotonic() + 10
        while world.ledger.newest("fleet", "prod").abort is None and time.monotonic() < until:
            time.sleep(0.001)

    with world.hooked(after=begins):
        promoted = promote()
        thread.join(timeout=10)
    (end,) = ended
    if isinstance(end, BaseException):
        raise end
    return promoted, end


@pytest.mark.parametrize("operation", ["publish", "update_alias"])
def test_the_holder_goes_back_and_nothing_is_left_to_do(operation: str) -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    promoted, end = beside(world, lambda: world.promote("v1.1.0"), operation)
    assert promoted.event.outcome == "aborted"
    assert isinstance(end, Draft) and end.nothing == "nothing to do: prod serves v1.0.0"
    assert world.all_serve("v1.0.0")
    assert world.head.held is not None and world.head.held.why == "rolled back: prices are wrong"


def test_it_is_held_in_the_same_record_in_which_the_holder_is_asked() -> None:
    world = fleet().live("v1.0.0")
    beside(world, lambda: world.promote("v1.1.0"), "update_alias")
    (asked,) = [event for event in world.ledger.log if event.kind == "abort"]
    assert (asked.actor, asked.reason) == ("grace", "prices are wrong")
    assert asked.hold == "rolled back: prices are wrong"


def test_what_bakes_in_a_process_goes_back_at_its_next_look() -> None:
    world, _ = canary(CANARY)
    began = world.clock.now()
    promoted, _ = beside(world, lambda: world.promote("v1.1.0"), "update_alias")
    assert promoted.event.outcome == "aborted"
    assert world.all_serve("v1.0.0")
    assert world.clock.now() - began < timedelta(seconds=30)


def test_a_promotion_that_was_planned_before_does_not_begin_after_it() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.build("v1.2.0")
    queued = world.draft("v1.2.0")
    beside(world, lambda: world.promote("v1.1.0"), "update_alias")
    with pytest.raises(GateClosed, match=r"held since .* by grace: rolled back: prices are wrong"):
        check_again(world.ledger, world.pipelines, queued.plan, world.clock)


def test_a_release_that_is_named_is_gone_back_to_when_the_holder_has_let_go() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    promoted, end = beside(world, lambda: world.promote("v1.2.0"), "update_alias", to="v1.0.0")
    assert promoted.event.outcome == "aborted"
    assert isinstance(end, Applied) and end.failure is None
    assert world.all_serve("v1.0.0")


def at_work(world: World, act: Callable[[], object]) -> World:
    """Somebody who began this and is not heard of any more, though the process is there."""
    with pytest.raises(Crash), world.hooked(after=_stops_after("update_alias")):
        act()
    assert world.head.running is not None
    return world


def _stops_after(operation: str) -> Callable[[Any], None]:
    stopped = False

    def stop(call: Any) -> None:
        nonlocal stopped
        stopped = stopped or call.operation == operation
        if stopped:
            raise Crash

    return stop


class Passing(Onlooker):
    """Time passes while one waits, and `then` something happens."""

    def __init__(self, world: World, then: Callable[[], None] = lambda: None) -> None:
        super().__init__(world)
        self._then = then

    def sleep(self, seconds: float) -> None:
        self._world.clock.sleep(seconds)
        self._then()


def test_a_holder_that_dies_while_it_is_waited_for_is_taken_over() -> None:
    world = fleet().live("v1.0.0")
    at_work(world, lambda: world.promote("v1.1.0"))
    assert "v1.1.0" in world.aliases.values()
    setup, request = ways(world, clock=Passing(world, then=world.holders.next_process))
    draft = draft_rollback(world.tools, setup, request, target=LAMBDA)
    assert isinstance(draft.hold, Supersede)
    assert world.carry_out(draft).failure is None
    assert world.all_serve("v1.0.0")


def test_a_holder_that_does_not_end_is_not_waited_for_for_ever() -> None:
    world = fleet().live("v1.0.0")
    at_work(world, lambda: world.promote("v1.1.0"))
    began = world.clock.now()
    with pytest.raises(Conflict, match="was asked to go back, and has not ended; prod is held") as conflict:
        ways(world, clock=Passing(world))
    assert conflict.value.fix
    assert timedelta(minutes=5) < world.clock.now() - began < timedelta(minutes=7)
    assert world.head.held is not None and world.head.abort == "prices are wrong"


def test_who_was_asked_to_go_back_before_is_not_asked_again_and_the_stage_is_held() -> None:
    world = fleet().live("v1.0.0")
    at_work(world, lambda: world.promote("v1.1.0"))
    world.abort("wrong week")
    with pytest.raises(Conflict):
        ways(world, clock=Passing(world))
    assert world.head.abort == "wrong week"
    assert world.head.held is not None and world.head.held.why == "rolled back: prices are wrong"
    with pytest.raises(Conflict):  # the same command again
        ways(world, clock=Passing(world))


def test_a_rollback_that_is_under_way_is_left_to_end() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    at_work(world, world.roll_back)
    setup, request = ways(world)
    assert request.to is None and world.head.abort is None
    assert isinstance(draft_rollback(world.tools, setup, request, target=LAMBDA).hold, Busy)


def test_where_nobody_is_at_work_nothing_is_written() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    known = len(world.ledger.log)
    _, request = ways(world)
    assert (request.to, len(world.ledger.log)) == (None, known)


def test_a_first_release_has_nothing_to_go_back_to_and_is_left_to_abort() -> None:
    world = fleet()
    world.build("v1.0.0")
    with pytest.raises(Crash), world.hooked(after=_stops_after("publish")):
        world.carry_out(world.draft("v1.0.0"))
    assert in_the_way(world.setup(), world.stage, world.holders, world.clock) is None
    assert world.head.abort is None


@pytest.mark.parametrize("tag", ["v1.1.0", "v1.2.0"])
def test_who_promotes_beside_a_canary_hears_of_it_and_of_no_weights_to_take_away(tag: str) -> None:
    world, _ = canary(CANARY)
    at_work(world, lambda: world.promote("v1.1.0"))
    assert any(serves is not None and "{'2': 0.1}" in serves for serves in world.aliases.values())
    world.build("v1.2.0")

    draft = world.draft(tag)

    assert isinstance(draft.hold, Busy) and "promote of v1.1.0 by ada is under way" in draft.hold.what
    assert (draft.plan.blockers, draft.nothing) == ((), None)
