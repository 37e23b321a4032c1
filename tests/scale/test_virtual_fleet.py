"""Rollouts of large fleets on a virtual clock: how near to AWS's own limit, and what a failure waits for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from release.build.target import LAMBDA
from release.core.cost import cost
from release.core.limits import CONTROL_CALLS
from release.promotion import Draft, Request, draft_rollback
from tests.fakes.world import ALIAS, EAST, WEST
from tests.scale.virtual_fleet import LATENCY, Run, Sent, VirtualFleet

LIMIT = 15  # control calls a second, by AWS


def floor(draft: Draft, run: Run) -> float:
    """The least that the calls of a run can take at AWS's rate, in the order that the plan gives them.

    A replica moves when the primary has been confirmed, so their calls cannot overlap; those before can.
    """
    estimate = cost(draft.plan)
    assert {region: calls.control for region, calls in estimate.calls.items()} == dict(run.by_region)
    return estimate.seconds * CONTROL_CALLS.per_second / LIMIT


def rollback(fleet: VirtualFleet) -> Draft:
    world = fleet.world
    world.holders.next_process()
    request = Request(verb="rollback", stage="prod", reason="prices are wrong")
    return fleet.draft(lambda: draft_rollback(world.tools, world.setup(), request, target=LAMBDA))


def test_a_rollout_takes_little_more_than_the_floor_of_its_own_calls() -> None:
    fleet = VirtualFleet(100, (EAST, WEST))
    draft = fleet.promotion("v1.1.0")
    run = fleet.carry_out(draft)
    assert run.applied.failure is None
    assert fleet.world.all_serve("v1.1.0")
    assert run.seconds <= 1.1 * floor(draft, run)


def test_one_region_alone_takes_little_more_than_the_floor_of_its_own_calls() -> None:
    fleet = VirtualFleet(100, (EAST,))
    run = fleet.carry_out(fleet.promotion("v1.1.0"))
    assert run.by_region == {EAST: 500}
    assert run.seconds <= 1.1 * run.floor


def test_no_second_sees_more_calls_than_the_budget_and_each_region_has_its_own_threads() -> None:
    fleet = VirtualFleet(50, (EAST, WEST))
    run = fleet.carry_out(fleet.promotion("v1.1.0"))
    assert run.fastest_second <= CONTROL_CALLS.burst + CONTROL_CALLS.per_second
    assert run.threads == 2 * 32


def test_a_rollback_of_a_hundred_functions_moves_the_first_alias_at_once_and_costs_two_calls_each() -> None:
    fleet = VirtualFleet(100, (EAST,))
    assert fleet.carry_out(fleet.promotion("v1.1.0")).applied.failure is None
    draft = rollback(fleet)
    confirmed = fleet.time.now
    run = fleet.carry_out(draft)
    assert run.applied.failure is None
    assert fleet.world.all_serve("v1.0.0")
    assert run.by_region == {EAST: 200}
    moves = [call.at - confirmed for call in run.sent if call.method == "update_alias"]
    # Reading the plan has used the budget up: a token comes every 1/14 s. git comes on top of that.
    assert moves[0] <= 1 / CONTROL_CALLS.per_second + 1e-6
    assert max(moves) <= 100 / CONTROL_CALLS.per_second + LATENCY
    assert run.seconds <= 1.1 * run.floor


class Failing:
    """Somebody else moves an alias right before our move number `at` reaches it: the guard refuses ours."""

    def __init__(self, fleet: VirtualFleet, at: int) -> None:
        self.fleet, self.at, self.moves = fleet, at, 0
        self.failed_at = 0.0

    def __call__(self, call: Sent) -> None:
        if call.method != "update_alias":
            return
        self.moves += 1
        if self.moves == self.at:
            self.fleet.world.functions.change_alias(call.place, call.name, ALIAS)
            self.failed_at = self.fleet.time.now + LATENCY / 2


@pytest.mark.parametrize("at", [1, 50])
def test_an_undo_begins_at_once_while_ordinary_calls_queue(at: int) -> None:
    fleet = VirtualFleet(100, (EAST,))
    draft = fleet.promotion("v1.1.0")
    failing = fleet.aws.meddle = Failing(fleet, at)
    run = fleet.carry_out(draft)
    assert "somebody else changed alias" in str(run.applied.failure)
    later = [call for call in run.sent if call.at >= failing.failed_at and call.is_control]
    told = next(at for at, what, _ in fleet.said if what == "undo")
    # Who moved it is asked, whoever sleeps at the head of the queue wakes once, what was sent is answered.
    assert told - failing.failed_at <= 2 * LATENCY + 1 / CONTROL_CALLS.per_second
    in_between = [call for call in later if call.at < told]
    assert len(in_between) <= 1 + 2 * LATENCY * CONTROL_CALLS.per_second
    assert later[len(in_between)].at - told < 0.01

    moved = at - 1
    back = [call.at for call in later if call.method == "update_alias"]
    assert len(back) >= moved
    # All that we had moved is back before the rest is even looked at, with one call each.
    assert later[len(in_between)].method == "update_alias"
    assert max(back) - told <= (len(back) + 1) / CONTROL_CALLS.per_second
    tags = list(fleet.world.aliases.values())
    assert tags.count("v1.0.0") == 100


def test_nobody_calls_a_region_while_aws_asks_to_stay_away_and_the_other_goes_on() -> None:
    fleet = VirtualFleet(50, (EAST, WEST))
    draft = fleet.promotion("v1.1.0")
    refused: list[float] = []

    def throttle(call: Sent) -> None:
        if call.method == "publish_version" and call.place.region == EAST and not refused:
            refused.append(fleet.time.now + LATENCY / 2)
            raise throttled("4")

    fleet.aws.meddle = throttle
    run = fleet.carry_out(draft)
    assert run.applied.failure is None
    within = [call for call in run.sent if refused[0] < call.at < refused[0] + 4 and call.is_control]
    assert {call.place.region for call in within} == {WEST}
    assert len(within) > 30


def throttled(retry_after: str) -> ClientError:
    """As Lambda says it (https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html)."""
    answer: Any = {
        "Error": {"Code": "TooManyRequestsException", "Message": "Rate exceeded"},
        "ResponseMetadata": {"HTTPStatusCode": 429, "HTTPHeaders": {"retry-after": retry_after}},
    }
    return ClientError(answer, "PublishVersion")


@pytest.mark.prove
def test_two_thousand_functions_in_two_regions(record_proof: Callable[[str], None]) -> None:
    before = _megabytes()
    fleet = VirtualFleet(2000, (EAST, WEST))
    draft = fleet.promotion("v1.1.0")
    planned = fleet.time.now
    run = fleet.carry_out(draft)
    assert run.applied.failure is None
    assert fleet.world.all_serve("v1.1.0")
    least = floor(draft, run)
    assert run.seconds <= 1.1 * least
    each = {region: calls / 2000 for region, calls in run.by_region.items()}
    record_proof(
        f"2,000 functions in two regions, virtual time: planned in {planned:.0f} s, rolled out in"
        f" {run.seconds:.0f} s, {run.seconds / least:.3f} of the floor of its own calls; control calls for"
        f" each function: {each[EAST]:.1f} in {EAST}, {each[WEST]:.1f} in {WEST}; {run.threads} threads;"
        f" {_megabytes() - before:.0f} MB more, the model of AWS included"
    )


def _megabytes() -> float:
    """Resident set of this process."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS"))
