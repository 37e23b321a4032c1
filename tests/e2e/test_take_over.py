"""A promotion is killed half-way, and another command takes the stage over."""

import pytest

from tests.e2e.fleet import World
from tests.e2e.kill_points import PUSH, Point, kill_at
from tests.e2e.texts import PRIMARY, REPLICA

PROMOTE = ("promote", "prod", "--yes")
# The primary region has moved, the replica has not.
BETWEEN_REGIONS = Point("UpdateAlias", 3, "before")
FAILS_IN_THE_REPLICA = """\
import os

RELEASE = "1"
if os.environ["AWS_REGION"] == "us-west-2":
    raise RuntimeError("no route to the replica")


def handler(event, context):
    return {"statusCode": 200, "body": RELEASE}
"""
OLD = {(name, region): "1" for name in ("orders", "stock") for region in (PRIMARY, REPLICA)}
HALF = {**OLD, ("orders", PRIMARY): "2", ("stock", PRIMARY): "2"}


@pytest.fixture
def half_way(updating: World) -> World:
    """v1.1.0 was killed after the primary region had moved, and before the replica did."""
    kill_at(updating, BETWEEN_REGIONS, *PROMOTE)
    assert updating.live("prod") == HALF
    return updating


@pytest.mark.prove
def test_a_rollback_after_a_kill_goes_back_to_what_served_before(half_way: World) -> None:
    half_way.release("rollback", "prod", "--reason", "killed half-way", "--yes")

    assert half_way.live("prod") == OLD
    assert half_way.says("orders", "prod", PRIMARY) == "1"
    head = half_way.remote.head("prod")
    assert "running" not in head
    assert head["serves"]["release"]["tag"] == "v1.0.0"
    half_way.remote.assert_no_half_state()


@pytest.mark.prove
def test_a_newer_release_takes_over_from_a_killed_one(half_way: World) -> None:
    half_way.take_to_qa("3")
    half_way.release(*PROMOTE)

    assert set(half_way.live("prod").values()) == {"3"}
    for region in (PRIMARY, REPLICA):
        assert half_way.says("orders", "prod", region) == "3"
    events = [event for event in half_way.remote.assert_no_half_state() if event["stage"] == "prod"]
    killed, taking_over = [event for event in events if event["kind"] == "started"][1:]
    assert taking_over["supersedes"] == [killed["id"]]
    assert "running" not in half_way.remote.head("prod")


@pytest.mark.prove
def test_a_newer_release_that_fails_goes_back_to_what_served_before_the_killed_one(half_way: World) -> None:
    half_way.take_to_qa("3", text=FAILS_IN_THE_REPLICA)
    half_way.release(*PROMOTE, ends=5)

    assert half_way.live("prod") == OLD
    head = half_way.remote.head("prod")
    assert "running" not in head
    assert head["serves"]["release"]["tag"] == "v1.0.0"


def test_nobody_takes_over_from_a_process_that_lives(proven_in_qa: World) -> None:
    proven_in_qa.hang_push(2, "before")  # its outcome
    running = proven_in_qa.start(*PROMOTE)
    proven_in_qa.until(lambda: proven_in_qa.push_hangs)

    busy = proven_in_qa.release(*PROMOTE, ends=4)
    assert "is under way in prod" in busy.err
    running.kill()
    proven_in_qa.reset_pushes()
    proven_in_qa.release(*PROMOTE)
    assert [event["kind"] for event in proven_in_qa.remote.ledger()][-3:] == [
        "started",
        "taken-over",
        "outcome",
    ]


@pytest.mark.prove
def test_killed_while_going_back_the_same_command_ends_in_one_piece(
    updating: World,
) -> None:
    """The undo is a write like any other: killed before its first alias, the next run carries on."""
    # The smoke test through the alias is refused in the replica: both regions have moved by then.
    _, hanging = updating.fleet.sandbox.faults(
        [
            {
                "service": "lambda",
                "region": REPLICA,
                "method": "POST",
                "path": r"/functions/orders-prod/invocations\?Qualifier=live",
                "status": 403,
                "code": "AccessDeniedException",
            },
            {"service": "lambda", "method": "PUT", "path": r"/aliases/", "hang": True, "skip": 4},
        ]
    )
    running = updating.start(*PROMOTE)
    updating.until(lambda: any(fired["rule"] == hanging for fired in updating.fleet.sandbox.fired()))
    running.kill()
    updating.fleet.sandbox.faults([])

    updating.release(*PROMOTE)
    assert {updating.says("orders", "prod", region) for region in (PRIMARY, REPLICA)} == {"2"}
    assert "running" not in updating.remote.head("prod")


@pytest.mark.prove
def test_killed_at_the_outcome_of_a_failure_the_failure_is_not_forgotten(proven_in_qa: World) -> None:
    proven_in_qa.take_to_qa("2", text=FAILS_IN_THE_REPLICA)
    kill_at(proven_in_qa, Point(PUSH, 2, "before"), *PROMOTE)
    proven_in_qa.release(*PROMOTE, ends=5)

    assert set(proven_in_qa.live("prod").values()) == {None}
    outcomes = [event["outcome"] for event in proven_in_qa.remote.ledger() if event["kind"] == "outcome"]
    assert outcomes[-1] == "failed"
