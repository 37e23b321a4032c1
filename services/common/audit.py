"""The audit trail in DynamoDB: who read what, when, in which request. Items are added, never changed.

Items are written by PartiQL's INSERT, which DynamoDB refuses when the key exists. So the function's role
needs `dynamodb:PartiQLInsert` alone: with PutItem it could put another item in an item's place, whatever
conditions our own code sends.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from common.dynamodb import ConditionNotMet, DynamoClient, insert_item, reaching
from common.errors import ConfigurationError

DEPENDENCY = "audit_table"
SIX_YEARS = 2192  # days. HIPAA keeps documentation for six years: 45 CFR 164.316(b)(2)(i)
PRODUCTION = "prod"


class Outcome(StrEnum):
    FOUND = "found"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Access:
    """One read. `who` is whom the caller reads for, `caller` whom API Gateway has let in ("" if nobody).

    `when` is in UTC.
    """

    who: str
    what: str
    when: datetime
    request_id: str
    outcome: Outcome
    caller: str = ""


class AuditTrail(Protocol):
    """Where reads are recorded."""

    def record(self, access: Access) -> None:
        """Return once the item is stored. Raises DependencyUnavailable when it is not known to be."""
        ...


class DynamoAuditTrail:
    """AuditTrail in a DynamoDB table with the key `what_day`, `when_request`.

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
        if access.caller:
            item["caller"] = {"S": access.caller}
        try:
            with reaching(DEPENDENCY):
                insert_item(self._client, self._table, item)
        except ConditionNotMet:
            # Same thing, same microsecond, same request: botocore repeated a write whose answer was lost.
            return


def retention(days: str, stage: str) -> timedelta:
    """How long items are kept. Raises ConfigurationError, in prod also for less than six years."""
    if not (days.isascii() and days.isdigit() and 0 < int(days) < 36_500):
        raise ConfigurationError("AUDIT_RETENTION_DAYS must be a whole number of days")
    if stage == PRODUCTION and int(days) < SIX_YEARS:
        raise ConfigurationError(f"AUDIT_RETENTION_DAYS must be {SIX_YEARS} or more in {PRODUCTION}")
    return timedelta(days=int(days))
