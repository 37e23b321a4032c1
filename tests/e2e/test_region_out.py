"""A region is out, or somebody is at work, when users suffer: a rollback goes ahead where it can."""

import json

import pytest

from tests.e2e.fleet import World
from tests.e2e.texts import PRIMARY, REPLICA

PROMOTE = ("promote", "prod", "--yes")
ROLLBACK = ("rollback", "prod", "--reason", "prices are wrong", "--yes")
OUT = {"service": "lambda", "region": PRIMARY, "status": 503}


def versions(world: World, region: str) -> set[str | None]:
    return {version for (_, where), version in world.live("prod").items() if where == region}


@pytest.mark.prove
def test_the_regions_in_reach_go_back_and_the_one_that_was_out_follows(updating: World) -> None:
    updating.release(*PROMOTE)
    updating.fleet.sandbox.faults([OUT])

    status = updating.release("status", "prod", "--json", ends=4)
    (stage,) = json.loads(status.out)
    assert [one["region"] for one in stage["out_of_reach"]] == [PRIMARY]
    assert {one["lambda_version"] for one in stage["functions"] if one["region"] == REPLICA} == {"2"}
    assert f"{PRIMARY} of prod cannot be reached" in status.err

    updating.release(*ROLLBACK, ends=4)
    done = updating.release(*ROLLBACK, "--regions", REPLICA)
    assert f"{REPLICA} of prod serves v1.0.0, and is held" in done.out
    updating.fleet.sandbox.faults([])
    assert (versions(updating, PRIMARY), versions(updating, REPLICA)) == ({"2"}, {"1"})
    assert f"v1.0.0 is in {REPLICA} only" in updating.release("status", "prod").out

    updating.release(*ROLLBACK)
    assert set(updating.live("prod").values()) == {"1"}
    head = updating.remote.head("prod")
    assert "partial" not in head and head["serves"]["release"]["tag"] == "v1.0.0"
    assert "in step" in updating.release("status", "prod").out
    updating.release("audit", "verify", "--without-aws", "--without-github")
    updating.remote.assert_no_half_state()


@pytest.mark.prove
@pytest.mark.parametrize("button", [False, True])
def test_a_rollback_beside_a_living_promotion_has_it_go_back_and_holds_the_stage(
    updating: World, button: bool
) -> None:
    held = {"service": "lambda", "region": REPLICA, "method": "PUT", "path": r"/aliases/", "hold": True}
    updating.fleet.sandbox.faults([held])
    promotion = updating.start(*PROMOTE)
    updating.until(lambda: bool(updating.fleet.sandbox.fired()))  # the primary region has moved
    if button:
        updating.release("plan", *ROLLBACK[:-1], "--out", "plan.json")
    rollback = updating.start(*(("apply", "plan.json", "--yes") if button else ROLLBACK))
    updating.until(lambda: "abort" in updating.remote.head("prod"))
    updating.fleet.sandbox.faults([])

    done, ended = rollback.wait(), promotion.wait()
    assert done.code == 0, str(done)
    assert "is to go back; prod is held" in done.err
    assert "nothing to do: prod serves v1.0.0, and is held: release unhold prod" in done.out
    assert (ended.code, "aborted: prices are wrong" in ended.err) == (5, True), str(ended)
    assert set(updating.live("prod").values()) == {"1"}
    assert updating.remote.head("prod")["held"]["why"] == "rolled back: prices are wrong"
    assert "is held" in updating.release(*PROMOTE, ends=3).err
    updating.release("audit", "verify", "--without-aws", "--without-github")
