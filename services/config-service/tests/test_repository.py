"""What every ConfigStore does: the fake of the other tests, and the real one before moto's DynamoDB."""

from datetime import UTC, datetime
from typing import Any

import pytest

from common.errors import DependencyUnavailable
from config_service.repository import ConfigStore, DynamoConfigStore, StaleVersion, StoredConfig

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TEXT = '{"theme":"dark"}'


def test_what_is_stored_is_read_with_its_version(store: ConfigStore) -> None:
    assert store.get("u-1") is None
    assert store.put("u-1", TEXT, 0, NOON) == StoredConfig("u-1", 1, TEXT)
    assert store.get("u-1") == StoredConfig("u-1", 1, TEXT)
    assert store.get("u-2") is None


def test_each_write_raises_the_version_by_one(store: ConfigStore) -> None:
    store.put("u-1", TEXT, 0, NOON)
    assert store.put("u-1", "{}", 1, NOON) == StoredConfig("u-1", 2, "{}")


@pytest.mark.parametrize("stale", [0, 1, 3])
def test_a_write_that_has_not_read_the_latest_changes_nothing(store: ConfigStore, stale: int) -> None:
    store.put("u-1", "{}", 0, NOON)
    store.put("u-1", TEXT, 1, NOON)

    with pytest.raises(StaleVersion):
        store.put("u-1", "lost", stale, NOON)
    assert store.get("u-1") == StoredConfig("u-1", 2, TEXT)


def test_an_update_of_nothing_is_stale(store: ConfigStore) -> None:
    with pytest.raises(StaleVersion):
        store.put("u-1", TEXT, 1, NOON)
    with pytest.raises(StaleVersion):
        store.delete("u-1", 1, NOON)
    assert store.get("u-1") is None


def test_a_delete_needs_the_latest_version(store: ConfigStore) -> None:
    store.put("u-1", "{}", 0, NOON)
    store.put("u-1", TEXT, 1, NOON)

    with pytest.raises(StaleVersion):
        store.delete("u-1", 1, NOON)
    store.delete("u-1", 2, NOON)
    assert store.get("u-1") is None


def test_versions_go_on_after_a_delete_so_that_old_ones_stay_stale(store: ConfigStore) -> None:
    store.put("u-1", "{}", 0, NOON)
    store.delete("u-1", 1, NOON)
    again = store.put("u-1", TEXT, 0, NOON)

    assert again.version == 3
    with pytest.raises(StaleVersion):
        store.put("u-1", "lost", 1, NOON)


def test_a_deleted_configuration_can_be_neither_deleted_nor_updated(store: ConfigStore) -> None:
    store.put("u-1", "{}", 0, NOON)
    store.delete("u-1", 1, NOON)

    with pytest.raises(StaleVersion):
        store.delete("u-1", 2, NOON)
    with pytest.raises(StaleVersion):
        store.put("u-1", TEXT, 2, NOON)


def test_a_delete_leaves_no_settings_in_the_table(dynamodb: Any) -> None:
    store = DynamoConfigStore(dynamodb, "config")
    store.put("u-1", TEXT, 0, NOON)
    store.delete("u-1", 1, NOON)

    (item,) = dynamodb.scan(TableName="config")["Items"]
    assert set(item) == {"user_id", "version", "updated_at", "deleted_at"}


def test_a_missing_table_is_an_unavailable_dependency(dynamodb: Any) -> None:
    with pytest.raises(DependencyUnavailable) as read:
        DynamoConfigStore(dynamodb, "elsewhere").get("u-1")
    assert read.value.cause == "ResourceNotFoundException"
