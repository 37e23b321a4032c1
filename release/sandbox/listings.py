"""Lists of functions and versions tell less than GetFunction, so a deployer cannot wait by a list.

https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html names the fields that are left out.
"""

import json
from typing import Any

from release.sandbox import emulator
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer

_LEFT_OUT = frozenset(
    (
        *("State", "StateReason", "StateReasonCode"),
        *("LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode", "RuntimeVersionConfig"),
    )
)


def install() -> None:
    """Replaces ListFunctions and ListVersionsByFunction."""
    listings = _Listings()
    service = emulator.lambda_service
    listings.functions = replace(service, "_list_functions", ("query_params",), listings.list_functions)
    listings.versions = replace(service, "_list_versions", ("name", "query_params"), listings.list_versions)


class _Listings:
    functions: Any
    versions: Any

    def list_functions(self, query_params: dict[str, Any]) -> Answer:
        return _without_states(self.functions(query_params), "Functions")

    def list_versions(self, name: str, query_params: dict[str, Any]) -> Answer:
        return _without_states(self.versions(name, query_params), "Versions")


def _without_states(answer: Answer, member: str) -> Answer:
    if answer[0] != 200:
        return answer
    shown = json.loads(answer[2])
    shown[member] = [
        {key: value for key, value in configuration.items() if key not in _LEFT_OUT}
        for configuration in shown[member]
    ]
    return answer[0], answer[1], json.dumps(shown).encode()
