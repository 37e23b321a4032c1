"""What every DocumentStore does: the fake of the other tests, and the real one before moto's DynamoDB."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from common.errors import DependencyUnavailable
from config_service.repository import Document, DocumentStore, DynamoDocuments, PastChange, StaleVersion

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TEXT = '{"theme":"dark"}'


def test_what_is_stored_is_read_with_its_version(store: DocumentStore) -> None:
    assert store.get("u-1") is None
    assert store.put("u-1", TEXT, 0, NOON) == Document("u-1", 1, TEXT)
    assert store.get("u-1") == Document("u-1", 1, TEXT)
    assert store.get("u-2") is None


def test_each_write_raises_the_version_by_one(store: DocumentStore) -> None:
    store.put("u-1", TEXT, 0, NOON)
    assert store.put("u-1", "{}", 1, NOON) == Document("u-1", 2, "{}")


@pytest.mark.parametrize("stale", [0, 1, 3])
def test_a_write_that_has_not_read_the_latest_changes_nothing(store: DocumentStore, stale: int) -> None:
    store.put("u-1", "{}", 0, NOON)
    store.put("u-1", TEXT, 1, NOON)

    with pytest.raises(StaleVersion):
        store.put("u-1", "lost", stale, NOON)
    assert store.get("u-1") == Document("u-1", 2, TEXT)


def test_an_update_of_nothing_is_stale(store: DocumentStore) -> None:
    with pytest.raises(StaleVersion):
        store.put("u-1", TEXT, 1, NOON)
    with pytest.raises(StaleVersion):
        store.delete("u-1", 1, NOON)
    assert store.get("u-1") is None


def test_a_delete_needs_the_latest_version(store: DocumentStore) -> None:
    store.put("u-1", "{}", 0, NOON)
    store.put("u-1", TEXT, 1, NOON)

    with pytest.raises(StaleVersion):
        store.delete("u-1", 1, NOON)
    store.delete("u-1", 2, NOON)
    assert store.get("u-1") is None


def test_versions_go_on_after_a_delete_so_that_old_ones_stay_stale(store: DocumentStore) -> None:
    store.put("u-1", "{}", 0, NOON)
    store.delete("u-1", 1, NOON)
    again = store.put("u-1", TEXT, 0, NOON)

    assert again.version == 3
    with pytest.raises(StaleVersion):
        store.put("u-1", "lost", 1, NOON)


def test_a_deleted_configuration_can_be_neither_deleted_nor_updated(store: DocumentStore) -> None:
    store.put("u-1", "{}", 0, NOON)
    store.delete("u-1", 1, NOON)

    with pytest.raises(StaleVersion):
        store.delete("u-1", 2, NOON)
    with pytest.raises(StaleVersion):
        store.put("u-1", TEXT, 2, NOON)


def test_the_history_has_every_change_the_newest_first(store: DocumentStore) -> None:
    store.put("u-1", "{}", 0, NOON)
    store.put("u-1", TEXT, 1, NOON, "patch")
    store.delete("u-1", 2, NOON)
    store.put("u-2", "{}", 0, NOON)
    with pytest.raises(StaleVersion):
        store.put("u-1", "lost", 2, NOON)

    every = (
        PastChange(3, "delete", NOON, None),
        PastChange(2, "patch", NOON, TEXT),
        PastChange(1, "put", NOON, "{}"),
    )
    assert store.history("u-1", 10, None) == every
    assert store.history("u-1", 2, None) == every[:2]
    assert store.history("u-1", 2, 3) == every[1:]
    assert store.history("u-3", 10, None) == ()


def test_a_delete_leaves_no_settings_in_the_table_and_an_end_in_the_history(
    real_store: DocumentStore, dynamodb: Any
) -> None:
    real_store.put("u-1", TEXT, 0, NOON)
    real_store.delete("u-1", 1, NOON)

    (item,) = dynamodb.scan(TableName="config")["Items"]
    assert set(item) == {"user_id", "version", "updated_at", "deleted_at"}
    ends = {item["ttl"]["N"] for item in dynamodb.scan(TableName="history")["Items"]}
    assert ends == {str(int((NOON + timedelta(days=30)).timestamp()))}


def test_of_two_that_create_at_once_one_is_stale(real_store: DynamoDocuments, dynamodb: Any) -> None:
    """Both have seen that there is nothing: the transaction decides."""

    class Beaten:
        def __getattr__(self, name: str) -> Any:
            return getattr(dynamodb, name)

        def transact_write_items(self, **request: Any) -> Any:
            dynamodb.put_item(TableName="config", Item={"user_id": {"S": "u-1"}, "version": {"N": "1"}})
            return dynamodb.transact_write_items(**request)

    real_store._client = Beaten()
    with pytest.raises(StaleVersion):
        real_store.put("u-1", TEXT, 0, NOON)
    assert dynamodb.scan(TableName="history")["Items"] == []


def test_a_missing_table_is_an_unavailable_dependency(real_store: DocumentStore, dynamodb: Any) -> None:
    dynamodb.delete_table(TableName="config")
    with pytest.raises(DependencyUnavailable) as read:
        real_store.get("u-1")
    with pytest.raises(DependencyUnavailable) as write:
        real_store.put("u-1", TEXT, 1, NOON)
    assert read.value.cause == write.value.cause == "ResourceNotFoundException"


def canceled(*reasons: str) -> ClientError:
    """What DynamoDB says of a transaction: a reason for each item, in its order."""
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "canceled"},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return ClientError(response, "TransactWriteItems")


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "TransactWriteItems")


MISSING, DENIED = "ResourceNotFoundException", "AccessDeniedException"
DENIAL = "User: arn:aws:sts::1:assumed-role/config/history may not PutItem on arn:aws:dynamodb:x:1:table/"


@pytest.mark.parametrize(
    ("error", "dependency", "cause"),
    [
        (canceled("None", "ThrottlingError"), "history_table", "ThrottlingError"),
        (canceled("ThrottlingError", "None"), "config_table", "ThrottlingError"),
        (
            canceled("None", "ProvisionedThroughputExceeded"),
            "history_table",
            "ProvisionedThroughputExceeded",
        ),
        (canceled("None", "None"), "config_table", "TransactionCanceledException"),
        (
            refused(MISSING, "Requested resource not found: Table: history not found"),
            "history_table",
            MISSING,
        ),
        (refused(DENIED, DENIAL + "history."), "history_table", DENIED),
        (refused(DENIED, DENIAL + "my-history"), "config_table", DENIED),
        (refused(DENIED, DENIAL + "history-2 by history.old"), "config_table", DENIED),
        (refused(MISSING, "Requested resource not found"), "config_table", MISSING),
    ],
)
def test_a_failed_write_names_the_table_that_dynamodb_says_has_failed(
    error: ClientError, dependency: str, cause: str
) -> None:
    class Failing:
        def transact_write_items(self, **request: Any) -> Any:
            tables = [item["Put"]["TableName"] for item in request["TransactItems"]]
            assert tables == ["config", "history"]
            raise error

    client: Any = Failing()  # a write that has read something needs this call alone
    store = DynamoDocuments(
        client,
        table="config",
        key="user_id",
        dependency="config_table",
        history="history",
        kept=timedelta(days=30),
    )
    with pytest.raises(DependencyUnavailable) as down:
        store.put("u-1", TEXT, 1, NOON)
    assert (down.value.dependency, down.value.cause) == (dependency, cause)
