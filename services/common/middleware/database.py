"""A database connection for the time of one call."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from common.core import layer
from common.database import querying
from common.tracing import subsegment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@layer
def open_database(
    handler: Callable[..., Any],
    event: Any,
    context: "LambdaContext",
    engine: Callable[[], Engine],
    dependency: str,
) -> Any:
    """Give the handler `connection`, and take it back when the call ends, whatever becomes of it.

    It stands inside of the validation, so a wrong request costs no connection and is told so while the
    database is away. Raises DependencyUnavailable for `dependency`, also for what fails on the connection
    further in.
    """
    with querying(dependency):
        with subsegment(f"{dependency} connect"):
            connection = engine().connect()
        with connection:
            return handler(event, context, connection=connection)
