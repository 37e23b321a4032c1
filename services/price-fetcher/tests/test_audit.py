"""The audit trail against moto's DynamoDB, which checks the shape of each request as botocore sends it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from common.dynamodb import probe_table
from common.errors import DependencyUnavailable
from price_fetcher.audit import Access, DynamoAuditTrail, Outcome

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
READ = Access("u-1", "price/PROD-101", NOON, "r-1", Outcome.FOUND)


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client: Any = botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")
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
        yield client


def test_one_query_answers_who_read_a_thing_on_a_day(client: Any) -> None:
    trail = DynamoAuditTrail(client, "audit", timedelta(days=2192))
    trail.record(READ)
    trail.record(replace(READ, who="u-2", when=NOON + timedelta(hours=1), request_id="r-2"))
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


def test_a_missing_table_is_an_unavailable_dependency(client: Any) -> None:
    with pytest.raises(DependencyUnavailable) as write:
        DynamoAuditTrail(client, "elsewhere", timedelta(days=30)).record(READ)
    with pytest.raises(DependencyUnavailable) as probe:
        probe_table(client, "elsewhere", "audit_table")
    assert write.value.cause == probe.value.cause == "ResourceNotFoundException"


def test_a_table_that_is_there_is_healthy(client: Any) -> None:
    probe_table(client, "audit", "audit_table")
