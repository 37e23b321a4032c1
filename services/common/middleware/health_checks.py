"""Answers smoke tests before anything of the service itself is called."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.core import Core, LambdaHandler, layer
from common.health import health_answer, is_health_check

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@layer
def answer_health_checks(
    handler: LambdaHandler, event: object, context: "LambdaContext", core: Callable[[], Core]
) -> dict[str, Any]:
    """Answer `{"health_check": true}` with the state of each dependency; let everything else through."""
    if not is_health_check(event):
        return handler(event, context)
    parts = core()
    answer = health_answer(parts.settings, parts.probes, context.function_version)
    for name, state in answer["body"]["dependencies"].items():
        if "cause" in state:
            parts.logger.warning(
                "dependency down", dependency=name, state=state["status"], cause=state["cause"]
            )
    return answer
