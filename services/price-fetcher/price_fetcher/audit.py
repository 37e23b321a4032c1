"""The audit trail in DynamoDB: who read what, when, in which request. Items are added, never changed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from common.dynamodb import ConditionNotMet, DynamoClient, reaching

DEPENDENCY = "audit_table"


class Outcome(StrEnum):
    FOUND = "found"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Access:
    """One read. `when` is in UTC."""

    who: str
    what: str
    when: datetime
    request_id: str
    outcome: Outcome


class AuditTrail(Protocol):
    """Where reads are recorded."""

    def record(self, access: Access) -> None:
        """Return once the item is stored. Raises DependencyUnavailable when it is not known to be."""
        ...


class DynamoAuditTrail:
    """AuditTrail in a DynamoDB table.

    The partition is the thing that was read and the day, so that one query answers "who accessed X on day Y";
    it also keeps a much-read product from growing one endless partition. DynamoDB removes an item some time
    after `ttl` (seconds since 1970).
    """

    def __init__(self, client: DynamoClient, table: str, retention: timedelta) -> None:
        self._client = client
        self._table = table
        self._retention = retention

    def record(self, access: Access) -> None:
        when = access.when.astimezone(UTC)
        item = {
            "what_day": {"S": f"{access.what}#{when:%Y-%m-%d}"},
            "when_request": {"S": f"{when:%Y-%m-%dT%H:%M:%S.%fZ}#{access.request_id}"},
            "who": {"S": access.who},
            "what": {"S": access.what},
            "when": {"S": f"{when:%Y-%m-%dT%H:%M:%S.%fZ}"},
            "request_id": {"S": access.request_id},
            "outcome": {"S": str(access.outcome)},
            "ttl": {"N": str(int((when + self._retention).timestamp()))},
        }
        try:
            with reaching(DEPENDENCY):
                self._client.put_item(
                    TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(what_day)"
                )
        except ConditionNotMet:
            # Same thing, same microsecond, same request: botocore repeated a write whose answer was lost.
            return
