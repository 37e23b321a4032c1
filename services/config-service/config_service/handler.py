"""Lambda's entry: configuration of users, and feature flags (routes.py)."""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from common.core import Core, LambdaHandler
from common.middleware.access_log import log_access
from common.middleware.health_checks import answer_health_checks
from common.middleware.outcomes import count_outcomes
from common.middleware.problems import answer_problems
from common.middleware.routing import answer_routes
from common.middleware.tracing import trace_calls
from common.routes import Call, Reply
from config_service.parts import Parts, lambda_parts
from config_service.routes import ROUTES
from config_service.schema import ConfigResponse, FlagResponse

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ACTIONS: Final[Mapping[str, Callable[[Parts, Call], BaseModel | None]]] = MappingProxyType(
    {
        "getConfig": lambda parts, call: parts.configs.get(call.path.user_id),
        "putConfig": lambda parts, call: parts.configs.put(
            call.path.user_id, call.body.settings, call.body.version
        ),
        "patchConfig": lambda parts, call: parts.configs.patch(
            call.path.user_id, call.body.settings, call.body.version
        ),
        "deleteConfig": lambda parts, call: parts.configs.delete(call.path.user_id, call.query.version),
        "getConfigHistory": lambda parts, call: parts.configs.history(
            call.path.user_id, call.query.limit, call.query.before
        ),
        "getFlag": lambda parts, call: parts.flags.get(call.path.flag),
        "putFlag": lambda parts, call: parts.flags.put(call.path.flag, call.body.rules, call.body.version),
        "deleteFlag": lambda parts, call: parts.flags.delete(call.path.flag, call.query.version),
        "evaluateFlag": lambda parts, call: parts.flags.evaluate(
            call.path.flag, call.query.user_id, call.query.tenant_id
        ),
    }
)


def create_handler(parts: Callable[[], Parts]) -> LambdaHandler:
    """The handler with its layers round it; `parts` is asked at each call and is expected to remember."""

    def core() -> Core:
        return parts().core

    @log_access(core=core)
    @trace_calls(core=core)
    @answer_health_checks(core=core)
    @answer_problems(core=core)
    @count_outcomes(core=core)
    @answer_routes(routes=ROUTES)
    def handle(call: Call, context: "LambdaContext") -> Reply:
        body = ACTIONS[call.route.operation](parts(), call)
        if isinstance(body, ConfigResponse | FlagResponse):
            return Reply(body, {"etag": f'"{body.version}"'})
        return Reply(body)

    return handle


handler = create_handler(lambda_parts)

# On AWS the initialisation phase has a full processor whatever the memory setting; invocations do not.
if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    lambda_parts()
