"""Somebody moves an alias by hand during a promotion: theirs stays, and the report says who holds what."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.fleet import World
from tests.e2e.processes import Ended, Running
from tests.e2e.texts import PRIMARY, REGIONS, REPLICA

PROMOTE = ("promote", "prod", "--yes")
OLD = {(name, region): "1" for name in ("orders", "stock") for region in REGIONS}
BEFORE_OUR_UPDATE = {"method": "PUT", "path": "/functions/orders-prod/aliases/live"}
BEFORE_OUR_SMOKE_TEST = {"method": "POST", "path": r"/functions/orders-prod/invocations\?Qualifier=live"}


def held(world: World, call: Mapping[str, str], region: str) -> Running:
    """A promotion whose first such call is on its way until `let_go`; then it is carried out."""
    world.fleet.sandbox.faults([{"service": "lambda", "region": region, "times": 1, "hold": True, **call}])
    running = world.start(*PROMOTE)
    world.until(lambda: bool(world.fleet.sandbox.fired()))
    return running


def let_go(world: World, running: Running) -> Ended:
    world.fleet.sandbox.faults([])
    return running.wait()


def move_by_hand(world: World, region: str) -> dict[str, Any]:
    """What a person does in the console: a version of their own goes live at once."""
    functions = world.functions("prod", region)
    functions.update_function_configuration(FunctionName="orders-prod", MemorySize=512)
    world.until(
        lambda: (
            functions.get_function_configuration(FunctionName="orders-prod")["LastUpdateStatus"]
            == "Successful"
        )
    )
    version = functions.publish_version(FunctionName="orders-prod", Description="hot fix")["Version"]
    functions.update_alias(
        FunctionName="orders-prod", Name="live", FunctionVersion=version, Description="by hand"
    )
    return unanswered(functions.get_alias(FunctionName="orders-prod", Name="live"))


def unanswered(alias: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (alias or {}).items() if key != "ResponseMetadata"}


def assert_theirs_alone(world: World, region: str, theirs: Mapping[str, Any]) -> None:
    """Their alias is untouched, to the revision; every other one serves what it served before."""
    assert unanswered(world.alias("orders", "prod", region)) == theirs
    assert world.live("prod") == {**OLD, ("orders", region): theirs["FunctionVersion"]}


@pytest.mark.prove
@pytest.mark.parametrize("region", [PRIMARY, REPLICA])
def test_an_alias_moved_before_our_update_stays_until_the_next_promotion(
    updating: World, region: str
) -> None:
    running = held(updating, BEFORE_OUR_UPDATE, region)
    theirs = move_by_hand(updating, region)
    ended = let_go(updating, running)

    assert ended.code == 5, str(ended)
    assert_theirs_alone(updating, region, theirs)
    assert "somebody else" in ended.err
    assert "what we had moved is back" in ended.err
    assert updating.remote.head("prod")["serves"]["release"]["tag"] == "v1.0.0"
    assert updating.remote.ledger()[-1]["outcome"] == "errored"

    # What somebody has done by hand is shown, and the next promotion takes it back.
    plan = updating.release("plan", "promote", "prod")
    assert f"{theirs['FunctionVersion']} · " in plan.out
    updating.release(*PROMOTE)
    assert {updating.says("orders", "prod", region) for region in REGIONS} == {"2"}


@pytest.mark.prove
@pytest.mark.parametrize("region", REGIONS)
def test_an_alias_moved_after_our_update_stays_and_is_reported(updating: World, region: str) -> None:
    running = held(updating, BEFORE_OUR_SMOKE_TEST, region)
    theirs = move_by_hand(updating, region)
    ended = let_go(updating, running)

    assert ended.code == 6, str(ended)
    assert_theirs_alone(updating, region, theirs)
    outcome = updating.remote.ledger()[-1]
    assert outcome["outcome"] == "stranded"
    (line,) = outcome["report"]
    for said in ("orders-prod", region, f"version {theirs['FunctionVersion']}", "before: version 1"):
        assert said in line
        assert said in ended.err


@pytest.mark.prove
def test_an_alias_moved_while_the_other_region_is_at_work_is_noticed_before_success(updating: World) -> None:
    running = held(updating, BEFORE_OUR_UPDATE, REPLICA)
    theirs = move_by_hand(updating, PRIMARY)
    ended = let_go(updating, running)

    assert ended.code == 6, str(ended)
    assert_theirs_alone(updating, PRIMARY, theirs)
    assert "orders-prod in us-east-1" in updating.remote.ledger()[-1]["report"][0]
