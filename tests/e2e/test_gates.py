"""Gates and holds on the whole line: what they let through, what they stop, and what nothing stops."""

import pytest

from tests.e2e.fleet import Fleet, World
from tests.e2e.processes import Ended
from tests.e2e.texts import PRIMARY, REGIONS, REPLICA, SERVICES, SHORT, pipelines

PROMOTE = ("promote", "prod", "--yes")
OLD = {(name, region): "1" for name in SERVICES for region in REGIONS}
GATES = "{four_eyes: true, signed_off: true, order: true, no_lost_commits: true}"
GATED = {**SHORT, "prod": SHORT["prod"].replace("after: qa", f"after: qa, gates: {GATES}")}


def by(login: str, world: World, *words: str, ends: int = 0) -> Ended:
    """Run the CLI as a workflow run that this person has started."""
    ended = world.start(
        *words, GITHUB_ACTIONS="true", GITHUB_RUN_ID="77", GITHUB_ACTOR=login, CI="true"
    ).wait()
    assert ended.code == ends, f"expected {ends}: {ended}"
    return ended


@pytest.mark.prove
def test_two_people_and_a_sign_off_bring_a_release_to_prod(fleet: Fleet) -> None:
    world = fleet.world(GATED)
    by("ada", world, "deploy", "dev")
    by("ada", world, "promote", "qa")

    nobody = world.release(*PROMOTE, ends=3)
    assert "who asks is not known" in nobody.err and "nobody has accepted v1.0.0-qa.1 in qa" in nobody.err
    by("grace", world, "accept", "qa", "--reason", "tested all prices")
    assert "ada asks and has started it there" in by("ada", world, *PROMOTE, ends=3).err
    assert "accepted in qa by grace, who asks" in by("grace", world, *PROMOTE, ends=3).err
    assert "v1.0.0" not in world.remote.tags()
    by("bob", world, *PROMOTE)

    assert world.live("prod") == OLD
    decided = [event for event in world.remote.ledger() if event["kind"] == "accept"]
    assert [(event["actor"], event["run"], event["reason"]) for event in decided] == [
        ("grace", "77.1", "tested all prices")
    ]
    assert "nothing to do" in by("ada", world, *PROMOTE).out  # what was let in is not asked again


@pytest.mark.prove
def test_a_hold_stops_what_was_planned_before_and_never_a_rollback(updating: World) -> None:
    call = {"service": "lambda", "method": "GET", "path": r"/functions/orders-prod", "region": PRIMARY}
    updating.fleet.sandbox.faults([{**call, "times": 1, "hold": True}])
    queued = updating.start(*PROMOTE)
    updating.until(lambda: bool(updating.fleet.sandbox.fired()))
    updating.release("hold", "prod", "--reason", "an audit", "--yes")
    updating.fleet.sandbox.faults([])
    ended = queued.wait()
    assert ended.code == 3, str(ended)
    assert "prod has closed since this was planned: prod is held since" in ended.err
    assert "v1.1.0" not in updating.remote.tags()
    assert "an audit" in updating.release("status", "prod").out

    updating.release("unhold", "prod", "--reason", "it is over", "--yes")
    updating.release(*PROMOTE)
    updating.release("hold", "prod", "--reason", "the prices are wrong", "--yes")
    updating.release("rollback", "prod", "--reason", "the prices are wrong", "--yes")
    assert updating.live("prod") == OLD
    assert "prod is held since" in updating.release(*PROMOTE, ends=3).err


@pytest.mark.prove
def test_a_second_rollback_must_say_where_to(updating: World) -> None:
    updating.release(*PROMOTE)
    updating.release("rollback", "prod", "--reason", "wrong prices", "--yes")

    again = updating.release("rollback", "prod", "--reason", "wrong prices", "--yes", ends=3)
    assert "prod serves v1.0.0 by the rollback of Ana Developer" in again.err
    assert updating.live("prod") == OLD
    updating.release("rollback", "prod", "--to", "v1.0.0", "--reason", "to be sure", "--yes")


@pytest.mark.prove
def test_an_alarm_that_is_on_closes_the_stage_until_it_is_off(updating: World) -> None:
    gated = {**SHORT, "prod": SHORT["prod"].replace("after: qa", "after: qa, gates: {alarms_clear: true}")}
    updating.merge("chore: gates", pipelines(updating.accounts, gated))
    alarms = updating.fleet.client("cloudwatch", updating.accounts["prod"], REPLICA)
    dimensions = [{"Name": "FunctionName", "Value": "orders-prod"}]
    alarms.put_metric_alarm(
        AlarmName="orders-errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=dimensions,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",  # no error is an alarm, so that it is on
        TreatMissingData="breaching",
    )

    closed = updating.release("plan", "promote", "prod", ends=3)
    assert "prod has an alarm on: orders-errors in us-west-2" in closed.out
    assert updating.release(*PROMOTE, ends=3).err.count("alarm") >= 1
    updating.release("plan", "promote", "prod", "--despite-alarms", "this release mends it")

    alarms.delete_alarms(AlarmNames=["orders-errors"])
    updating.release(*PROMOTE)
    started = [event for event in updating.remote.ledger() if event["kind"] == "started"][-1]
    assert started["gates"] == [{"gate": "alarms_clear", "seen": [], "setting": "true"}]
