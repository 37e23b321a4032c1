"""User configuration in DynamoDB, one item a user, guarded by its version."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from common.dynamodb import ConditionNotMet, DynamoClient, reaching

DEPENDENCY = "config_table"
_NAMES = {"#settings": "settings", "#version": "version", "#updated": "updated_at", "#deleted": "deleted_at"}


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """One user's configuration. `settings` is the JSON text of a UserSettings; `version` starts at 1."""

    user_id: str
    version: int
    settings: str


class StaleVersion(Exception):
    """The item has another version than the caller has read; nothing was written."""


class ConfigStore(Protocol):
    """Where configurations are kept. Every method raises DependencyUnavailable when the store is away."""

    def get(self, user_id: str) -> StoredConfig | None:
        """What is stored now, None when nothing is."""
        ...

    def put(self, user_id: str, settings: str, read_version: int, now: datetime) -> StoredConfig:
        """Store; give the new version. `read_version` 0: nothing must be there. Raises StaleVersion."""
        ...

    def delete(self, user_id: str, read_version: int, now: datetime) -> None:
        """Remove the settings. Raises StaleVersion."""
        ...


class DynamoConfigStore:
    """ConfigStore in a DynamoDB table.

    A deleted configuration leaves its version behind (no settings, `deleted_at` set). Otherwise a new one
    would count from 1 again and somebody who still holds an old version 1 could overwrite it unnoticed.
    """

    def __init__(self, client: DynamoClient, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, user_id: str) -> StoredConfig | None:
        with reaching(DEPENDENCY):
            found = self._client.get_item(TableName=self._table, Key=_key(user_id), ConsistentRead=True)
        item = found.get("Item")
        return None if item is None or "deleted_at" in item else _stored(item)

    def put(self, user_id: str, settings: str, read_version: int, now: datetime) -> StoredConfig:
        updated = self._update(
            user_id,
            "SET #settings = :settings, #updated = :now, #version = if_not_exists(#version, :zero) + :one"
            " REMOVE #deleted",
            {":settings": {"S": settings}, ":zero": {"N": "0"}},
            read_version,
            now,
        )
        return _stored(updated)

    def delete(self, user_id: str, read_version: int, now: datetime) -> None:
        self._update(
            user_id,
            "SET #deleted = :now, #updated = :now, #version = #version + :one REMOVE #settings",
            {},
            read_version,
            now,
        )

    def _update(
        self,
        user_id: str,
        expression: str,
        values: Mapping[str, Mapping[str, str]],
        read_version: int,
        now: datetime,
    ) -> Mapping[str, Any]:
        condition = "#version = :read AND attribute_not_exists(#deleted)"
        bound: dict[str, Mapping[str, str]] = {":now": {"S": _iso(now)}, ":one": {"N": "1"}, **values}
        if read_version == 0:
            condition = "attribute_not_exists(#version) OR attribute_exists(#deleted)"
        else:
            bound[":read"] = {"N": str(read_version)}
        try:
            with reaching(DEPENDENCY):
                result = self._client.update_item(
                    TableName=self._table,
                    Key=_key(user_id),
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=_NAMES,
                    ExpressionAttributeValues=bound,
                    ReturnValues="ALL_NEW",
                )
        except ConditionNotMet:
            raise StaleVersion from None
        attributes: Mapping[str, Any] = result["Attributes"]
        return attributes


def _key(user_id: str) -> dict[str, dict[str, str]]:
    return {"user_id": {"S": user_id}}


def _stored(item: Mapping[str, Any]) -> StoredConfig:
    return StoredConfig(item["user_id"]["S"], int(item["version"]["N"]), item["settings"]["S"])


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
