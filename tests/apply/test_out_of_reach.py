"""Where a stage stands while a region, or all of AWS, does not answer."""

import pytest

from release.core.standing import StageStanding
from release.errors import Misconfigured, Unavailable
from release.standing import read_standing
from release.views.status import status_json, status_text
from tests.fakes.aws import Call
from tests.fakes.world import ALIAS, EAST, WEST, World, fleet
from tests.views.screens import shown, words


def standing_of(world: World) -> StageStanding:
    return read_standing(world.functions, world.ledger, world.setup(), world.stage)


@pytest.mark.parametrize("out", [EAST, WEST])
def test_the_region_that_answers_is_shown_and_the_other_named_with_the_cause(out: str) -> None:
    world = fleet().live("v1.0.0")
    with world.out(out):
        standing = standing_of(world)
    assert standing.step == "unknown"
    assert [(one.region, one.why, one.unanswered) for one in standing.out] == [
        (out, f"{out} cannot be reached", True)
    ]
    read = {one.recorded.region: (one.unread, one.lambda_version) for one in standing.functions}
    assert read == {out: (True, None), ({EAST, WEST} - {out}).pop(): (False, "1")}


def test_what_drifts_in_reach_is_drift_whatever_is_out() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.functions.change_alias(world.places[1], "prices-api", ALIAS, lambda_version="1")
    with world.out(EAST):
        standing = standing_of(world)
    assert standing.step == "drift"
    assert [one.recorded.region for one in standing.functions if one.drift] == [WEST]


def test_a_region_that_is_out_is_asked_no_more_than_it_takes_to_notice() -> None:
    world = fleet(prices=tuple(f"f{number}" for number in range(100))).live("v1.0.0")
    asked: list[Call] = []

    def refused(call: Call) -> None:
        if call.place.region == EAST and call.name:
            asked.append(call)
            raise Unavailable("us-east-1 cannot be reached", fix="wait")

    with world.hooked(before=refused):
        standing_of(world)
    assert 1 <= len(asked) <= 32


def test_when_nothing_answers_every_region_is_out_and_the_ledger_is_shown() -> None:
    world = fleet().live("v1.0.0")

    def refused(call: Call) -> None:
        if call.place in world.places:
            raise Unavailable("AWS cannot be reached", fix="wait")

    with world.hooked(before=refused):
        standing = standing_of(world)
    assert [one.region for one in standing.unanswered] == [EAST, WEST]
    assert standing.head.serves is not None and standing.head.serves.release.tag == "v1.0.0"


def test_who_may_read_nothing_is_told_so_and_need_not_try_again() -> None:
    world = fleet().live("v1.0.0")

    def denied(call: Call) -> None:
        if call.place in world.places:
            raise Misconfigured("access denied", fix="allow it")

    with world.hooked(before=denied):
        standing = standing_of(world)
    assert (standing.step, standing.note, standing.unanswered) == ("unknown", "access denied", ())


def test_nor_need_who_may_not_read_one_region() -> None:
    world = fleet().live("v1.0.0")

    def denied(call: Call) -> None:
        if call.place.region == EAST and call.operation != "account":
            raise Misconfigured("access denied", fix="allow it")

    with world.hooked(before=denied):
        standing = standing_of(world)
    assert [(one.region, one.why, one.unanswered) for one in standing.out] == [(EAST, "access denied", False)]
    assert standing.unanswered == ()


def test_people_and_machines_read_the_same() -> None:
    world = fleet().live("v1.0.0")
    with world.out(EAST):
        standing = standing_of(world)
    text = words(shown(status_text([standing], world.clock.now(), functions=True)))
    assert "prod: out of reach us-east-1: us-east-1 cannot be reached" in text
    assert text.count("out of reach") == 3
    (data,) = status_json([standing])
    assert data["out_of_reach"] == [{"region": EAST, "why": "us-east-1 cannot be reached"}]
    unread = {one["region"]: one["out_of_reach"] for one in data["functions"]}
    assert unread == {EAST: True, WEST: False}


@pytest.mark.parametrize(("back", "rest"), [(True, "rollback prod --to v1.0.0"), (False, "promote prod")])
def test_status_says_how_the_rest_of_a_partial_stage_follows(back: bool, rest: str) -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    if back:
        world.promote("v1.1.0")
        world.roll_back(regions=(WEST,))
    else:
        world.carry_out(world.draft("v1.1.0", regions=(WEST,), reason="the other is out"))
    text = words(shown(status_text([standing_of(world)], world.clock.now(), functions=False)))
    assert f"the rest, when all regions are in reach: release {rest}" in text
    (data,) = status_json([standing_of(world)])
    assert (data["partial"], data["partly_back_to"]) == ([WEST], "v1.0.0" if back else None)
