"""The line from a merge to production, and every way in which it stops."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.e2e.fleet import Fleet, World
from tests.e2e.kill_points import writes
from tests.e2e.texts import HANDLER, LINE, PRIMARY, REGIONS, REPLICA, SERVICES

PROMOTE = ("promote", "prod", "--yes")
OLD = {(name, region): "1" for name in SERVICES for region in REGIONS}
BROKEN = f'{HANDLER}\n\nraise RuntimeError("a broken handler")\n'
FAILS_IN_THE_REPLICA = f"""\
import os

if os.environ["AWS_REGION"] == "{REPLICA}":
    raise RuntimeError("no route to the replica")
{HANDLER}"""


@pytest.fixture(scope="module")
def line(fleet: Fleet) -> World:
    """One commit has gone all the way."""
    world = fleet.world(LINE)
    world.release("deploy", "dev", "--yes")
    world.release("promote", "qa", "--yes")
    world.release("promote", "uat", "--yes", "--reason", "QA has signed off")
    world.release(*PROMOTE, "--reason", "change request 4711")
    return world


def changes(world: World) -> list[Mapping[str, Any]]:
    """The AWS calls since they were forgotten that change a function, a version, an alias or a stack."""
    calls = (call for call in world.fleet.sandbox.calls() if call["service"] != "s3")
    return [call for call in calls if writes([call], 0).total()]


# -- the whole line


def test_one_commit_gets_one_annotated_tag_a_channel(line: World) -> None:
    tags = line.remote.tags()
    assert list(tags) == ["v1.0.0", "v1.0.0-qa.1", "v1.0.0-rc.1"]
    assert {kind for _, kind, _ in tags.values()} == {"tag"}
    assert {commit for _, _, commit in tags.values()} == {line.git("rev-parse", "HEAD")}


def test_tags_say_where_the_release_comes_from_who_took_it_and_why(line: World) -> None:
    stated = {tag: line.remote.trailers(tag) for tag in line.remote.tags()}
    (manifest,) = {trailers["Release-Manifest"] for trailers in stated.values()}
    assert manifest == line.remote.head("prod")["serves"]["release"]["manifest"]
    assert {trailers["Release-Actor"] for trailers in stated.values()} == {"Ana Developer"}
    said = {tag: (trailers["Release-From"], trailers["Release-Reason"]) for tag, trailers in stated.items()}
    assert said == {
        "v1.0.0-qa.1": ("dev", ""),
        "v1.0.0-rc.1": ("v1.0.0-qa.1", "QA has signed off"),
        "v1.0.0": ("v1.0.0-rc.1", "change request 4711"),
    }
    started = {event["id"] for event in line.remote.assert_no_half_state() if event["kind"] == "started"}
    assert {trailers["Release-Nonce"] for trailers in stated.values()} < started


@pytest.mark.parametrize("service", SERVICES)
def test_the_same_bytes_serve_from_qa_to_both_regions_of_prod(line: World, service: str) -> None:
    manifest = line.manifest(line.remote.head("prod")["serves"]["release"]["manifest"])
    artifact = manifest["services"][service]["artifact"]
    places = [("dev", PRIMARY), ("qa", PRIMARY), ("uat", PRIMARY), ("prod", PRIMARY), ("prod", REPLICA)]
    assert {place: line.code(service, *place) for place in places} == dict.fromkeys(places, artifact)


def test_the_same_promotion_again_has_nothing_to_do_and_writes_nothing(line: World) -> None:
    before = line.git("ls-remote", "origin")
    line.fleet.sandbox.forget_calls()
    again = line.release(*PROMOTE)
    assert "nothing to do: prod serves v1.0.0" in again.out
    assert line.git("ls-remote", "origin") == before
    assert changes(line) == []


def test_status_shows_every_stage_in_step(line: World) -> None:
    shown = line.release("status", "--json").json
    assert "drift" not in json.dumps(shown).replace('"drift": null', "").replace('"drift": false', "")
    for tag in ("v1.0.0-qa.1", "v1.0.0-rc.1", "v1.0.0"):
        assert tag in json.dumps(shown)


# -- dev


@pytest.fixture
def in_dev(_proven_in_dev: World) -> World:
    """Dev serves the newest commit of main, in an account of the test's own."""
    world = _proven_in_dev.copy("dev")
    world.release("deploy", "dev", "--yes")
    return world


def test_a_change_to_one_service_is_deployed_alone_and_what_is_older_is_superseded(in_dev: World) -> None:
    old = in_dev.git("rev-parse", "HEAD")
    in_dev.change("2", "orders")
    in_dev.fleet.sandbox.forget_calls()
    in_dev.release("deploy", "dev", "--yes")

    assert (in_dev.says("orders", "dev"), in_dev.says("stock", "dev")) == ("2", "1")
    assert [call["path"].split("/")[3] for call in changes(in_dev)] == ["orders-dev"] * 3
    assert len(in_dev.versions("stock", "dev")) == 1
    served = {item["service"]: item["lambda_version"] for item in in_dev.remote.ledger()[-1]["after"]}
    assert served == {"orders": "2", "stock": "1"}

    before = len(in_dev.remote.ledger())
    superseded = in_dev.release("deploy", "dev", "--ref", old, "--yes")
    assert "superseded: dev runs" in superseded.out
    assert in_dev.says("orders", "dev") == "2"
    assert len(in_dev.remote.ledger()) == before


def test_a_broken_handler_stops_in_dev_and_goes_no_further(in_dev: World) -> None:
    before = in_dev.live("dev")
    in_dev.change("2", "orders", text=BROKEN)
    failed = in_dev.release("deploy", "dev", "--yes", ends=5)
    assert "the smoke test of orders-dev:2 in us-east-1 failed" in failed.err
    assert "what served before serves now" in failed.err
    assert in_dev.live("dev") == before
    assert in_dev.says("orders", "dev") == "1"
    assert in_dev.remote.ledger()[-1]["outcome"] == "failed"

    in_dev.fleet.sandbox.forget_calls()
    closed = in_dev.release("promote", "qa", "--ref", "HEAD", "--yes", ends=3)
    assert "quarantin" in closed.err
    assert in_dev.remote.tags() == {}
    assert changes(in_dev) == []


def test_a_stage_that_was_skipped_closes_the_next_one(proven_in_dev: Callable[[], World]) -> None:
    world = proven_in_dev()
    world.fleet.sandbox.forget_calls()
    closed = world.release(*PROMOTE, ends=3)
    assert "nothing has come through qa" in closed.err
    assert world.remote.tags() == {}
    assert changes(world) == []


# -- prod


@pytest.mark.prove
def test_a_smoke_test_that_fails_in_the_replica_stops_both_regions(serving: World) -> None:
    serving.take_to_qa("2", text=FAILS_IN_THE_REPLICA)
    serving.fleet.sandbox.forget_calls()
    failed = serving.release(*PROMOTE, ends=5)

    assert "in us-west-2 failed" in failed.err
    assert "in us-east-1 failed" not in failed.err
    assert not [call for call in changes(serving) if "/aliases" in call["path"]]
    assert serving.live("prod") == OLD
    head = serving.remote.head("prod")
    assert head["serves"]["release"]["tag"] == "v1.0.0"
    assert [item["tag"] for item in head["quarantined"]] == ["v1.1.0"]
    assert serving.release("verify", "prod").code == 0


def test_a_rollback_returns_to_the_recorded_versions_and_publishes_nothing(updating: World) -> None:
    updating.release(*PROMOTE)
    assert updating.live("prod") == dict.fromkeys(OLD, "2")
    updating.fleet.sandbox.forget_calls()
    updating.release("rollback", "prod", "--reason", "wrong prices", "--yes")

    assert updating.live("prod") == OLD
    assert [(call["method"], call["path"].split("/")[4]) for call in changes(updating)] == [
        ("PUT", "aliases")
    ] * len(OLD)
    assert {updating.says("orders", "prod", region) for region in REGIONS} == {"1"}
    ledger = updating.remote.ledger()
    first = next(event for event in ledger if event["stage"] == "prod" and event["kind"] == "outcome")
    assert ledger[-1]["after"] == first["after"]
    assert (ledger[-1]["verb"], ledger[-1]["reason"]) == ("rollback", "wrong prices")
    head = updating.remote.head("prod")
    assert head["serves"]["release"]["tag"] == "v1.0.0"
    assert head["held"]["why"] == "rolled back: wrong prices"
    assert "prod is held" in updating.release(*PROMOTE, ends=3).err
    updating.release("unhold", "prod", "--reason", "the prices are right again", "--yes")


@pytest.mark.prove
def test_an_abort_from_another_process_turns_the_promotion_back(updating: World) -> None:
    """The primary region has moved when the abort is asked for."""
    call = {"service": "lambda", "method": "POST", "path": r"-prod/invocations\?Qualifier=live"}
    updating.fleet.sandbox.faults([{**call, "region": PRIMARY, "times": 1, "hold": True}])
    running = updating.start(*PROMOTE)
    updating.until(lambda: bool(updating.fleet.sandbox.fired()))
    updating.release("abort", "prod", "--reason", "the wrong release", "--yes")
    updating.fleet.sandbox.faults([])
    ended = running.wait()

    assert ended.code == 5, str(ended)
    assert "aborted: the wrong release" in ended.err
    assert updating.live("prod") == OLD
    assert updating.remote.ledger()[-1]["outcome"] == "aborted"
    assert "running" not in updating.remote.head("prod")
    nobody = updating.release("abort", "prod", "--reason", "again", "--yes", ends=3)
    assert "nothing is under way in prod" in nobody.err


def test_an_approved_plan_is_applied_and_a_stale_one_is_not(updating: World) -> None:
    plan = updating.folder / "plan.json"
    updating.fleet.sandbox.forget_calls()
    updating.release("plan", "promote", "prod", "--out", str(plan))
    assert changes(updating) == []
    assert "v1.1.0" not in updating.remote.tags()

    functions = updating.functions("prod", PRIMARY)
    functions.update_function_configuration(FunctionName="orders-prod", MemorySize=512)
    updating.until(
        lambda: (
            functions.get_function_configuration(FunctionName="orders-prod")["LastUpdateStatus"]
            == "Successful"
        )
    )
    version = functions.publish_version(FunctionName="orders-prod")["Version"]
    functions.update_alias(FunctionName="orders-prod", Name="live", FunctionVersion=version)
    stale = updating.release("apply", str(plan), "--yes", ends=4)
    assert "the plan no longer holds" in stale.err
    assert "v1.1.0" not in updating.remote.tags()

    functions.update_alias(FunctionName="orders-prod", Name="live", FunctionVersion="1")
    updating.release("apply", str(plan), "--yes")
    assert updating.remote.head("prod")["serves"]["release"]["tag"] == "v1.1.0"
    assert {updating.says("orders", "prod", region) for region in REGIONS} == {"2"}
