"""What a rollout will cost, said before it begins."""

from dataclasses import replace
from datetime import timedelta

import pytest

from release.core.actions import ApplyStack, ShiftAlias, Verify
from release.core.cost import Calls, cost
from release.core.limits import CONTROL_CALLS, GET_FUNCTION_CALLS
from release.core.models import AllAtOnce
from release.core.plan import Phase, Plan, Step
from release.core.rollback import rollback_steps
from release.core.rollout import rollout_steps, waves_of
from tests.core.test_plan import EAST, NEW, TEMPLATE, WEST, Copy, recorded, target, world
from tests.core.test_waves import PLACES, plan, steps_of

AT_ONCE = {place.region: AllAtOnce() for place in PLACES}
BOTH = (Copy(), Copy(place=WEST))


def all_at_once(*copies: Copy) -> Plan:
    steps, _, _ = rollout_steps([target()], world(*copies), alias="live", rollouts=AT_ONCE)
    return plan(steps, AT_ONCE)


def test_new_code_costs_five_control_calls_in_the_last_region_and_six_before_it() -> None:
    # ListVersions, UpdateFunctionCode, PublishVersion, UpdateAlias, GetAlias; and GetAlias again at the end
    assert cost(all_at_once(*BOTH)).calls == {"us-east-1": Calls(6, 3), "us-west-2": Calls(5, 3)}


def test_places_are_prepared_side_by_side_and_moved_one_after_the_other() -> None:
    prepared, moved_and_confirmed, at_the_end = 3, 2, 1
    calls = prepared + 2 * moved_and_confirmed + at_the_end
    assert cost(all_at_once(*BOTH)).seconds == pytest.approx(calls / CONTROL_CALLS.per_second)


def test_a_rollback_costs_two_control_calls_for_each_function_in_all_regions_at_once() -> None:
    records = [recorded(place=EAST), recorded(place=WEST)]
    steps, _, _ = rollback_steps([target()], records, world(*BOTH), alias="live")
    found = cost(replace(plan(steps), waves=waves_of(steps, PLACES, {}), rollouts={}))
    assert found.calls == {"us-east-1": Calls(2), "us-west-2": Calls(2)}
    assert found.seconds == pytest.approx(2 / CONTROL_CALLS.per_second)
    assert found.bakes == found.longest_bakes == timedelta(0)


def test_a_version_that_has_to_be_published_again_costs_a_rollback_three_more() -> None:
    records = [recorded()]
    gone = frozenset({records[0].where})
    steps, _, _ = rollback_steps([target()], records, world(Copy()), alias="live", gone=gone)
    found = cost(replace(plan(steps), waves=waves_of(steps, PLACES, {}), rollouts={}))
    assert found.calls["us-east-1"].control == 5


def test_each_step_of_a_canary_costs_a_call_and_a_bake_that_may_be_put_off_twice() -> None:
    found = cost(plan(steps_of(*BOTH)))
    assert found.calls == {"us-east-1": Calls(3 + 3 + 1 + 1, 3), "us-west-2": Calls(5, 3)}
    assert found.bakes == timedelta(minutes=10)
    assert found.longest_bakes == timedelta(minutes=30)


def test_who_goes_on_with_a_canary_pays_for_what_is_left() -> None:
    half = Copy(weights=(("2", 0.5),))
    found = cost(plan(steps_of(half, Copy(place=WEST), again=True)))
    assert found.calls["us-east-1"] == Calls(1 + 1 + 1, 1)  # the version is known


def test_a_first_deploy_names_its_stacks_and_looks_at_every_alias_again_after_the_triggers() -> None:
    steps, _, _ = rollout_steps(
        [target()], world(Copy(there=False), status=None), alias="live", rollouts=AT_ONCE
    )
    found = cost(replace(plan(steps, AT_ONCE), places=(EAST,)))
    assert found.stacks == 2
    assert found.calls == {"us-east-1": Calls(6, 3)}


def test_a_stack_costs_no_call_of_ours() -> None:
    apply = ApplyStack("prices", EAST, "prices-prod", TEMPLATE, True, False)
    found = cost(plan((Step(Phase.EXPAND, apply),), AT_ONCE))
    assert found.stacks == 1
    assert found.seconds == 0
    assert set(found.calls.values()) == {Calls()}


def test_nothing_to_do_costs_nothing() -> None:
    found = cost(all_at_once(Copy(code=NEW), Copy(place=WEST, code=NEW)))
    assert (found.seconds, found.stacks, set(found.calls.values())) == (0, 0, {Calls()})


def test_the_quota_that_is_used_up_last_says_how_long_it_takes() -> None:
    assert Calls(control=14).seconds == 1
    assert Calls(get_function=900).seconds == 900 / GET_FUNCTION_CALLS.per_second


def test_a_hundred_functions_take_as_long_as_their_calls() -> None:
    moves = [
        ShiftAlias("prices", EAST, f"f{n}", "live", before="1", revision="r", to="2") for n in range(100)
    ]
    steps = tuple(Step(Phase.SHIFT, move) for move in moves)
    found = cost(replace(plan(steps), waves=waves_of(steps, PLACES, {}), rollouts={}))
    assert found.calls["us-east-1"].control == 200
    assert found.seconds == pytest.approx(200 / 14)


def test_what_verifies_a_stage_is_followed_by_a_last_look_at_every_alias() -> None:
    verify = Step(Phase.VERIFY, Verify(EAST, ("pytest", "-q"), 60))
    quiet = all_at_once(*BOTH)
    found = cost(replace(quiet, steps=(*quiet.steps, verify)))
    assert found.calls == {"us-east-1": Calls(6, 3), "us-west-2": Calls(6, 3)}
    back = replace(quiet, waves=waves_of(quiet.steps, PLACES, {}), rollouts={})
    assert cost(back).calls["us-west-2"] == Calls(5, 3)
    assert cost(replace(back, steps=(*back.steps, verify))).calls["us-west-2"] == Calls(6, 3)
