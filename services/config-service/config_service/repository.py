"""Versioned documents in DynamoDB: one item for what is now, guarded by its version, one for each change.

Both are written in one transaction, so the history has no gap. Configurations and flags are such documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from common.dynamodb import ConditionNotMet, DynamoClient, reaching
from config_service.schema import Change

HISTORY = "history_table"


@dataclass(frozen=True, slots=True)
class Document:
    """One document. `text` is JSON; `version` starts at 1."""

    name: str
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class PastChange:
    """One version that was. `text` is None where it was a deletion."""

    version: int
    change: Change
    changed_at: datetime
    text: str | None


class StaleVersion(Exception):
    """The document has another version than the caller has read; nothing was written."""


class DocumentStore(Protocol):
    """Where documents are kept. Every method raises DependencyUnavailable when the store is away."""

    def get(self, name: str) -> Document | None:
        """What is stored now, None when nothing is."""
        ...

    def put(self, name: str, text: str, read: int, now: datetime, change: Change = "put") -> Document:
        """Store; give the new version. `read` 0: nothing must be there. Raises StaleVersion."""
        ...

    def delete(self, name: str, read: int, now: datetime) -> None:
        """Remove the text. Raises StaleVersion."""
        ...

    def history(self, name: str, limit: int, before: int | None) -> tuple[PastChange, ...]:
        """At most `limit` changes before a version, the newest first."""
        ...


class DynamoDocuments:
    """DocumentStore in two tables: `table` with the key `key`, and `history` with `subject` and `version`.

    A deleted document leaves its version behind (no text, `deleted_at` set). Otherwise a new one would count
    from 1 again and somebody who still holds an old version 1 could overwrite it unnoticed. History has an
    end: DynamoDB removes a change some time after `ttl`.
    """

    def __init__(
        self, client: DynamoClient, *, table: str, key: str, dependency: str, history: str, kept: timedelta
    ) -> None:
        self._client = client
        self._table = table
        self._key = key
        self._dependency = dependency
        self._history = history
        self._kept = kept

    def get(self, name: str) -> Document | None:
        item = self._item(name)
        if item is None or "deleted_at" in item:
            return None
        return Document(name, int(item["version"]["N"]), item["settings"]["S"])

    def put(self, name: str, text: str, read: int, now: datetime, change: Change = "put") -> Document:
        left = 0
        if read == 0:  # a deleted document goes on counting from where it ended
            item = self._item(name)
            if item is not None and "deleted_at" not in item:
                raise StaleVersion
            left = int(item["version"]["N"]) if item else 0
        version = (read or left) + 1
        self._write(name, version, read == 0, {"settings": {"S": text}}, change, now)
        return Document(name, version, text)

    def delete(self, name: str, read: int, now: datetime) -> None:
        self._write(name, read + 1, False, {"deleted_at": {"S": _iso(now)}}, "delete", now)

    def history(self, name: str, limit: int, before: int | None) -> tuple[PastChange, ...]:
        condition, values = "subject = :subject", {":subject": {"S": self._subject(name)}}
        if before is not None:
            condition += " AND version < :before"
            values[":before"] = {"N": str(before)}
        with reaching(HISTORY):
            found = self._client.query(
                TableName=self._history,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ScanIndexForward=False,
                Limit=limit,
                ConsistentRead=True,
            )
        return tuple(_past(item) for item in found["Items"])

    def _item(self, name: str) -> Mapping[str, Any] | None:
        with reaching(self._dependency):
            found = self._client.get_item(
                TableName=self._table, Key={self._key: {"S": name}}, ConsistentRead=True
            )
        item: Mapping[str, Any] | None = found.get("Item")
        return item

    def _write(
        self,
        name: str,
        version: int,
        creates: bool,
        content: Mapping[str, Mapping[str, str]],
        change: Change,
        now: datetime,
    ) -> None:
        """Replace version - 1 by version, and note it. Raises StaleVersion when something else is there."""
        moment = {"S": _iso(now)}
        number = {"version": {"N": str(version)}}
        current = {self._key: {"S": name}, **number, "updated_at": moment, **content}
        end = str(int((now + self._kept).timestamp()))
        noted = {
            "subject": {"S": self._subject(name)},
            **number,
            "change": {"S": change},
            "changed_at": moment,
            "ttl": {"N": end},
            **{field: value for field, value in content.items() if field == "settings"},
        }
        guard: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({self._key})"}
        if version > 1:
            exists = "attribute_exists" if creates else "attribute_not_exists"
            guard = {
                "ConditionExpression": f"version = :before AND {exists}(deleted_at)",
                "ExpressionAttributeValues": {":before": {"N": str(version - 1)}},
            }
        items = ((self._dependency, self._table), (HISTORY, self._history))
        try:
            with reaching(self._dependency, items):
                self._client.transact_write_items(
                    TransactItems=[
                        {"Put": {"TableName": self._table, "Item": current, **guard}},
                        {
                            "Put": {
                                "TableName": self._history,
                                "Item": noted,
                                "ConditionExpression": "attribute_not_exists(subject)",
                            }
                        },
                    ]
                )
        except ConditionNotMet:
            raise StaleVersion from None

    def _subject(self, name: str) -> str:
        return f"{self._key}#{name}"


def _past(item: Mapping[str, Any]) -> PastChange:
    text = item["settings"]["S"] if "settings" in item else None
    moment = datetime.fromisoformat(item["changed_at"]["S"])
    return PastChange(int(item["version"]["N"]), item["change"]["S"], moment, text)


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
