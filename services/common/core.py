"""What the layers need of a service. Each service builds one, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.middleware_factory import lambda_handler_decorator

from common.health import Probe
from common.metrics import Metrics
from common.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LambdaHandler = Callable[[Any, "LambdaContext"], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Core:
    """Settings, clean logger, counts and health probes (name of the dependency to probe) of one service."""

    settings: Settings
    logger: Logger
    metrics: Metrics
    probes: Mapping[str, Probe]


class Layer(Protocol):
    """A middleware, ready to be put round a handler or round another layer.

    Its arguments are functions that give a part of the service: nothing is built before the first call,
    unless the service wants it so.
    """

    def __call__(self, **parts: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...


def layer(middleware: Callable[..., Any]) -> Layer:
    """Powertools' `lambda_handler_decorator` with a type: its own loses the handler's."""
    return cast(Layer, lambda_handler_decorator(middleware))
