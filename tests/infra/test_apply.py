"""Applying stacks apart from a rollout, in memory: what is planned, done, recorded, and left to others."""

from typing import Any

import pytest

from release.build.target import LAMBDA
from release.core.infra_outcome import InfraPlan
from release.core.records import Event
from release.errors import Conflict, GateClosed, Misconfigured, RolloutFailed
from release.infra.apply import Asked, carry_out, plan_infra
from tests.fakes.aws import Call
from tests.fakes.world import ADA, EAST, WEST, Crash, World, fleet

BY_HAND = "Resources: {Word: {Type: Fake::Word, Properties: {Text: by hand}}}"


def asked(**more: Any) -> Asked:
    return Asked(**({"stage": "prod"} | more))


def planned(world: World, **more: Any) -> InfraPlan:
    return plan_infra(world.tools, world.setup(), asked(**more), target=LAMBDA)


def apply(world: World, **more: Any) -> Event:
    """In a process of its own."""
    world.holders.next_process()
    plan = planned(world, **more)
    assert plan.blockers == ()
    return carry_out(world.tools, world.setup(), plan, asked(**more), who=ADA, progress=lambda *_: None)


def changed_by_hand(world: World, *services: str, regions: tuple[str, ...] = (EAST, WEST)) -> World:
    for place in world.places:
        for service in services:
            if place.region in regions:
                name = world.stack_name(service)
                world.stacks.change_stack(place, name, body=BY_HAND, template="b" * 64)
    return world


def kinds(world: World) -> list[tuple[str, str | None]]:
    return [(one.kind, one.outcome) for one in world.ledger.log if one.verb == "infra"]


def test_stacks_at_their_template_are_left_alone() -> None:
    world = fleet().live("v1.0.0")

    assert planned(world).busy == ()
    assert {call.operation for call in world.stacks.calls} == {"stack"}


def test_what_somebody_has_changed_is_put_right_and_recorded_before_and_after() -> None:
    world = changed_by_hand(fleet().live("v1.0.0"), "prices")
    head = world.head
    ended = apply(world, reason="a test")

    assert planned(world).busy == ()
    assert kinds(world) == [("infra", None), ("infra-ended", "succeeded")]
    begun = world.ledger.log[-2]
    assert (begun.services, begun.reason, begun.actor) == (("prices",), "a test", "ada")
    assert begun.notes[0].startswith(f"prices-prod in {EAST}: update, template {'b' * 12} to ")
    assert [line.endswith("UPDATE_COMPLETE") for line in ended.notes] == [True, True]
    assert (world.head.serves, world.head.running) == (head.serves, None)


def test_only_what_was_named_is_changed() -> None:
    world = changed_by_hand(fleet().live("v1.0.0"), "prices", "configs")
    apply(world, services=("prices",), regions=(WEST,))

    left = {(one.service, one.place.region) for one in planned(world).busy}
    assert left == {("prices", EAST), ("configs", EAST), ("configs", WEST)}
    with pytest.raises(Misconfigured, match="has no service nobody"):
        planned(world, services=("nobody",))
    with pytest.raises(Misconfigured, match="no region moon-1"):
        planned(world, regions=("moon-1",))


def test_a_stack_that_somebody_else_is_changing_is_left_to_them() -> None:
    world = fleet().live("v1.0.0")
    world.stacks.change_stack(world.places[0], "prices-prod", status="UPDATE_IN_PROGRESS")

    with pytest.raises(Conflict, match=r"prices-prod in .* is UPDATE_IN_PROGRESS: somebody else") as busy:
        planned(world)
    assert f"wait stack-update-complete --stack-name prices-prod --region {EAST}" in busy.value.fix
    assert kinds(world) == []


def test_a_killed_apply_is_finished_by_the_next_that_waits_for_what_it_had_begun() -> None:
    world = changed_by_hand(fleet().live("v1.0.0"), "prices")

    def killed(call: Call) -> None:
        if call.operation == "change":
            raise Crash

    world.stacks.after_call = killed
    with pytest.raises(Crash):
        apply(world)
    world.stacks.after_call = lambda call: None
    assert kinds(world) == [("infra", None)]
    at_work = [world.stacks.stack(place, "prices-prod") for place in world.places]
    begun = {one.status for one in at_work if one}
    assert "UPDATE_IN_PROGRESS" in begun

    left = planned(world).busy  # what was begun is waited for, and found to be done
    assert len(left) == (1 if "UPDATE_COMPLETE" in begun else 0)
    if left:
        apply(world)
    assert planned(world).busy == ()


def test_a_failed_stack_is_recorded_and_the_others_are_done() -> None:
    world = changed_by_hand(fleet().live("v1.0.0"), "prices", "configs")
    place = next(one for one in world.places if one.region == WEST)
    world.stacks.fail_next(place, "prices-prod", "Jobs (AWS::SQS::Queue): no queue today")

    with pytest.raises(
        RolloutFailed, match=r"Jobs \(AWS::SQS::Queue\): no queue today; that stack is as it was"
    ):
        apply(world)
    assert kinds(world)[-1] == ("infra-ended", "failed")
    assert {(one.service, one.place.region) for one in planned(world).busy} == {("prices", WEST)}
    apply(world)
    assert planned(world).busy == ()


def test_nothing_is_applied_beside_a_rollout() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    plan = planned(changed_by_hand(world, "prices"))

    def crash(call: Call) -> None:
        if call.operation == "update_alias":
            raise Crash

    with pytest.raises(Crash), world.hooked(before=crash):
        world.promote("v1.1.0")
    with pytest.raises(GateClosed, match=r"promote of v1\.1\.0 by ada is under way in prod"):
        planned(world)
    # also where it has begun after the plan was shown
    with pytest.raises(GateClosed, match="under way in prod"):
        carry_out(world.tools, world.setup(), plan, asked(), who=ADA, progress=lambda *_: None)
    assert kinds(world) == []


def test_a_plan_goes_no_further_than_the_stage_that_it_was_made_for() -> None:
    world = changed_by_hand(fleet().live("v1.0.0"), "prices")
    setup, plan = world.setup(), planned(world)
    assert world.promote("v1.1.0").failure is None  # while somebody read the plan

    with pytest.raises(Conflict, match="prod has moved since this was planned"):
        carry_out(world.tools, setup, plan, asked(), who=ADA, progress=lambda *_: None)
    assert kinds(world) == []


def test_a_stack_that_is_another_one_than_was_planned_is_left_alone() -> None:
    world = changed_by_hand(fleet().live("v1.0.0"), "prices")
    plan = planned(world)
    east, west = (next(one for one in world.places if one.region == region) for region in (EAST, WEST))
    world.stacks.change_stack(west, "prices-prod", body=BY_HAND.replace("hand", "another hand"))

    with pytest.raises(RolloutFailed, match=f"prices-prod in .*{WEST} is another one than when this was pl"):
        carry_out(world.tools, world.setup(), plan, asked(), who=ADA, progress=lambda *_: None)
    assert kinds(world) == [("infra", None), ("infra-ended", "failed")]
    left = world.stacks.stack(west, "prices-prod")
    assert left is not None and "another hand" in left.body
    done = world.stacks.stack(east, "prices-prod")
    assert done is not None and "by hand" not in done.body


def test_what_serves_nothing_yet_has_no_templates_to_go_by() -> None:
    with pytest.raises(GateClosed, match="prod serves nothing yet"):
        planned(fleet())


def test_a_stage_that_came_to_be_held_while_people_read_the_plan_loses_nothing() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.roll_back()
    world.unhold()
    setup, plan = world.setup(), planned(world, contract=True)
    world.hold("it is slow again")
    with pytest.raises(GateClosed, match="prod is held by"):
        carry_out(world.tools, setup, plan, asked(contract=True), who=ADA, progress=lambda *_: None)


def test_what_comes_next_takes_nothing_away() -> None:
    with pytest.raises(Misconfigured, match="exclude each other"):
        planned(fleet().live("v1.0.0"), next=True, contract=True)


def test_a_stage_that_is_held_loses_nothing_and_may_be_put_right() -> None:
    """A rollback has just held it: what is taken away now may be what another one needs."""
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.roll_back()
    with pytest.raises(GateClosed, match="prod is held by") as refused:
        planned(world, contract=True)
    assert "leave --allow-contract out" in refused.value.fix
    assert apply(changed_by_hand(world, "prices")).outcome == "succeeded"
