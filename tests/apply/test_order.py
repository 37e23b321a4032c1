"""In which order a rollout touches what, and what it leaves when all goes well."""

import json

import pytest

from release.core import trailers
from release.core.records import Served
from release.core.snapshot import ALIAS_EXISTS, Invocation
from release.errors import Conflict, Unavailable
from tests.fakes.aws import Call
from tests.fakes.ports import as_written
from tests.fakes.world import ACCOUNT, ALIAS, EAST, WEST, World, fleet, is_write


def written(world: World, tag: str) -> list[tuple[str, str]]:
    """(operation, region) of every write of a promotion, in order."""
    world.writes.clear()
    with world.hooked():
        world.promote(tag)
    return [(call.operation, call.place.region) for call in world.writes]


def test_a_promotion_ends_with_every_alias_in_every_region_on_the_release() -> None:
    world = fleet().live("v1.0.0")
    applied = world.promote("v1.1.0")
    assert applied.failure is None
    assert world.all_serve("v1.1.0")
    assert world.outcomes("v1.1.0") == ["succeeded"]
    assert world.head.serves is not None
    assert world.head.serves.release.tag == "v1.1.0"


def test_no_traffic_shifts_before_every_version_in_every_region_is_prepared_and_answers() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    calls: list[Call] = []
    with world.hooked(before=calls.append):
        world.promote("v1.1.0")
    prepares = [n for n, call in enumerate(calls) if call.operation in ("update_code", "publish")]
    shifts = [n for n, call in enumerate(calls) if call.operation == "update_alias"]
    proofs = [n for n, call in enumerate(calls) if call.operation == "invoke" and n < min(shifts)]
    assert len(prepares) == 2 * 4
    assert max(prepares) < min(shifts)
    assert {(calls[n].place.region, calls[n].name) for n in proofs} == set(world.aliases)


def test_the_replica_shifts_after_the_primary_was_confirmed_through_the_alias() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    calls: list[Call] = []
    with world.hooked(before=calls.append):
        world.promote("v1.1.0")
    shifts = [(n, call.place.region) for n, call in enumerate(calls) if call.operation == "update_alias"]
    assert [region for _, region in shifts] == [EAST, EAST, WEST, WEST]
    last_east, first_west = shifts[1][0], shifts[2][0]
    between = [
        (call.name, call.place.region) for call in calls[last_east:first_west] if call.operation == "invoke"
    ]
    assert set(between) == {("prices-api", EAST), ("configs-api", EAST)}


def test_the_start_is_recorded_before_and_the_outcome_after_everything_else() -> None:
    world = fleet().live("v1.0.0")
    operations = [operation for operation, _ in written(world, "v1.1.0")]
    assert operations[0] == operations[-1] == "append"
    assert operations.count("append") == 2


def test_a_first_deploy_creates_stacks_without_triggers_then_aliases_then_attaches() -> None:
    world = fleet()
    writes = written(world, "v1.0.0")
    assert [operation for operation, _ in writes if operation != "append"] == [
        *["create"] * 4,
        *[one for one, _ in writes if one in ("update_code", "publish")],
        *["create_alias"] * 2,
        *["update"] * 2,
        *["create_alias"] * 2,
        *["update"] * 2,
    ]
    assert world.all_serve("v1.0.0")
    assert world.attached() == {True}


def test_a_changed_template_expands_the_stacks_before_versions_freeze_their_configuration() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", template="second")
    with world.hooked():
        world.promote("v1.1.0")
    operations = [call.operation for call in world.writes]
    assert operations[1:5] == ["change"] * 4
    for place in world.places:
        for name in world.names:
            alias = world.functions.alias_of(place, name, ALIAS)
            assert alias is not None
            live = world.functions.configuration(place, name, alias.lambda_version)
            assert live == world.functions.configuration(place, name)
    assert world.attached() == {True}


def test_a_promotion_of_what_runs_only_tags_and_records() -> None:
    world = fleet().live("v1.0.0")
    world.releases["v1.0.1"] = world.releases["v1.0.0"]
    assert written(world, "v1.0.1") == [("append", "remote"), ("append", "remote")]
    assert world.outcomes("v1.0.1") == ["succeeded"]
    assert set(world.ledger.tags) == {"v1.0.0", "v1.0.1"}


def test_a_service_that_did_not_change_is_not_touched() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", only="prices")
    with world.hooked():
        world.promote("v1.1.0")
    touched = {call.name for call in world.writes if call.operation != "append"}
    assert touched == {"prices-api"}
    assert {tag for (_, name), tag in world.aliases.items() if name == "configs-api"} == {"v1.0.0"}


def test_the_outcome_names_what_every_function_serves() -> None:
    world = fleet().live("v1.0.0")
    applied = world.promote("v1.1.0")
    expected = {(served.function, served.region): served.lambda_version for served in applied.event.after}
    assert expected == {(name, region): "2" for region, name in world.aliases}
    assert {served.code for served in applied.event.after} == {
        world.functions.code(world.places[0], name, "2") for name in world.names
    }


def test_the_outcome_of_a_partial_change_names_what_it_left_as_well() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", only="prices")
    applied = world.promote("v1.1.0")
    versions = {served.function: served.lambda_version for served in applied.event.after}
    assert versions == {"prices-api": "2", "configs-api": "1"}


def test_the_start_records_what_served_before() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    started = [event for event in world.ledger.log if event.kind == "started"]
    assert {served.lambda_version for served in started[0].before} == {None}
    assert {served.lambda_version for served in started[1].before} == {"1"}
    assert [as_written(event) for event in world.ledger.log] == world.ledger.log


def test_versions_and_aliases_say_which_promotion_made_them() -> None:
    world = fleet().live("v1.0.0")
    promotion = world.promote("v1.1.0").event
    place = world.places[1]
    expected = f"v1.1.0 {promotion.release.commit[:10]} by {promotion.id}"
    assert world.functions.version_description(place, "prices-api", "2") == expected
    at_two = f"v1.1.0 {promotion.release.commit[:10]} version 2 by {promotion.id}"
    alias = world.functions.alias_of(place, "prices-api", ALIAS)
    assert alias is not None and alias.description == at_two
    assert len(expected) <= 256


def test_the_tag_is_pushed_with_the_start_and_its_trailers_name_manifest_and_ledger() -> None:
    world = fleet().live("v1.0.0")
    ledger_commit = world.ledger.read().commit
    world.promote("v1.1.0")
    started = next(event for event in world.ledger.log if event.release.tag == "v1.1.0")
    assert started.release.tag_object == world.ledger.tags["v1.1.0"]
    said = trailers.parse(world.repo.tag_message(world.ledger.tags["v1.1.0"]))
    assert said["Release-Manifest"] == world.releases["v1.1.0"].manifest
    assert said["Release-Ledger"] == ledger_commit
    assert said["Release-Nonce"] == started.id


def test_a_version_with_these_bytes_and_this_configuration_is_reused() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.releases["v1.2.0"] = world.releases["v1.0.0"]
    operations = {operation for operation, _ in written(world, "v1.2.0")}
    assert operations == {"append", "update_alias"}
    assert world.all_serve("v1.0.0")


def test_a_smoke_test_without_a_verdict_is_tried_again() -> None:
    world = fleet().live("v1.0.0")
    left = {"prices-api": 2}

    def flaky(call: Call) -> None:
        if call.operation == "invoke" and call.place.region == EAST and left.get(call.name, 0):
            left[call.name] -= 1
            raise Unavailable("throttled", fix="wait")

    world.build("v1.1.0")
    with world.hooked(before=flaky):
        assert world.promote("v1.1.0").failure is None
    assert world.clock.sleeps == [0.5, 1.0]


def test_a_plan_with_blockers_is_never_carried_out() -> None:
    world = fleet().live("v1.0.0")
    release = world.build("v1.1.0")
    draft = world.draft("v1.1.0")
    world.artifacts.lose(draft.wanted[0].artifact, WEST)
    blocked = world.draft("v1.1.0")
    assert [blocker.code for blocker in blocked.plan.blockers] == ["artifact-lost"]
    with pytest.raises(AssertionError, match="blockers"):
        world.carry_out(blocked)
    assert release.tag not in world.ledger.tags


def test_nobody_starts_beside_a_living_holder() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.build("v1.2.0")
    drafts = [world.draft("v1.1.0"), world.draft("v1.2.0")]
    refused: list[str] = []

    def second(call: Call) -> None:
        if call.operation == "publish" and not refused:
            refused.append("")
            with pytest.raises(Conflict) as stale:
                world.carry_out(drafts[1])
            with pytest.raises(Conflict, match="by ada is under way") as busy:
                world.carry_out(world.draft("v1.2.0"))
            refused[:] = [stale.value.cause, busy.value.fix]

    with world.hooked(before=second):
        assert world.carry_out(drafts[0]).failure is None
    assert refused == [
        "somebody else is at it: prod has moved on",
        "wait until it has ended, or `release abort prod --reason …`",
    ]
    assert world.all_serve("v1.1.0")
    assert "v1.2.0" not in world.ledger.tags


def test_the_watcher_hears_of_the_hold_every_phase_every_step_and_the_end() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    assert [what for what, _ in world.said if what != "step"] == ["hold", *["phase"] * 3, "sealed"]
    steps = [
        (fields["phase"], fields["name"], fields["region"]) for what, fields in world.said if what == "step"
    ]
    for phase in ("prepare", "shift", "confirm"):
        assert {(region, name) for one, name, region in steps if one == phase} == set(world.aliases)
    json.dumps(world.said)


def test_a_rollback_moves_the_aliases_to_the_recorded_versions_and_nothing_else() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0", template="second")
    world.writes.clear()
    with world.hooked():
        applied = world.roll_back()
    assert applied.failure is None
    assert {call.operation for call in world.writes} == {"append", "update_alias"}
    assert world.all_serve("v1.0.0")
    assert world.head.serves is not None
    assert (world.head.serves.release.tag, world.head.serves.verb) == ("v1.0.0", "rollback")
    assert set(world.ledger.tags) == {"v1.0.0", "v1.1.0"}
    assert set(applied.event.after) == {
        Served("prices" if "prices" in name else "configs", name, ACCOUNT, region, "1", code)
        for region, name in world.aliases
        for code in [world.functions.code(world.places[0], name, "1")]
    }


def test_a_stack_that_changes_by_hand_between_plan_and_start_is_updated_to_the_plan() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", template="second")
    draft = world.draft("v1.1.0")
    world.stacks.change_stack(world.places[0], "prices-prod", status="UPDATE_ROLLBACK_COMPLETE")
    assert world.carry_out(draft).failure is None
    assert world.all_serve("v1.1.0")


def test_a_handler_without_a_word_about_its_status_passes() -> None:
    world = fleet()
    world.functions.handler = lambda place, name, version, payload: Invocation(200, None, version, b"")
    assert world.promote("v1.0.0").failure is None


def test_stacks_carry_their_service_and_stage_as_tags() -> None:
    world = fleet().live("v1.0.0")
    assert world.stacks.tags(world.places[0], "prices-prod") == {
        "release:service": "prices",
        "release:stage": "prod",
    }
    stack = world.stacks.stack(world.places[1], "prices-prod")
    assert stack is not None
    assert stack.parameters == {ALIAS_EXISTS: "true"}


def test_every_write_of_a_promotion_is_counted_as_one() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    assert world.count_writes_of(lambda world: world.promote("v1.1.0")) == 2 + 4 * 3
    assert all(is_write(call) for call in world.writes)
