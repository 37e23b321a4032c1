"""Types of CloudFormation in the platforms of accounts that ministack does not know, and would refuse.

GitHub as an identity provider is made, because roles are taken by its tokens. The others are names and
nothing more: no budget is watched, nothing is sampled, no table is backed up.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from release.sandbox import emulator

_PROVIDER: Final = "AWS::IAM::OIDCProvider"
NAMES_ONLY: Final = (
    "AWS::Backup::BackupSelection",
    "AWS::Budgets::Budget",
    "AWS::CE::AnomalyMonitor",
    "AWS::CE::AnomalySubscription",
    "AWS::XRay::SamplingRule",
)


def install() -> None:
    """Before `stacks.Stacks`, which stands around every type that there is."""
    known: dict[str, Any] = emulator.cloudformation_provisioners._RESOURCE_HANDLERS
    for name in (*NAMES_ONLY, _PROVIDER):
        if name in known:
            raise RuntimeError(f"ministack knows {name} by now: take it out of platform_types.py")
    provider: dict[str, Any] = {"create": _make_provider, "update": _keep, "delete": _remove_provider}
    known[_PROVIDER] = provider
    for name in NAMES_ONLY:
        known[name] = {"create": _named(name), "update": _keep, "delete": _forget}


def _named(name: str) -> Callable[..., Any]:
    short = name.rpartition("::")[2]

    def create(logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        identifier = f"{stack_name}-{logical_id}"
        place = emulator.responses
        start = f"arn:aws:sandbox:{place.get_region()}:{place.get_account_id()}"
        return identifier, {"Arn": f"{start}:{short}/{identifier}", "Id": identifier}

    return create


def _make_provider(
    logical_id: str, properties: Mapping[str, Any], stack_name: str
) -> tuple[str, dict[str, Any]]:
    host = str(properties["Url"]).removeprefix("https://")
    arn = f"arn:aws:iam::{emulator.responses.get_account_id()}:oidc-provider/{host}"
    if arn in emulator.iam._oidc_providers:
        raise ValueError(f"Resource of type '{_PROVIDER}' with identifier '{arn}' already exists.")
    emulator.iam._oidc_providers[arn] = {
        "Url": properties["Url"],
        "ClientIDList": list(properties.get("ClientIdList", ())),
        "ThumbprintList": list(properties.get("ThumbprintList", ())),
        "Arn": arn,
        "CreateDate": emulator.iam._now(),
        "Tags": [],
    }
    return arn, {"Arn": arn}


def _keep(identifier: str, *arguments: Any, **named: Any) -> tuple[str, dict[str, Any]]:
    return identifier, {"Arn": identifier}


def _forget(identifier: str, properties: Any) -> None:
    """There is nothing but its name in the stack."""


def _remove_provider(identifier: str, properties: Any) -> None:
    emulator.iam._oidc_providers.pop(identifier, None)
