"""Request validation and response serialisation: inside of this layer there are schemas, and no events."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from common.core import layer
from common.http_request import parse_request
from common.http_response import json_answer, no_content
from common.routes import Call, Reply, Route, called

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

RouteHandler = Callable[[Call, "LambdaContext"], Reply]


@layer
def answer_routes(
    handler: RouteHandler, event: object, context: "LambdaContext", routes: Sequence[Route]
) -> dict[str, Any]:
    """Give the handler a Call, as Powertools' `event_parser` would give it a model; answer with its Reply.

    Raises what `called` raises, and TypeError where the reply is not of the route's schema.
    """
    call = called(routes, parse_request(event, context))
    reply = handler(call, context)
    route = call.route
    if route.answer is None and reply.body is None:
        return no_content()
    if route.answer is None or not isinstance(reply.body, route.answer):
        raise TypeError(f"{route.operation} answers with {type(reply.body).__name__}")
    return json_answer(reply.body, status=route.status, headers=reply.headers)
