"""Lambda's entry: GET /price?id=…&userId=…"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from common.constants import MetricName
from common.core import Core, LambdaHandler
from common.middleware.access_log import log_access
from common.middleware.audit import audit_reads
from common.middleware.database import open_database
from common.middleware.health_checks import answer_health_checks
from common.middleware.outcomes import count_outcomes
from common.middleware.problems import answer_problems
from common.middleware.routing import answer_routes
from common.middleware.tracing import trace_calls
from common.reads import AuditedReads
from common.routes import Call, Reply
from price_fetcher.parts import Parts, lambda_parts
from price_fetcher.repository import DEPENDENCY, SqlPriceBook
from price_fetcher.routes import ROUTES
from price_fetcher.schema import PriceResponse
from price_fetcher.service import price_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def create_handler(parts: Callable[[], Parts]) -> LambdaHandler:
    """The handler with its layers round it; `parts` is asked at each call and is expected to remember."""

    def core() -> Core:
        return parts().core

    @log_access(core=core)
    @trace_calls(core=core)
    @answer_health_checks(core=core)
    @answer_problems(core=core)
    @count_outcomes(core=core, answered=MetricName.PRICES_FETCHED)
    @answer_routes(routes=ROUTES)
    @open_database(engine=lambda: parts().engine, dependency=DEPENDENCY)
    @audit_reads(trail=lambda: parts().trail, now=lambda: parts().now(), who=_reader)
    def handle(call: Call, context: "LambdaContext", reads: AuditedReads) -> Reply:
        price = price_of(call.query.id, SqlPriceBook(reads))
        return Reply(PriceResponse(product_id=price.product_id, price=price.amount, currency=price.currency))

    return handle


def _reader(call: Call) -> str:
    user: str = call.query.user_id
    return user


handler = create_handler(lambda_parts)

# On AWS the initialisation phase has a full processor whatever the memory setting; invocations do not.
if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    lambda_parts()
