"""The DynamoDB client: one for the life of the execution environment, made outside the handler."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, cast

from common.errors import ConfigurationError, DependencyUnavailable
from common.tracing import subsegment

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_LOST_RACE = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


class DynamoClient(Protocol):
    """The calls of botocore's DynamoDB client that the services use, and no others."""

    def get_item(self, **request: Any) -> Mapping[str, Any]: ...
    def query(self, **request: Any) -> Mapping[str, Any]: ...
    def execute_statement(self, **request: Any) -> Mapping[str, Any]: ...
    def transact_write_items(self, **request: Any) -> Mapping[str, Any]: ...
    def describe_table(self, **request: Any) -> Mapping[str, Any]: ...


class ConditionNotMet(Exception):
    """The item was not in the state that the write asked for; nothing was written."""


@cache
def dynamodb_client() -> DynamoClient:
    """The shared client, for the region and credentials of the function.

    Time-outs are short: a request that waits for a lost connection longer than API Gateway does (30 s) helps
    nobody. botocore alone comes up some milliseconds sooner than boto3, which adds nothing we use.
    """
    import botocore.session
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3})
    return cast(DynamoClient, botocore.session.get_session().create_client("dynamodb", config=config))


@contextmanager
def reaching(dependency: str, items: Sequence[tuple[str, str]] = ()) -> Iterator[None]:
    """Turn botocore's exceptions into ours: ConditionNotMet, or DependencyUnavailable for `dependency`.

    `items` are (dependency, table) of each item of a transaction, in its order: then the one that DynamoDB
    says has failed is named, and `dependency` where it says of none. It gives a reason for each item in
    that order: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html

    A request that DynamoDB calls invalid is our bug and no outage, so it is left as it is.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        with subsegment(dependency):
            yield
    except ParamValidationError:
        raise
    except ClientError as error:
        response: Mapping[str, Any] = error.response
        said = response.get("Error", {})
        code, who = said.get("Code", "Unknown"), dependency
        if code in ("ConditionalCheckFailedException", "DuplicateItemException"):
            raise ConditionNotMet from None
        if code == "TransactionCanceledException":
            reasons = [reason.get("Code", "None") for reason in response.get("CancellationReasons", ())]
            if _LOST_RACE.intersection(reasons):
                raise ConditionNotMet from None
            failed = next((at for at, reason in enumerate(reasons) if reason != "None"), None)
            if failed is not None:
                code = reasons[failed]
                who = items[failed][0] if failed < len(items) else dependency
        else:
            message = str(said.get("Message", ""))
            who = next((one for one, table in items if _names(message, table)), dependency)
        if code == "ValidationException":
            raise
        raise DependencyUnavailable(who, code) from None
    except BotoCoreError as error:
        raise DependencyUnavailable(dependency, type(error).__name__) from None


def _names(message: str, table: str) -> bool:
    """Whether it says `Table: NAME`, or has the table's ARN."""
    name = rf"(?i:\btable)[/: ]+{re.escape(table)}(?![A-Za-z0-9_-]|\.[A-Za-z0-9_-])"
    return re.search(name, message) is not None


def insert_item(client: DynamoClient, table: str, item: Mapping[str, Mapping[str, str]]) -> None:
    """Add an item that is not there yet, by PartiQL. Call it inside `reaching`: raises ConditionNotMet there.

    Values are parameters. A table's name cannot be one: it is the function's own variable, and checked.
    """
    if not _NAME.fullmatch(table):
        raise ConfigurationError("the name of the table is none that DynamoDB knows")
    fields = ", ".join(f"'{name}': ?" for name in item)
    statement = f'INSERT INTO "{table}" VALUE {{{fields}}}'  # sql: names of our own, values are bound
    client.execute_statement(Statement=statement, Parameters=list(item.values()))


def probe_table(client: DynamoClient, table: str, dependency: str) -> None:
    """Health probe: the table takes requests. Reads metadata only; raises DependencyUnavailable."""
    with reaching(dependency):
        status = client.describe_table(TableName=table)["Table"]["TableStatus"]
    if status not in {"ACTIVE", "UPDATING"}:
        raise DependencyUnavailable(dependency, f"TableStatus={status}")
