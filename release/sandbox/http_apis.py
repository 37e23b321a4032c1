"""The address of an API names its account, whoever calls.

ministack looks only into the account of the caller, and nobody signs a call to an open API.
"""

from collections.abc import Callable
from typing import Any

from release.sandbox import emulator
from release.sandbox.compatibility import replace


def install() -> None:
    """Replaces how an API Gateway API is found by its id, for HTTP APIs and for REST APIs."""
    for service, apis in (
        (emulator.apigateway, emulator.apigateway._apis),
        (emulator.apigateway_v1, emulator.apigateway_v1._rest_apis),
    ):
        replace(service, "find_api_scope", ("api_id",), _finder(apis))


def _finder(apis: Any) -> Callable[[str], tuple[str, str] | None]:
    def find(api_id: str) -> tuple[str, str] | None:
        """The account and region that own the API."""
        for (account, region, known_id), _api in apis.all_items():
            if known_id == api_id:
                return account, region
        return None

    return find
