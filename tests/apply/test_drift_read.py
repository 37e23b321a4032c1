"""What is read of a stage, and what its ledger explains: rollouts, rollbacks, regions that are out."""

import json

import pytest

from release.adapters.template_reader import read_document
from release.core.drift import ProvisionedFacts, StageDrift
from release.core.infra_expand import MARK
from release.core.orphans import TaggedStack
from release.drift import Looking, read_drift
from release.errors import RolloutFailed
from tests.fakes.aws import Call
from tests.fakes.surroundings import FakeSurroundings
from tests.fakes.world import ALIAS, EAST, WEST, Crash, Fault, World, fleet


def look(world: World, surroundings: FakeSurroundings | None = None, *, detect: bool = False) -> StageDrift:
    looking = Looking(
        world.functions,
        world.stacks,
        surroundings or FakeSurroundings(),
        world.artifacts,
        world.ledger,
        lambda text, of: {},
        read_document,
    )
    return read_drift(looking, world.setup(), world.stage, detect=detect)


def kinds(found: StageDrift) -> set[tuple[str, str, str, bool]]:
    return {(one.kind, one.function or one.service, one.region, one.harmless) for one in found.findings}


def change_code(world: World, region: str) -> None:
    place = next(place for place in world.places if place.region == region)
    world.functions.change_function(place, "prices-api", zip=b"by hand")
    version = str(world.functions.model.client(place).publish_version(FunctionName="prices-api")["Version"])
    world.functions.change_alias(place, "prices-api", ALIAS, lambda_version=version)


def test_a_stage_that_has_run_nothing_has_nothing_to_drift_from() -> None:
    found = look(fleet())
    assert (found.functions, found.findings, found.out, found.last) == (0, (), (), None)


def test_a_stage_as_its_release_left_it_does_not_drift_and_nothing_is_written() -> None:
    world = fleet().live("v1.0.0")
    with world.hooked():
        found = look(world, detect=True)
    assert (found.findings, found.out) == ((), ())
    assert found.functions == len(world.places) * len(world.names)
    assert world.writes == []


def test_a_region_that_is_out_hides_nothing_of_the_others() -> None:
    world = fleet().live("v1.0.0")
    change_code(world, EAST)
    with world.out(WEST):
        found = look(world)
    assert [one.region for one in found.out] == [WEST]
    assert found.out[0].unanswered
    assert kinds(found) == {("code", "prices-api", EAST, False)}


def test_what_a_rollout_under_way_has_moved_is_told_and_its_stacks_are_left_out() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", template="second")
    moved = 0

    def crash_after_the_first_move(call: Call) -> None:
        nonlocal moved
        moved += call.operation == "update_alias"
        if moved:
            raise Crash

    with pytest.raises(Crash), world.hooked(after=crash_after_the_first_move):
        world.promote("v1.1.0")
    found = look(world)
    assert {(one.kind, one.harmless) for one in found.findings if one.kind != "regions"} == {("moving", True)}
    assert found.drifts == ()


def test_a_stack_that_a_rollback_has_left_ahead_is_told_and_no_drift() -> None:
    world = fleet().live("v1.0.0")
    assert world.promote("v1.1.0", template="second").failure is None
    assert world.roll_back().failure is None
    found = look(world)
    assert found.drifts == ()
    assert {one.kind for one in found.findings} == {"stack"}


def test_a_stack_that_a_failed_rollout_has_left_ahead_is_told_and_no_drift() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", template="second")
    writes = fleet().live("v1.0.0").count_writes_of(lambda twin: twin.promote("v1.1.0", template="second"))
    broken = RolloutFailed("no", fix="none")
    with world.failing(Fault(writes - 3, "before", lambda: broken)):
        assert world.promote("v1.1.0").failure is not None
    found = look(world)
    assert found.drifts == ()
    assert {one.kind for one in found.findings} == {"stack"}


def test_a_template_of_ours_that_nothing_explains_is_drift() -> None:
    world = fleet().live("v1.0.0")
    body = "Resources: {Other: {Type: Fake::Other}}"
    other = world.artifacts.put(body.encode(), kind="template")
    world.stacks.change_stack(world.places[0], "prices-prod", template=other, body=body)
    assert kinds(look(world)) == {("stack", "prices", EAST, False)}


@pytest.mark.parametrize(("text", "drifts"), [("first template of prices", False), ("by hand", True)])
def test_a_stack_that_keeps_what_its_release_has_not_drifts_only_where_a_hand_was(
    text: str, drifts: bool
) -> None:
    world = fleet().live("v1.0.0")
    facts = world.stacks.stack(world.places[0], "prices-prod")
    assert facts is not None
    word = {"Type": "Fake::Word", "Properties": {"Text": text}}
    outputs = {MARK: {"Description": "what the release's template is, beside what is kept"}}
    outputs[MARK]["Value"] = facts.template
    resources = {"Word": word, "Gone": {"Type": "AWS::SQS::Queue"}}
    body = json.dumps({"Resources": resources, "Outputs": outputs})
    world.stacks.change_stack(world.places[0], "prices-prod", body=body)
    assert kinds(look(world)) == ({("stack", "prices", EAST, False)} if drifts else set())


def test_another_text_of_the_same_meaning_is_no_update_and_no_drift() -> None:
    world = fleet().live("v1.0.0")
    world.resources = " "
    with world.hooked():
        assert world.promote("v1.1.0").failure is None
    assert not [call for call in world.writes if call.operation in ("update", "change")]
    assert look(world).findings == ()


def test_a_deployment_of_some_services_is_compared_with_what_each_of_them_came_with() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", template="second")
    world.holders.next_process()
    assert world.carry_out(world.draft("v1.1.0", services=("prices",))).failure is None
    assert look(world).findings == ()


def test_a_release_in_some_regions_is_no_drift_of_the_others() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", template="second")
    world.holders.next_process()
    draft = world.draft("v1.1.0", reason="west is out", regions=(EAST,))
    assert world.carry_out(draft).failure is None
    found = look(world)
    assert found.drifts == ()
    assert {one.kind for one in found.findings} == {"regions"}


def test_a_stack_that_is_left_of_a_service_drifts_until_it_is_retired_and_is_told_then() -> None:
    world = fleet().live("v1.0.0")
    surroundings = FakeSurroundings()
    place = world.places[0]
    stack = TaggedStack("stock-prod", "CREATE_COMPLETE", "stock", "prod", attached=False)
    surroundings.stacks[place, stack.name] = stack
    (found,) = look(world, surroundings).findings
    assert (found.kind, found.service, found.region, found.harmless) == ("orphan", "stock", EAST, False)
    assert "no release has it any more: its stack stock-prod is CREATE_COMPLETE" in found.what


def test_what_stands_around_is_asked_of_every_region() -> None:
    world = fleet().live("v1.0.0")
    surroundings = FakeSurroundings()
    surroundings.capacity[world.places[1], "prices-api", ALIAS] = ProvisionedFacts("FAILED", "no room", 5)
    surroundings.changed[world.places[0], "prices-prod"] = ["Table (AWS::DynamoDB::Table) was deleted"]
    assert kinds(look(world, surroundings)) == {("provisioned", "prices-api", WEST, False)}
    assert kinds(look(world, surroundings, detect=True)) == {
        ("provisioned", "prices-api", WEST, False),
        ("stack", "prices", EAST, False),
    }
