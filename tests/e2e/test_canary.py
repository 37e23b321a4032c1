"""A canary with callers: what is bad is caught while few see it, what is good arrives, nothing is lost."""

from collections.abc import Callable, Mapping

import pytest

from tests.e2e import canaries
from tests.e2e.canaries import CALLED, failing, processed
from tests.e2e.fleet import Fleet, World
from tests.e2e.load import Load, failed, most_failures
from tests.e2e.processes import Ended
from tests.e2e.texts import PRIMARY, REGIONS, REPLICA, SERVICES

PROMOTE = ("promote", "prod", "--yes")
OLD = {(name, region): "1" for name in SERVICES for region in REGIONS}
BOTH = canaries.line(canaries.rollout(), canaries.rollout())


@pytest.fixture(scope="session")
def _healthy(fleet: Fleet) -> World:
    """QA runs v1.0.0-qa.1; dev runs the next commit, which is as good."""
    world = fleet.world(BOTH, SERVICES, canaries.service)
    world.release("deploy", "dev", "--yes")
    world.release("promote", "qa", "--yes")
    world = world.copy("dev")
    world.change("2", text=canaries.HANDLER)
    world.release("deploy", "dev", "--yes")
    return world


def about_to_update(
    world: World, text: str = canaries.HANDLER, stages: Mapping[str, str] | None = None
) -> World:
    """Prod serves v1.0.0 with callers, and QA runs v1.1.0-qa.1, whose handlers have this text."""
    world = world.copy("dev", "qa", "prod", stages=stages)
    world.release(*PROMOTE)
    if text == canaries.HANDLER:
        world.release("promote", "qa", "--yes")
    else:
        world.take_to_qa("2", text=text)
    return world


@pytest.fixture
def updating(_healthy: World) -> World:
    """The next release is as good as the one that serves."""
    return about_to_update(_healthy)


@pytest.fixture
def brief(_healthy: World) -> World:
    """The same with no bake in the replica."""
    return about_to_update(_healthy, stages=canaries.line(canaries.rollout(), "all-at-once"))


def to_its_end(world: World, *words: str, ends: int = 0) -> Ended:
    """Promote and, where a slow machine gives too few calls for a verdict in time, advance."""
    ended = world.release(*PROMOTE, *words, ends=None)
    while ended.code == 7:
        ended = world.release("advance", "prod", ends=None)
    assert ended.code == ends, str(ended)
    return ended


def waves(world: World) -> list[tuple[str, int]]:
    events = [event for event in world.remote.ledger() if event["kind"] == "shifted"]
    return [(event["wave"]["region"], event["wave"]["percent"]) for event in events]


def assert_no_message_is_lost(load: Load) -> int:
    """Every message was taken in the end, by a call that went well. Returns how many needed another try."""
    again = 0
    for region, sent in load.sent.items():
        load.drain(region)
        taken = processed(load.world, region)
        assert sent and set(sent) <= set(taken)
        again += sum(tries > 1 for tries in taken.values())
    return again


def assert_all_old(world: World) -> None:
    """Prod serves v1.0.0 in both regions, with no weight left, and the ledger says so."""
    for name, region in OLD:
        alias = world.alias(name, "prod", region)
        assert alias is not None
        assert (alias["FunctionVersion"], canaries.weights(alias)) == ("1", {})
    head = world.remote.head("prod")
    assert "running" not in head
    assert head["serves"]["release"]["tag"] == "v1.0.0"
    world.remote.assert_no_half_state()


def assert_all_new(world: World) -> None:
    """Prod serves v1.1.0 in both regions, with no weight left, and the ledger says so."""
    for name, region in OLD:
        alias = world.alias(name, "prod", region)
        assert alias is not None
        assert (alias["FunctionVersion"], canaries.weights(alias)) == ("2", {})
    head = world.remote.head("prod")
    assert "running" not in head
    assert head["serves"]["release"]["tag"] == "v1.1.0"
    world.remote.assert_no_half_state()


# -- with callers


def assert_caught(load: Load, region: str, share: float = 0.2) -> str:
    """The canary of this region was taken back, and its callers saw no more of it than its share."""
    since, until = load.split(region)
    baked = load.between(region, since, until)
    bound = most_failures(len(baked), 0.1 * share)
    bad = failed(load.answers)
    # Of some 150 calls a fiftieth is to fail: once in thirty times no caller meets it, and messages do.
    assert {answer.region for answer in bad} <= {region}
    outcome = [event for event in load.world.remote.ledger() if event["kind"] == "outcome"][-1]
    met = sum(one["canary_bad"] for one in outcome["judged"] if one["region"] == region)
    assert met or "alarm" in outcome["failure"], outcome["failure"]
    assert len(bad) <= bound
    assert load.shares(region) == [0, 0.1, 0], "it was caught at another step"
    assert [answer for answer in bad if not since <= answer.began <= until] == []
    assert {answer.release for answer in load.between(region, until)} == {"1"}
    return f"{len(bad)} of {len(baked)} calls failed while it baked ({bound} at most), 0 after the undo"


@pytest.mark.prove(seconds=20)
def test_a_version_that_fails_a_fifth_of_its_calls_is_taken_back_at_the_first_step(
    _healthy: World, proof: Callable[[str], None]
) -> None:
    world = about_to_update(_healthy, failing(us_east_1=0.2, us_west_2=0.2))
    with Load(world, 50, 30).running() as load:
        ended = to_its_end(world, ends=5)
        world.until(lambda: len(load.between(PRIMARY, load.split(PRIMARY)[1])) > 100)
    assert "10 % of the traffic in us-east-1 failed" in ended.err
    assert waves(world) == [(PRIMARY, 10)]
    found = assert_caught(load, PRIMARY)
    assert_all_old(world)
    assert [item["tag"] for item in world.remote.head("prod")["quarantined"]] == ["v1.1.0"]
    again = assert_no_message_is_lost(load)
    proof(f"canary of a version that fails 20 %: {found}; {again} messages taken at another try, 0 lost")


@pytest.mark.prove
def test_a_version_that_fails_in_the_second_region_is_taken_back_in_both(
    _healthy: World, proof: Callable[[str], None]
) -> None:
    stages = canaries.line(canaries.rollout("50, 100"), canaries.rollout())
    world = about_to_update(_healthy, failing(us_west_2=0.2), stages)
    with Load(world, 50, 30).running() as load:
        to_its_end(world, ends=5)
        world.until(lambda: len(load.between(REPLICA, load.split(REPLICA)[1])) > 50)
    assert load.shares(PRIMARY) == [0, 0.5, 1, 0], "the first region was through, and goes back as well"
    assert waves(world) == [(PRIMARY, 50), (REPLICA, 10)]
    found = assert_caught(load, REPLICA)
    assert_all_old(world)
    assert_no_message_is_lost(load)
    proof(f"canary of a version that fails 20 % in the second region: {found}")


@pytest.mark.prove
def test_a_healthy_version_goes_up_step_by_step_and_no_request_fails(
    updating: World, proof: Callable[[str], None]
) -> None:
    with Load(updating, 50, 30).running() as load:
        to_its_end(updating)
    assert waves(updating) == [(PRIMARY, 10), (PRIMARY, 50), (REPLICA, 10), (REPLICA, 50)]
    assert failed(load.answers) == []
    for region in REGIONS:
        assert load.shares(region) == [0, 0.1, 0.5, 1]
        assert {answer.release for answer in load.answers if answer.region == region} == {"1", "2"}
    assert_all_new(updating)
    assert_no_message_is_lost(load)
    messages = sum(map(len, load.sent.values()))
    proof(
        f"canary of a healthy version: 0 of {len(load.answers)} calls failed, 0 of {messages} messages lost"
    )


@pytest.mark.prove
def test_with_more_traffic_a_linear_rollout_of_three_services_loses_nothing(
    fleet: Fleet, proof: Callable[[str], None]
) -> None:
    """One of them has no callers: probes stand in for them."""
    rollout = '{linear: 25, bake: 4s, min_samples: 30, alarms: ["{function}-errors"], probe: true}'
    world = fleet.world(canaries.line(rollout, "all-at-once"), (*SERVICES, "prices"), canaries.service)
    world.release("deploy", "dev", "--yes")
    world.release("promote", "qa", "--yes")
    world = about_to_update(world, canaries.HANDLER.replace('RELEASE = "1"', 'RELEASE = "1"  # again'))
    with Load(world, 80, 40).running() as load:
        to_its_end(world)
    assert waves(world) == [(PRIMARY, 25), (PRIMARY, 50), (PRIMARY, 75)]
    assert load.shares(PRIMARY) == [0, 0.25, 0.5, 0.75, 1]
    assert load.shares(REPLICA) == [0, 1]
    assert failed(load.answers) == []
    assert_all_new(world)
    assert_no_message_is_lost(load)
    (outcome,) = [e for e in world.remote.ledger() if e["stage"] == "prod" and e.get("judged")][-1:]
    assert any("probes of both versions" in note for note in outcome["notes"])
    proof(f"linear rollout of 3 services: 0 of {len(load.answers)} calls failed, 0 messages lost")


@pytest.mark.prove
@pytest.mark.parametrize("share", [0.05, 1.0])
def test_whatever_share_of_its_calls_fails_it_is_taken_back(
    _healthy: World, share: float, proof: Callable[[str], None]
) -> None:
    world = about_to_update(
        _healthy, failing(us_east_1=share), canaries.line(canaries.rollout(bake="15s"), "all-at-once")
    )
    with Load(world, 100, 20, (PRIMARY,)).running() as load:
        to_its_end(world, ends=5)
        world.until(lambda: len(load.between(PRIMARY, load.split(PRIMARY)[1])) > 100)
    found = assert_caught(load, PRIMARY, share)
    assert_all_old(world)
    assert_no_message_is_lost(load)
    proof(f"canary of a version that fails {share:.0%}: {found}")


# -- without


@pytest.mark.prove
def test_without_traffic_it_is_held_until_there_is_some(brief: World) -> None:
    held = brief.release(*PROMOTE, ends=7)
    reason = "no verdict on 10 % in us-east-1"
    assert reason in held.out and "release advance prod" in held.out
    assert "0 calls of the new version, 20 are needed" in held.out
    assert reason in brief.release("status", "prod").out
    assert brief.remote.head("prod")["running"]["paused"].startswith(reason)

    before = brief.git("ls-remote", "origin")
    again = brief.release("advance", "prod", ends=7)
    assert "0 calls of the new version, 20 are needed" in again.out
    assert brief.git("ls-remote", "origin") == before

    with Load(brief, 60, 60, (PRIMARY,)).running():
        brief.until(lambda: brief.release("advance", "prod", ends=None).code == 0)
    assert_all_new(brief)
    assert waves(brief) == [(PRIMARY, 10), (PRIMARY, 50)]


@pytest.mark.prove
def test_an_abort_takes_back_what_is_held(brief: World) -> None:
    brief.release(*PROMOTE, ends=7)
    aborted = brief.release("abort", "prod", "--reason", "nobody calls it", "--yes", ends=5)
    assert "what served before serves now" in aborted.err
    assert_all_old(brief)
    (outcome,) = [event for event in brief.remote.ledger() if event.get("outcome") == "aborted"]
    assert "nobody calls it" in outcome["failure"]
    assert "nothing is under way" in brief.release("advance", "prod").out


# -- alarms


@pytest.mark.prove
def test_an_alarm_that_fires_already_stops_it_unless_somebody_says_why_it_may(brief: World) -> None:
    canaries.fail_calls(brief, CALLED, 50)
    before = brief.git("ls-remote", "origin")
    closed = brief.release(*PROMOTE, ends=3)
    assert "alarm orders-prod-errors of prod, us-east-1 fires already" in closed.err
    assert "give a reason to go on" in closed.err
    assert brief.git("ls-remote", "origin") == before

    why = "callers send what we refuse, ticket 4711"
    with Load(brief, 60, 60, (PRIMARY,)).running():
        to_its_end(brief, "--despite-alarms", why)
    assert_all_new(brief)
    started = [event for event in brief.remote.ledger() if event["kind"] == "started"][-1]
    assert (started["release"]["tag"], started["despite"]) == ("v1.1.0", why)


# -- a region that is out


@pytest.mark.prove
def test_with_a_region_out_a_release_reaches_the_other_and_is_closed_later(brief: World) -> None:
    brief.fleet.sandbox.faults([{"region": PRIMARY, "status": 503}])
    refused = brief.release(*PROMOTE, ends=4)
    assert "us-east-1" in refused.err
    only = ("--regions", REPLICA)
    assert "--reason" in brief.release(*PROMOTE, *only, ends=2).err

    why = "us-east-1 is out, ticket 4712"
    brief.release(*PROMOTE, *only, "--reason", why)
    assert {brief.says(name, "prod", REPLICA) for name in SERVICES} == {"2"}
    head = brief.remote.head("prod")
    assert (head["partial"]["regions"], head["partial"]["why"]) == ([REPLICA], why)
    assert head["serves"]["release"]["tag"] == "v1.0.0"
    status = brief.release("status", "prod", ends=4)
    assert f"partial v1.1.0 is in {REPLICA} only" in status.out
    assert why in status.out
    assert "us-east-1 of prod cannot be reached" in status.err

    brief.release("rollback", "prod", "--reason", "it is slow", "--yes")
    brief.fleet.sandbox.faults([])
    assert_all_old(brief)
    assert "partial" not in brief.remote.head("prod")

    brief.release("unhold", "prod", "--reason", "it was the network", "--yes")
    brief.release(*PROMOTE, *only, "--reason", why)
    assert "drift" not in brief.release("status", "prod").out
    with Load(brief, 60, 60, (PRIMARY,)).running():
        to_its_end(brief)
    assert_all_new(brief)
    assert "partial" not in brief.release("status", "prod").out
