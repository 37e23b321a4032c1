"""What a plan says it will cost, beside what carrying it out then asked of AWS."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from release.build.target import LAMBDA
from release.core.cost import Calls, cost
from release.promotion import Draft, Request, draft_rollback
from tests.fakes.aws import ApiCall
from tests.fakes.world import EAST, WEST, World, fleet

ROOT = Path(__file__).resolve().parents[2]
TOO_MANY = 1.1  # an estimate may be above what is then called by a tenth, and never below


@contextmanager
def counting(world: World) -> Iterator[Counter[tuple[str, str]]]:
    """(kind, region) -> calls of the API while the block runs, below every retry."""
    counted: Counter[tuple[str, str]] = Counter()
    lock, before = threading.Lock(), world.functions.way

    def way(call: ApiCall, answer: Callable[..., Any]) -> Any:
        kinds = {"get_function": "get_function", "invoke": "invoke"}
        with lock:
            counted[kinds.get(call.method, "control"), call.place.region] += 1
        return before(call, answer)

    world.functions.way = way
    try:
        yield counted
    finally:
        world.functions.way = before


def carried_out(world: World, draft: Draft) -> tuple[dict[str, Calls], dict[str, Calls]]:
    """Estimate and real calls, by region."""
    estimate = cost(draft.plan)
    with counting(world) as counted:
        assert world.carry_out(draft).failure is None
    regions = [place.region for place in world.places]
    real = {region: Calls(counted["control", region], counted["get_function", region]) for region in regions}
    return dict(estimate.calls), real


def promotion(world: World, tag: str, **built: Any) -> Draft:
    world.build(tag, **built)
    world.holders.next_process()
    return world.draft(tag)


def rollback(world: World) -> Draft:
    world.holders.next_process()
    request = Request(verb="rollback", stage="prod", reason="prices are wrong")
    return draft_rollback(world.tools, world.setup(), request, target=LAMBDA)


def five_functions(*regions: str) -> World:
    return fleet(regions=regions, prices=("api", "nightly"), configs=("api", "feed", "audit"))


@pytest.mark.parametrize("regions", [(EAST,), (EAST, WEST)])
@pytest.mark.parametrize("kind", ["first deploy", "new code", "one service", "new template", "rollback"])
def test_an_estimate_of_control_calls_is_what_they_are_then(kind: str, regions: tuple[str, ...]) -> None:
    world = five_functions(*regions)
    match kind:
        case "first deploy":
            draft = promotion(world, "v1.0.0")
        case "new code":
            draft = promotion(world.live("v1.0.0"), "v1.1.0")
        case "one service":
            draft = promotion(world.live("v1.0.0"), "v1.1.0", only="prices")
        case "new template":
            draft = promotion(world.live("v1.0.0"), "v1.1.0", template="second")
        case _:
            world.live("v1.0.0").promote("v1.1.0")
            draft = rollback(world)
    estimate, real = carried_out(world, draft)
    for region in regions:
        assert real[region].control > 0
        assert real[region].control <= estimate[region].control <= TOO_MANY * real[region].control


def test_get_function_is_called_as_often_as_was_said_and_once_more_for_every_wait() -> None:
    world = five_functions(EAST)
    estimate, real = carried_out(world, promotion(world.live("v1.0.0"), "v1.1.0"))
    waits = 2 * 5  # after each update and each publish, the fake is InProgress for one look
    assert estimate[EAST].get_function <= real[EAST].get_function <= estimate[EAST].get_function + waits


def test_waiting_never_draws_on_the_fifteen_a_second() -> None:
    world = five_functions(EAST)
    asked: set[str] = set()
    before = world.functions.way

    def way(call: ApiCall, answer: Callable[..., Any]) -> Any:
        asked.add(call.method)
        return before(call, answer)

    world.functions.way = way
    world.live("v1.0.0").promote("v1.1.0", template="second")
    world.roll_back()
    assert "get_function" in asked
    assert asked.isdisjoint({"get_function_configuration", "get_waiter"})


def test_no_adapter_knows_the_call_that_draws_on_them() -> None:
    texts = [path.read_text() for path in (ROOT / "release" / "adapters").rglob("*.py")]
    assert any("get_function(" in text for text in texts)
    assert not any("get_function_configuration" in text or "get_waiter" in text for text in texts)


def test_a_version_that_is_there_already_costs_less_than_was_said() -> None:
    world = five_functions(EAST).live("v1.0.0")
    world.promote("v1.1.0")
    world.releases["v1.2.0"] = world.releases["v1.0.0"]
    world.holders.next_process()
    estimate, real = carried_out(world, world.draft("v1.2.0"))
    assert estimate[EAST].control == 5 * 5
    assert real[EAST].control == 5 * 3
