"""The DynamoDB client: one for the life of the execution environment, made outside the handler."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, cast

from common.errors import DependencyUnavailable


class DynamoClient(Protocol):
    """The calls of botocore's DynamoDB client that the services use, and no others."""

    def put_item(self, **request: Any) -> Mapping[str, Any]: ...
    def get_item(self, **request: Any) -> Mapping[str, Any]: ...
    def update_item(self, **request: Any) -> Mapping[str, Any]: ...
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
def reaching(dependency: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours: ConditionNotMet, or DependencyUnavailable for `dependency`.

    A request that DynamoDB calls invalid is our bug and no outage, so it is left as it is.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ParamValidationError:
        raise
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "Unknown")
        if code == "ConditionalCheckFailedException":
            raise ConditionNotMet from None
        if code == "ValidationException":
            raise
        raise DependencyUnavailable(dependency, code) from None
    except BotoCoreError as error:
        raise DependencyUnavailable(dependency, type(error).__name__) from None


def probe_table(client: DynamoClient, table: str, dependency: str) -> None:
    """Health probe: the table takes requests. Reads metadata only; raises DependencyUnavailable."""
    with reaching(dependency):
        status = client.describe_table(TableName=table)["Table"]["TableStatus"]
    if status not in {"ACTIVE", "UPDATING"}:
        raise DependencyUnavailable(dependency, f"TableStatus={status}")
