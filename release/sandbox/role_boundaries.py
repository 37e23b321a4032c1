"""Roles of CloudFormation keep their permissions boundary, and are refused one that there is not.

ministack's own IAM does both; its CloudFormation makes roles past it and forgets the property.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from release.sandbox import emulator


def install() -> None:
    """Before `stacks.Stacks`, which stands around every type that there is."""
    handlers = emulator.cloudformation_provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    for verb in ("create", "update"):
        handlers[verb] = _keeping(handlers[verb], at=0 if verb == "create" else 1)


def _keeping(handler: Callable[..., Any], *, at: int) -> Callable[..., Any]:
    """create(logical id, properties, …); update(physical id, old properties, new properties, …)"""

    def run(identifier: str, *arguments: Any, **named: Any) -> Any:
        properties: Mapping[str, Any] = arguments[at]
        boundary = properties.get("PermissionsBoundary")
        if boundary and not emulator.iam._policy_exists(boundary):
            raise ValueError(
                f"Scope ARN: {boundary} does not exist or is not attachable. (Service: Iam, Status Code: 404)"
            )
        result = handler(identifier, *arguments, **named)
        emulator.iam._roles[result[0]]["PermissionsBoundary"] = boundary
        return result

    return run
