"""Counts answers, and the documented failures that alarms watch. Lambda counts the unforeseen ones itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.constants import MetricName
from common.core import Core, LambdaHandler, layer
from common.errors import DependencyUnavailable, MalformedRequest

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@layer
def count_outcomes(
    handler: LambdaHandler,
    event: object,
    context: "LambdaContext",
    core: Callable[[], Core],
    answered: MetricName | None = None,
) -> dict[str, Any]:
    """Count a dependency that is away, by its name, an event that is no request, and what was `answered`."""
    try:
        answer = handler(event, context)
    except DependencyUnavailable as error:
        core().metrics.count(MetricName.DEPENDENCY_UNAVAILABLE, dependency=error.dependency)
        raise
    except MalformedRequest:
        core().metrics.count(MetricName.MALFORMED_REQUESTS)
        raise
    if answered:
        core().metrics.count(answered)
    return answer
