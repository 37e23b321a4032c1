"""Innermost layer: documented failures become problem answers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.core import Core, LambdaHandler, layer
from common.errors import DependencyUnavailable, ServiceError
from common.http_request import request_id
from common.http_response import problem

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@layer
def answer_problems(
    handler: LambdaHandler, event: object, context: "LambdaContext", core: Callable[[], Core]
) -> dict[str, Any]:
    """Answer a ServiceError as a problem document. Anything else is unforeseen and goes on outwards."""
    try:
        return handler(event, context)
    except DependencyUnavailable as error:
        core().logger.error(
            "dependency down", dependency=error.dependency, cause=error.cause, code=error.code
        )
        return problem(error, request_id(event, context))
    except ServiceError as error:
        core().logger.info("refused", code=error.code, status=error.status, count=len(error.problems))
        return problem(error, request_id(event, context))
