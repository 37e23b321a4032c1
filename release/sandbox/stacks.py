"""CloudFormation around Lambda functions: waits until a function is stable, fails where code cannot be read.

ministack changes a function on its event loop and returns at once, so nothing could wait there without
stopping the server.
"""

import json
from collections.abc import Callable
from typing import Any

from release.sandbox import code_access, emulator, guards
from release.sandbox.compatibility import replace
from release.sandbox.faults import FaultRules

_FUNCTION = "AWS::Lambda::Function"


class Stacks:
    """Replaces how resources are created and updated; `rules` may make any of them fail."""

    def __init__(self, rules: FaultRules) -> None:
        self._rules = rules

    def install(self) -> None:
        self._blocks = replace(
            emulator.cloudformation_stacks,
            "_runs_on_worker_thread",
            ("resource_type",),
            self.runs_on_worker_thread,
        )
        for resource_type, handlers in emulator.cloudformation_provisioners._RESOURCE_HANDLERS.items():
            for verb in ("create", "update", "delete"):
                if callable(handlers.get(verb)):
                    handlers[verb] = self._guarded(resource_type, verb, handlers[verb])

    def runs_on_worker_thread(self, resource_type: str) -> bool:
        return resource_type == _FUNCTION or bool(self._blocks(resource_type))

    def _guarded(self, resource_type: str, verb: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        def run(identifier: str, *arguments: Any, **named: Any) -> Any:
            if message := self._rules.stack_failure(resource_type, verb, identifier):
                raise ValueError(message)
            if resource_type != _FUNCTION or verb == "delete":
                return handler(identifier, *arguments, **named)
            if verb == "create":
                _require_readable_code(arguments[0].get("Code") or {})
            with guards.waiting_for_updates():
                result = handler(identifier, *arguments, **named)
            guards.wait_until_settled(result[0])
            return result

        return run


def _require_readable_code(code: dict[str, Any]) -> None:
    if refusal := code_access.refusal_of(code):
        raise ValueError(json.loads(refusal[2])["message"])
