"""Outermost layer: one line for each call, and the last place where an exception can be stripped of data."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.core import Core, LambdaHandler, layer
from common.errors import ConfigurationError, UnexpectedFailure
from common.http_request import request_id

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@layer
def log_access(
    handler: LambdaHandler, event: object, context: "LambdaContext", core: Callable[[], Core]
) -> dict[str, Any]:
    """Log status and duration with the ids of the request, never its contents.

    An unforeseen exception leaves as UnexpectedFailure. The runtime writes what leaves into the log and hands
    it to the caller of Invoke, so the original, whose message may hold data, must not.
    """
    logger = core().logger
    began = time.perf_counter()
    ids = {
        "request_id": request_id(event, context),
        "lambda_request_id": context.aws_request_id,
        "function_version": context.function_version,
    }
    with logger.append_context_keys(**ids):
        try:
            result = handler(event, context)
        except ConfigurationError:
            raise
        except Exception as error:
            logger.exception("unexpected failure")
            failure = (
                f"{type(error).__name__} in request {ids['request_id']}; the log line of it has the places"
            )
        else:
            logger.info(
                "request",
                status=result["statusCode"],
                duration_ms=round((time.perf_counter() - began) * 1000, 1),
            )
            return result
    raise UnexpectedFailure(failure)
