"""What let a release in is part of the record of its start."""

from dataclasses import replace

import pytest

from release.core.models import Gate
from release.core.records import Passed, Seen
from tests.apply.test_baking import canary
from tests.fakes.ports import as_written
from tests.fakes.world import ADA, SOURCE, Crash, Fault, fleet


def test_the_start_says_what_the_gates_went_by_and_who_approved_and_who_goes_on_does_not() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    gates = (Passed("soak", "24h", (Seen("since", "2026-11-20T12:00:00Z"),)),)
    who = replace(ADA, approvers=("bob", "cyn"))
    with pytest.raises(Crash), world.failing(Fault(3, "before", Crash)):
        world.carry_out(world.draft("v1.1.0", gates=gates), who=who)
    world.finish("v1.1.0")
    started, taken_over, outcome = (as_written(event) for event in world.ledger.log[-3:])
    assert (started.kind, started.gates, started.approvers) == ("started", gates, ("bob", "cyn"))
    assert (taken_over.kind, taken_over.gates, taken_over.approvers) == ("taken-over", None, ())
    assert (outcome.kind, outcome.gates) == ("outcome", None)


def test_no_gate_is_asked_of_a_rollback() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.roll_back()
    (started,) = [one for one in world.ledger.log if one.kind == "started" and one.verb == "rollback"]
    assert started.gates is None


def test_the_alarms_that_were_looked_at_are_on_record_with_their_states() -> None:
    world, traffic = canary()
    gate = Gate("alarms_clear", "true", SOURCE)
    world.stage = replace(world.stage, gates=(gate,))
    traffic.change_alarm(world.places[1], "configs-api-errors", state="INSUFFICIENT_DATA")
    world.build("v1.1.0")
    plan = world.draft("v1.1.0", gates=()).plan
    assert plan.gates is not None
    assert {one.what: one.value for one in plan.gates[0].seen} == {
        "configs-api-errors in us-east-1": "OK",
        "configs-api-errors in us-west-2": "INSUFFICIENT_DATA",
        "prices-api-errors in us-east-1": "OK",
        "prices-api-errors in us-west-2": "OK",
    }
    despite = world.draft("v1.1.0", gates=(), despite="the alarm is broken").plan.gates
    assert despite == (Passed("alarms_clear", "true", (Seen("despite", "the alarm is broken"),)),)
