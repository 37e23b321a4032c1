"""Lambda's entry: GET /price?id=…&userId=…"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.core import Core, LambdaHandler
from common.errors import MethodNotAllowed
from common.http_request import parse_request
from common.http_response import json_answer
from common.middleware import answer_health_checks, answer_problems, log_access
from common.validation import validated
from price_fetcher.parts import Parts, lambda_parts
from price_fetcher.schema import PriceRequest, PriceResponse

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def create_handler(parts: Callable[[], Parts]) -> LambdaHandler:
    """The handler with its layers round it; `parts` is asked at each call and is expected to remember."""

    def core() -> Core:
        return parts().core

    @log_access(core=core)
    @answer_health_checks(core=core)
    @answer_problems(core=core)
    def handle(event: object, context: "LambdaContext") -> dict[str, Any]:
        request = parse_request(event, context)
        if request.method != "GET":
            raise MethodNotAllowed("GET")
        asked = validated(PriceRequest, request.query)
        price = parts().service.price_of(asked.id, asked.user_id, request.request_id)
        return json_answer(
            PriceResponse(product_id=price.product_id, price=price.amount, currency=price.currency)
        )

    return handle


handler = create_handler(lambda_parts)

# On AWS the initialisation phase has a full processor whatever the memory setting; invocations do not.
if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    lambda_parts()
