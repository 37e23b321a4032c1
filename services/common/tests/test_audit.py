"""The audit trail against the sandbox's DynamoDB, which speaks PartiQL and refuses duplicates as AWS does."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import botocore.session
import pytest

from common.audit import Access, DynamoAuditTrail, Outcome, retention
from common.dynamodb import probe_table
from common.errors import ConfigurationError, DependencyUnavailable
from release.sandbox.session import Sandbox

_accounts = itertools.count(111111111111)
NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
READ = Access("u-1", "price/PROD-101", NOON, "r-1", Outcome.FOUND, "arn:aws:iam::1:user/portal")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    """A DynamoDB with an empty table `audit`, in an account of its own."""
    client: Any = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=sandbox.endpoint,
        aws_access_key_id=f"{next(_accounts)}",
        aws_secret_access_key="sandbox",
    )
    client.create_table(
        TableName="audit",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": n, "AttributeType": "S"} for n in ("what_day", "when_request")
        ],
        KeySchema=[
            {"AttributeName": "what_day", "KeyType": "HASH"},
            {"AttributeName": "when_request", "KeyType": "RANGE"},
        ],
    )
    return client


def test_one_query_answers_who_read_a_thing_on_a_day(client: Any) -> None:
    trail = DynamoAuditTrail(client, "audit", timedelta(days=2192))
    trail.record(READ)
    trail.record(replace(READ, who="u-2", when=NOON + timedelta(hours=1), request_id="r-2", caller=""))
    trail.record(replace(READ, when=NOON + timedelta(days=1), request_id="r-3"))

    found = client.query(
        TableName="audit",
        KeyConditionExpression="what_day = :day",
        ExpressionAttributeValues={":day": {"S": "price/PROD-101#2026-03-01"}},
    )["Items"]

    assert [item["who"]["S"] for item in found] == ["u-1", "u-2"]
    assert found[0]["when"]["S"] == "2026-03-01T12:00:00.250000Z"
    assert found[0]["request_id"]["S"] == "r-1"
    assert found[0]["outcome"]["S"] == "found"
    assert found[0]["caller"]["S"] == "arn:aws:iam::1:user/portal" and "caller" not in found[1]


def test_an_item_ends_when_its_retention_does(client: Any) -> None:
    DynamoAuditTrail(client, "audit", timedelta(days=30)).record(READ)

    (item,) = client.scan(TableName="audit")["Items"]
    assert int(item["ttl"]["N"]) == int((NOON + timedelta(days=30)).timestamp())


def test_days_are_counted_in_utc(client: Any) -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    DynamoAuditTrail(client, "audit", timedelta(days=30)).record(replace(READ, when=late))

    (item,) = client.scan(TableName="audit")["Items"]
    assert item["what_day"]["S"] == "price/PROD-101#2026-03-02"


def test_a_repeated_write_of_one_read_changes_nothing(client: Any) -> None:
    trail = DynamoAuditTrail(client, "audit", timedelta(days=30))
    trail.record(READ)
    trail.record(replace(READ, who="somebody-else"))

    (item,) = client.scan(TableName="audit")["Items"]
    assert item["who"]["S"] == "u-1"


def test_a_hostile_value_is_a_parameter_of_the_statement(client: Any) -> None:
    hostile = "u'}; DELETE FROM audit --"
    DynamoAuditTrail(client, "audit", timedelta(days=30)).record(replace(READ, who=hostile))

    (item,) = client.scan(TableName="audit")["Items"]
    assert item["who"]["S"] == hostile


def test_a_table_whose_name_is_none_is_a_configuration_error(client: Any) -> None:
    with pytest.raises(ConfigurationError, match="the name of the table"):
        DynamoAuditTrail(client, 'audit" VALUE {} --', timedelta(days=30)).record(READ)


def test_a_missing_table_is_an_unavailable_dependency(client: Any) -> None:
    with pytest.raises(DependencyUnavailable) as write:
        DynamoAuditTrail(client, "elsewhere", timedelta(days=30)).record(READ)
    with pytest.raises(DependencyUnavailable) as probe:
        probe_table(client, "elsewhere", "audit_table")
    assert write.value.cause == probe.value.cause == "ResourceNotFoundException"


def test_a_table_that_is_there_is_healthy(client: Any) -> None:
    probe_table(client, "audit", "audit_table")


def test_six_years_are_the_least_in_prod() -> None:
    assert retention("7", "dev") == timedelta(days=7)
    assert retention("2192", "prod") == timedelta(days=2192)
    with pytest.raises(ConfigurationError, match="2192 or more in prod"):
        retention("2191", "prod")
