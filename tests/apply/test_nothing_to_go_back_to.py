"""A rollback without a target says what else there is to do."""

import pytest

from release.errors import GateClosed
from tests.fakes.world import EAST, WEST, fleet


def test_after_one_release_there_is_nothing_but_a_fix() -> None:
    with pytest.raises(GateClosed, match="no good release before the one that serves") as refused:
        fleet().live("v1.0.0").rollback_draft()
    assert refused.value.fix == "promote a fix: it has run nothing else with success"


def test_a_release_that_never_ran_is_refused_with_those_that_did() -> None:
    world = fleet().live("v1.0.0")
    for tag in ("v1.1.0", "v1.2.0"):
        assert world.promote(tag).failure is None
    with pytest.raises(GateClosed, match=r"never ran v9\.9\.9") as refused:
        world.rollback_draft("v9.9.9")
    assert refused.value.fix == "name one that it ran with --to: v1.1.0, v1.0.0"


def test_a_version_that_is_gone_with_its_artifact_is_a_blocker_before_anything_starts() -> None:
    world = fleet().live("v1.0.0")
    assert world.promote("v1.1.0").failure is None
    code = {
        one.region: one.code
        for one in world.ledger.event(world.ledger.read(), world.head.history[0].record).after
    }
    for place in world.places:
        for name in world.names:
            world.functions.model.functions[place, name].versions.pop("1")
    assert world.rollback_draft().plan.blockers == ()  # they are published again

    world.artifacts.lose(code[WEST] or "", WEST)
    lost = world.rollback_draft().plan.blockers
    assert {(one.code, one.message.split()[5]) for one in lost} == {("artifact-lost", WEST)}
    assert EAST not in {one.message.split()[5] for one in lost}
