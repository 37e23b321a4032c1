"""Lambda's entry: GET, PUT and DELETE of /config/{userId}."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.core import Core, LambdaHandler
from common.errors import MethodNotAllowed
from common.http_request import HttpRequest, parse_request
from common.http_response import json_answer, no_content
from common.middleware import answer_health_checks, answer_problems, log_access
from common.validation import validated, validated_json
from config_service.parts import Parts, lambda_parts
from config_service.schema import ConfigPath, ConfigResponse, DeleteQuery, PutConfig
from config_service.service import ConfigService, UserConfig

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
        return _route(parse_request(event, context), parts().service)

    return handle


def _route(request: HttpRequest, service: ConfigService) -> dict[str, Any]:
    if request.method not in {"GET", "PUT", "DELETE"}:
        raise MethodNotAllowed("GET", "PUT", "DELETE")
    user_id = validated(ConfigPath, request.path_parameters).user_id
    if request.method == "GET":
        return _answer(service.get(user_id))
    if request.method == "PUT":
        asked = validated_json(PutConfig, request.body)
        return _answer(service.put(user_id, asked.settings, asked.version))
    service.delete(user_id, validated(DeleteQuery, request.query).version)
    return no_content()


def _answer(config: UserConfig) -> dict[str, Any]:
    return json_answer(
        ConfigResponse(user_id=config.user_id, version=config.version, settings=config.settings),
        headers={"etag": f'"{config.version}"'},
    )


handler = create_handler(lambda_parts)

# On AWS the initialisation phase has a full processor whatever the memory setting; invocations do not.
if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    lambda_parts()
