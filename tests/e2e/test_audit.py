"""What auditors get of promotions that really happened, and of what runs since."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.e2e.fleet import Fleet, World
from tests.e2e.texts import ARTIFACT_ACCOUNT, BUCKET, PRIMARY, REGIONS, REPLICA, SERVICES, SHORT

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "audit-1.json").read_text("utf-8"))

pytestmark = pytest.mark.xdist_group("an audited fleet")


@pytest.fixture(scope="module")
def audited(fleet: Fleet) -> World:
    """Prod has gone from v1.0.0 to v1.1.0 and back, and somebody has signed off what QA runs."""
    world = fleet.world(SHORT)
    world.release("deploy", "dev", "--yes")
    world.release("promote", "qa", "--yes")
    world.release("accept", "qa", "--reason", "tested", "--yes")
    world.release("promote", "prod", "--yes", "--reason", "change request 4711")
    world.take_to_qa("2")
    world.release("promote", "prod", "--yes")
    world.release("rollback", "prod", "--reason", "wrong prices", "--yes")
    return world


def test_what_really_happened_verifies_in_every_region(audited: World) -> None:
    shown = audited.release("audit", "verify", "--json").json

    assert shown["verdict"] == "verified"
    assert {one["result"] for one in shown["checks"]} == {"holds"}
    assert [one["place"] for one in shown["checks"] if one["subject"] == "running"] == [
        "fleet/dev",
        "fleet/qa",
        "fleet/prod",
    ]
    assert "in us-east-1, us-west-2" in {
        one["why"] for one in shown["checks"] if one["subject"] == "artifact"
    }


def test_audit_json_of_a_promotion_and_of_its_rollback_follows_the_schema(audited: World) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
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


def test_an_alias_that_somebody_moved_by_hand_is_the_first_mismatch(audited: World) -> None:
    functions = audited.functions("prod", REPLICA)
    functions.update_alias(FunctionName="orders-prod", Name="live", FunctionVersion="2")
    try:
        ran = audited.release("audit", "verify", "v1.0.0", ends=3)
    finally:
        functions.update_alias(FunctionName="orders-prod", Name="live", FunctionVersion="1")

    assert "error: fleet/prod: orders-prod in us-west-2: other bytes: version 2, recorded 1" in ran.err


@pytest.mark.prove
def test_one_flipped_byte_in_a_bucket_is_found(audited: World) -> None:
    manifest = audited.remote.head("qa")["serves"]["release"]["manifest"]
    artifact = audited.manifest(manifest)["services"]["orders"]["artifact"]
    s3 = audited.fleet.client("s3", ARTIFACT_ACCOUNT, PRIMARY)
    there = {"Bucket": BUCKET.format(region=PRIMARY), "Key": f"zip/{artifact}.zip"}
    found = s3.get_object(**there)
    good = found["Body"].read()
    s3.put_object(**there, Body=bytes([good[0] ^ 1]) + good[1:], Metadata=found["Metadata"])
    try:
        ran = audited.release("audit", "verify", "v1.1.0", ends=3)
    finally:
        s3.put_object(**there, Body=good, Metadata=found["Metadata"])

    assert "the zip of orders of v1.1.0" in ran.err


def test_without_credentials_nothing_is_called_a_mismatch(audited: World) -> None:
    ran = audited.start(
        "audit", "verify", "--json", AWS_ACCESS_KEY_ID="555555555555", AWS_SECRET_ACCESS_KEY="made-up"
    ).wait()

    assert ran.code == 4, str(ran)
    assert ran.json["verdict"] == "incomplete"
    assert ran.json["first"]["result"] == "unread"


@pytest.mark.prove
def test_every_promotion_is_exported(audited: World) -> None:
    words = ("--from", "2020-01-01", "--to", "2099-12-31", "--stage", "prod", "--format", "json")
    found = audited.release("audit", "export", *words).json["promotions"]

    assert [(one["verb"], one["tag"], one["outcome"]) for one in found] == [
        ("promote", "v1.0.0", "succeeded"),
        ("promote", "v1.1.0", "succeeded"),
        ("rollback", "v1.0.0", "succeeded"),
    ]
