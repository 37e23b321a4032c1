"""What this version cannot act on yet is closed, one blocker each."""

from datetime import timedelta

from release.core.gates import closed_by_configuration
from release.core.models import AllAtOnce, Environment, Gate, Gradual, Source, Stage

EAST, WEST = "us-east-1", "us-west-2"
PROD = Environment("prod", "444444444444", (EAST, WEST), None)


def at(line: int) -> Source:
    return Source("pipelines/fleet.yaml", line, "stages/3")


def stage(**more: object) -> Stage:
    known: dict[str, object] = {
        "name": "prod",
        "environment": PROD,
        "trigger": "button",
        "channel": "gold",
        "after": "uat",
        "gates": (),
        "rollouts": {EAST: AllAtOnce(), WEST: AllAtOnce()},
        "verify": (),
        "source": at(1),
    }
    return Stage(**(known | more))  # type: ignore[arg-type]


def test_a_stage_that_asks_for_nothing_more_is_open() -> None:
    assert closed_by_configuration(stage()) == ()


def test_every_gate_is_closed_and_names_its_line() -> None:
    gates = (Gate("soak", "24h", at(12)), Gate("four_eyes", "true", at(13)))
    found = closed_by_configuration(stage(gates=gates))
    assert [blocker.code for blocker in found] == ["gate-not-built"] * 2
    assert found[0].message == (
        "the gate soak (24h) of prod is not built yet, so it is closed: pipelines/fleet.yaml:12"
    )


def test_a_gradual_rollout_is_closed_in_its_region_alone() -> None:
    canary = Gradual("canary", (10, 100), timedelta(minutes=5), 100, 0.01, (), at(20))
    found = closed_by_configuration(stage(rollouts={EAST: canary, WEST: AllAtOnce()}))
    assert [blocker.code for blocker in found] == ["rollout-not-built"]
    assert "canary 10 % → 100 % in us-east-1" in found[0].message
    assert "all-at-once" in found[0].fix


def test_commands_that_must_succeed_afterwards_are_closed() -> None:
    found = closed_by_configuration(stage(verify=("make smoke",)))
    assert [blocker.code for blocker in found] == ["verify-not-built"]
