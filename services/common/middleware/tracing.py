"""A subsegment round the call: how long it took, and whether it was the first one of its environment."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.core import Core, LambdaHandler, layer
from common.tracing import subsegment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_environment = {"cold": True}


@layer
def trace_calls(
    handler: LambdaHandler, event: object, context: "LambdaContext", core: Callable[[], Core]
) -> dict[str, Any]:
    """Trace the call as `## SERVICE`, without anything that is in it."""
    cold, _environment["cold"] = _environment["cold"], False
    service = core().settings.service
    with subsegment(f"## {service}", Service=service, ColdStart=cold):
        return handler(event, context)
