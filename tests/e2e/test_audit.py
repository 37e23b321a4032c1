"""What auditors get of promotions that really happened, of what runs since, and of what GitHub shows."""

import itertools
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import schemas
from tests.e2e import canaries
from tests.e2e.fleet import Fleet, World
from tests.e2e.processes import Ended
from tests.e2e.texts import ARTIFACT_ACCOUNT, BUCKET, PRIMARY, REGIONS, REPLICA, SERVICES, SHORT

pytestmark = [pytest.mark.prove, pytest.mark.xdist_group("an audited fleet")]

_numbers = itertools.count(1)


class Shown(World):
    """A world whose repository is on the forge of the sandbox."""

    name: str

    @classmethod
    def of(cls, world: World) -> "Shown":
        shown = cls(world.fleet, world.folder, world.accounts, world.stages, world.services)
        forge = world.fleet.sandbox.forge
        shown.name = forge.add_repository(f"acme/audited-{next(_numbers)}", world.remote.path)
        return shown

    @property
    def token(self) -> Mapping[str, str]:
        return self.fleet.sandbox.forge.environment(self.name, login="ana")

    def with_token(self, *words: str, ends: int = 0, **environment: str) -> Ended:
        ended = self.start(*words, **{**self.token, **environment}).wait()
        assert ended.code == ends, f"expected {ends}: {ended}"
        return ended

    def job(self, login: str, *words: str, ends: int = 0, **environment: str) -> Ended:
        """As a workflow run that this person has started."""
        run = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "77", "GITHUB_ACTOR": login, "CI": "true"}
        return self.with_token(*words, ends=ends, **run, **environment)


@pytest.fixture(scope="module")
def audited(fleet: Fleet) -> Shown:
    """Prod has gone from v1.0.0 to v1.1.0 and back, somebody has signed off what QA runs, and the forge shows
    it.
    """
    world = Shown.of(fleet.world(SHORT))
    world.release("deploy", "dev", "--yes")
    world.release("promote", "qa", "--yes")
    world.release("accept", "qa", "--reason", "tested", "--yes")
    world.release("promote", "prod", "--yes", "--reason", "change request 4711")
    world.take_to_qa("2")
    world.release("promote", "prod", "--yes")
    world.release("rollback", "prod", "--reason", "wrong prices", "--yes")
    world.with_token("record", "--yes")
    return world


def test_what_really_happened_verifies_in_every_region(audited: Shown) -> None:
    shown = audited.with_token("audit", "verify", "--json").json

    assert shown["verdict"] == "verified"
    assert {one["result"] for one in shown["checks"]} == {"holds"}
    assert [one["place"] for one in shown["checks"] if one["subject"] == "running"] == [
        "fleet/dev",
        "fleet/qa",
        "fleet/prod",
    ]
    assert [one["place"] for one in shown["checks"] if one["subject"] == "release"] == [
        "release v1.0.0",
        "release v1.1.0",
    ]
    assert "in us-east-1, us-west-2" in {
        one["why"] for one in shown["checks"] if one["subject"] == "artifact"
    }


def test_audit_json_of_a_promotion_and_of_its_rollback_follows_the_schema(audited: Shown) -> None:
    validator = schemas.validator("audit-1")
    promotion = audited.release("audit", "file", "v1.1.0", "--stage", "prod").json
    validator.validate(promotion)
    places = {(one["service"], one["region"]) for one in promotion["functions"]}
    assert places == {(service, region) for service in SERVICES for region in REGIONS}
    assert {
        (one["before"]["lambda_version"], one["after"]["lambda_version"]) for one in promotion["functions"]
    } == {("1", "2")}
    assert promotion["served_before"]["tag"] == "v1.0.0"
    assert [one["subject"] for one in promotion["commits"]["added"]] == ["feat: orders and stock 2"]

    first = audited.release("audit", "file", "v1.0.0", "--stage", "prod").json
    validator.validate(first)
    assert (first["verb"], first["requested"]["reason"]) == ("promote", "change request 4711")
    assert [one["reason"] for one in first["approvals"]] == ["tested"]

    back = next(event for event in audited.remote.ledger() if event["verb"] == "rollback")["id"]
    rollback = audited.release("audit", "file", "v1.0.0", "--stage", "prod", "--id", back).json
    validator.validate(rollback)
    assert (rollback["commits"]["added"], len(rollback["commits"]["removed"])) == ([], 1)


def test_an_alias_that_somebody_moved_by_hand_is_the_first_mismatch(audited: Shown) -> None:
    functions = audited.functions("prod", REPLICA)
    functions.update_alias(FunctionName="orders-prod", Name="live", FunctionVersion="2")
    try:
        ran = audited.with_token("audit", "verify", "v1.0.0", ends=3)
    finally:
        functions.update_alias(FunctionName="orders-prod", Name="live", FunctionVersion="1")

    assert "error: fleet/prod: orders-prod in us-west-2: other bytes: version 2, recorded 1" in ran.err


def test_one_flipped_byte_in_a_bucket_is_found(audited: Shown) -> None:
    manifest = audited.remote.head("qa")["serves"]["release"]["manifest"]
    artifact = audited.manifest(manifest)["services"]["orders"]["artifact"]
    s3 = audited.fleet.client("s3", ARTIFACT_ACCOUNT, PRIMARY)
    there = {"Bucket": BUCKET.format(region=PRIMARY), "Key": f"zip/{artifact}.zip"}
    found = s3.get_object(**there)
    good = found["Body"].read()
    s3.put_object(**there, Body=bytes([good[0] ^ 1]) + good[1:], Metadata=found["Metadata"])
    try:
        ran = audited.with_token("audit", "verify", "v1.1.0", ends=3)
    finally:
        s3.put_object(**there, Body=good, Metadata=found["Metadata"])

    assert "the zip of orders of v1.1.0" in ran.err


def test_without_credentials_nothing_is_called_a_mismatch(audited: Shown) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": "555555555555", "AWS_SECRET_ACCESS_KEY": "made-up"}
    ran = audited.with_token("audit", "verify", "--json", ends=4, **nobody)

    assert ran.json["verdict"] == "incomplete"
    assert ran.json["first"]["result"] == "unread"
    (releases,) = [one for one in ran.json["checks"] if one["subject"] == "release"]
    assert (releases["place"], releases["result"]) == ("releases: 2", "unread")


GATES = (
    "{soak: 1s, four_eyes: true, signed_off: true, order: true, no_lost_commits: true, alarms_clear: true}"
)


@pytest.fixture(scope="module")
def guarded(fleet: Fleet) -> Shown:
    """v1.1.0 has gone to prod through every gate, by a canary that was judged, and the forge shows it."""
    line = canaries.line(
        '{canary: [10, 100], bake: 1s, min_samples: 3, probe: true, alarms: ["{function}-errors"]}',
        "all-at-once",
    )
    in_three_days = (datetime.now(UTC) + timedelta(days=3)).strftime("%a")
    gates = f'gates: {GATES[:-1]}, freeze: ["{in_three_days} 08:00 - {in_three_days} 09:00 UTC"]}}'
    world = Shown.of(
        fleet.world(
            {**line, "prod": line["prod"].replace("after: qa", f"after: qa, {gates}")},
            ("orders",),
            canaries.quiet,
        )
    )
    for number in ("1", "2"):
        if number == "2":
            world.change("2", text=canaries.HANDLER)
        world.job("ada", "deploy", "dev")
        world.job("ada", "promote", "qa", "--reason", "please test")
        world.job("grace", "accept", "qa", "--reason", "tested all prices")
        time.sleep(1)  # the soak, which may have begun as late as just now
        world.job("bob", "promote", "prod", "--reason", f"change request {number}", RELEASE_APPROVER="carol")
    world.with_token("record", "--yes")
    return world


def test_audit_json_of_a_gated_canary_leaves_no_question_open(guarded: Shown) -> None:
    """Who asked, who approved, when, from which tag, why, what is in it, what it changed where and when, what
    was seen of its health, what the gates went by, with which tool, and where the ledger says so.
    """
    found: dict[str, Any] = guarded.release("audit", "file", "v1.1.0", "--stage", "prod").json
    schemas.validator("audit-1").validate(found)

    asked = found["requested"]
    assert (asked["actor"], asked["run"], asked["reason"]) == ("bob", "77.1", "change request 2")
    assert asked["approvers"] == ["carol"]
    assert [(one["stage"], one["actor"], one["run"], one["reason"]) for one in found["approvals"]] == [
        ("qa", "grace", "77.1", "tested all prices")
    ]
    assert found["release"]["source"] == found["gates"]["source"]["tag"] == "v1.1.0-qa.1"
    assert [one["subject"] for one in found["commits"]["added"]] == ["feat: orders 2"]
    manifest = guarded.manifest(found["release"]["manifest"])
    assert found["artifacts"]["orders"]["artifact"] == manifest["services"]["orders"]["artifact"]
    for one in found["functions"]:
        assert (one["before"]["lambda_version"], one["after"]["lambda_version"]) == ("1", "2")
        assert one["after"]["code"] == manifest["services"]["orders"]["artifact"] != one["before"]["code"]
        assert asked["at"] <= one["first_traffic_at"] <= one["all_traffic_at"] <= found["ended"]["at"]
        assert one["recorded_at"] == found["ended"]["at"]
    moved = [(one["region"], one["percent"]) for one in found["waves"]]
    assert moved == [(PRIMARY, 10), (PRIMARY, 100), (REPLICA, 100)]
    (verdict,) = [one for one in found["health"] if one["verdict"] == "pass"]
    assert verdict["canary_calls"] >= 3 and verdict["why"]
    gates = {
        gate["gate"]: {one["what"]: one["value"] for one in gate["seen"]}
        for gate in found["gates"]["configured"]
    }
    assert gates["soak"]["since"] == found["gates"]["source"]["succeeded_at"]
    assert gates["four_eyes"] == {"asked_by": "bob", "started_before_by": "ada", "approved_by": "carol"}
    assert gates["signed_off"]["by"] == "grace"
    assert gates["no_lost_commits"]["from"] == found["served_before"]["commit"]
    assert gates["order"]["not_older_than"] == "v1.0.0"
    assert gates["freeze"]["no_window_open_at"] <= asked["at"]
    assert set(gates["alarms_clear"].values()) == {"OK"}
    assert found["tool"]["started"] == found["tool"]["ended"] != ""
    chain = guarded.git("ls-remote", "origin", "refs/heads/release-ledger").split()[0]
    assert found["ledger"]["commit"] == chain


def test_what_the_forge_holds_of_a_gated_canary_verifies(guarded: Shown) -> None:
    shown = guarded.with_token("audit", "verify", "--json").json

    assert {one["result"] for one in shown["checks"]} == {"holds"}
    subjects = {one["subject"] for one in shown["checks"]}
    assert {"ledger", "tag", "manifest", "artifact", "running", "release", "deployment"} == subjects


def test_every_promotion_is_exported(audited: Shown) -> None:
    words = ("--from", "2020-01-01", "--to", "2099-12-31", "--stage", "prod", "--format", "json")
    found = audited.release("audit", "export", *words).json["promotions"]

    assert [(one["verb"], one["tag"], one["outcome"]) for one in found] == [
        ("promote", "v1.0.0", "succeeded"),
        ("promote", "v1.1.0", "succeeded"),
        ("rollback", "v1.0.0", "succeeded"),
    ]
