"""What a rollout does to stacks that have resources: what it keeps, what it refuses, what stops it."""

import json
from typing import Any

import pytest

from release.adapters.template_reader import read_document
from release.core import canonical
from release.core.infra_apply import ResourceChange
from release.core.infra_expand import MARK
from release.core.plan import Phase
from release.core.snapshot import StackFacts
from release.views.plan import plan_text
from tests.fakes.world import World, fleet
from tests.views.screens import shown, words

JOBS = ", Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: NAME}}"


def with_a_queue(name: str = "jobs") -> World:
    """v1.0.0 serves, and its stacks have a queue."""
    world = fleet()
    world.resources = JOBS.replace("NAME", name)
    return world.live("v1.0.0")


def stacks(world: World) -> list[StackFacts]:
    found = [
        world.stacks.stack(place, world.stack_name(name)) for place in world.places for name in world.services
    ]
    there = [one for one in found if one is not None]
    assert len(there) == len(found)
    return there


def documents(world: World) -> list[Any]:
    return [read_document(one.body, one.name) for one in stacks(world)]


def test_what_a_release_has_not_any_more_stays_and_the_next_plan_has_nothing_to_do_about_it() -> None:
    world = with_a_queue()
    world.resources = ""
    world.build("v1.1.0")
    text = words(shown(plan_text(world.draft("v1.1.0").plan)))
    assert "stays for now: Jobs" in text

    assert world.promote("v1.1.0").failure is None
    assert all("Jobs" in one["Resources"] for one in documents(world))
    assert {one["Outputs"][MARK]["Value"] for one in documents(world)} == {
        one.template for one in stacks(world)
    }
    world.build("v1.2.0", only="prices")  # other code, the same templates
    assert world.draft("v1.2.0").plan.in_phase(Phase.EXPAND) == ()


def test_another_text_that_means_the_same_is_no_update() -> None:
    world = with_a_queue()
    world.resources += " "
    world.build("v1.1.0")

    assert world.draft("v1.1.0").plan.in_phase(Phase.EXPAND) == ()


def test_a_replacement_of_what_holds_data_blocks_the_plan_everywhere_it_would_be() -> None:
    world = with_a_queue()
    world.tools = world.with_schemas({"AWS::SQS::Queue": ("QueueName",)})
    world.resources = JOBS.replace("NAME", "work")
    world.build("v1.1.0")
    plan = world.draft("v1.1.0").plan

    blocked = [one for one in plan.blockers if one.code == "data-at-risk"]
    assert len(blocked) == len(stacks(world))
    assert "Jobs (AWS::SQS::Queue) is replaced by Properties.QueueName" in blocked[0].message


def test_a_change_set_that_says_more_than_the_plan_changes_no_stack_and_moves_no_traffic() -> None:
    world = with_a_queue()
    world.build("v1.1.0", template="second")
    before = [one.body for one in stacks(world)]
    world.stacks.says = [ResourceChange("Jobs", "AWS::SQS::Queue", "modify", "yes")]
    applied = world.promote("v1.1.0")

    assert applied.failure is not None and "Jobs (AWS::SQS::Queue) would be replaced" in applied.failure.cause
    assert [one.body for one in stacks(world)] == before
    assert world.all_serve("v1.0.0")
    assert world.outcomes("v1.1.0") == ["errored"]
    assert world.head.quarantined == ()  # nothing says that the release is bad


def test_a_stack_that_somebody_changed_after_the_plan_is_not_changed_beyond_it() -> None:
    world = with_a_queue()
    world.tools = world.with_schemas({"AWS::SQS::Queue": ("QueueName",)})
    world.build("v1.1.0", template="second")
    draft = world.draft("v1.1.0")
    for place in world.places:
        body = stacks(world)[0].body.replace("jobs", "by-hand")
        world.stacks.change_stack(place, "prices-prod", body=body, template=canonical.sha256(body.encode()))
    applied = world.carry_out(draft)

    assert applied.failure is not None
    assert "stack prices-prod" in applied.failure.cause and "another one than when" in applied.failure.cause
    assert world.all_serve("v1.0.0")


@pytest.mark.parametrize("more", ["", ", More: {Type: AWS::SQS::Queue}"])
def test_what_is_sent_is_the_stored_template_unless_something_is_kept(more: str) -> None:
    world = with_a_queue()
    world.resources += more
    world.build("v1.1.0", template="second")
    world.promote("v1.1.0")

    for one in stacks(world):
        assert one.template == canonical.sha256(one.body.encode())
        with pytest.raises(json.JSONDecodeError):
            json.loads(one.body)
