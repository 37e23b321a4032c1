"""What the layers need of a service. Each service builds one, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.middleware_factory import lambda_handler_decorator

from common.health import Probe
from common.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LambdaHandler = Callable[[Any, "LambdaContext"], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Core:
    """Settings, clean logger and health probes (name of the dependency to probe) of one service."""

    settings: Settings
    logger: Logger
    probes: Mapping[str, Probe]


class Layer(Protocol):
    """A middleware, ready to be put round a handler."""

    def __call__(self, *, core: Callable[[], Core]) -> Callable[[LambdaHandler], LambdaHandler]: ...


def layer(middleware: Callable[..., dict[str, Any]]) -> Layer:
    """Powertools' `lambda_handler_decorator` with a type: its own loses the handler's."""
    return cast(Layer, lambda_handler_decorator(middleware))
