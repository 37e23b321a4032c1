"""What a rollout will cost, in the plan that people say yes to."""

from dataclasses import replace

from release.core.plan import Plan
from release.views.cost import cost_json, cost_text
from release.views.plan import plan_json, plan_text
from tests.core.test_cost import all_at_once
from tests.core.test_plan import WEST, Copy
from tests.core.test_waves import plan, steps_of
from tests.fakes.world import EAST, World, fleet
from tests.views.screens import shown


def hundred() -> World:
    return fleet(regions=(EAST,), **{f"s{n}": tuple(f"f{k}" for k in range(10)) for n in range(10)})


def test_a_plan_says_how_many_calls_it_makes_and_how_long_these_take_at_least() -> None:
    world = hundred().live("v1.0.0")
    world.build("v1.1.0")
    drafted = world.draft("v1.1.0").plan
    line = "cost: about 500 control calls in us-east-1, 36 s at 14/s"
    assert cost_text(drafted) == line
    assert shown(plan_text(drafted)).splitlines()[-1] == f"  {line}"


def test_regions_are_prepared_together_and_named_one_by_one() -> None:
    found = cost_text(all_at_once(Copy(), Copy(place=WEST)))
    assert found == "cost: about 6 control calls in us-east-1 and 5 in us-west-2, 1 s at 14/s"


def test_a_canary_says_how_long_it_bakes_and_how_long_at_most() -> None:
    found = cost_text(plan(steps_of(Copy(), Copy(place=WEST))))
    assert found is not None
    assert found.endswith(", then 10 min of baking (up to 30 min without a verdict)")


def test_what_cannot_be_said_is_called_unknown() -> None:
    world = fleet(regions=(EAST,), prices=("api",))
    world.build("v1.0.0")
    assert cost_text(world.draft("v1.0.0").plan) == (
        "cost: about 6 control calls in us-east-1, 1 s at 14/s, and the minutes that AWS takes for 2 stacks"
    )


def test_a_plan_without_steps_says_nothing_of_cost() -> None:
    nothing: Plan = replace(plan(()), waves=())
    assert cost_text(nothing) is None


def test_machines_get_numbers() -> None:
    drafted = plan(steps_of(Copy(), Copy(place=WEST)))
    assert plan_json(drafted)["cost"] == cost_json(drafted)
    assert cost_json(drafted) == {
        "control_calls": {"us-east-1": 8, "us-west-2": 5},
        "get_function_calls": {"us-east-1": 3, "us-west-2": 3},
        "seconds_at_least": 1,
        "bake_seconds": 600,
        "bake_seconds_at_most": 1800,
        "stack_operations": 0,
    }
