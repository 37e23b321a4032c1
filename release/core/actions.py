"""What one step of a plan does: the closed set of actions, and each as canonical data."""

from dataclasses import dataclass
from typing import Any, assert_never

from release.core.infra_diff import RESOURCES, Entry
from release.core.models import Place


@dataclass(frozen=True, slots=True)
class ApplyStack:
    """Create or update the stack of a service in one place."""

    service: str
    place: Place
    stack: str
    template: str  # digest
    alias_exists: bool
    create: bool
    entries: tuple[Entry, ...] = ()  # what becomes of its resources, where it has a template already
    kept: tuple[str, ...] = ()  # what the new template has not any more, and stays for now
    layer: int = 0  # after those of the layers before


@dataclass(frozen=True, slots=True)
class PrepareVersion:
    """Have a published version with these bytes and the stack's configuration, Active and smoke-tested."""

    service: str
    place: Place
    function: str
    artifact: str  # digest
    settings: str  # digest of the settings document, which says how to smoke-test
    lambda_version: str | None = None  # exactly this one (rollback); None: reuse an equal one or publish


@dataclass(frozen=True, slots=True)
class CreateAlias:
    """First deploy: the alias comes to be, pointing at the prepared version."""

    service: str
    place: Place
    function: str
    alias: str


@dataclass(frozen=True, slots=True)
class ShiftAlias:
    """So much of the traffic to the prepared version, the rest stays where it was."""

    service: str
    place: Place
    function: str
    alias: str
    before: str  # lambda version that serves now
    revision: str  # of the alias as observed: the guard against another writer; not in the plan's digest
    percent: int = 100
    reached: int = 0  # percent that an earlier holder left it at; not in the plan's digest
    to: str | None = None  # lambda version, where it is known before (rollback); None: the one prepared


@dataclass(frozen=True, slots=True)
class Migrate:
    """Run what must have run before the new versions of a service serve. It may have run before."""

    service: str
    place: Place
    function: str | None  # name of the Lambda function; None: `command`
    command: tuple[str, ...]
    timeout: int  # seconds
    destructive: bool
    lambda_version: str | None = None  # of the function, where it serves already; None: the one prepared


@dataclass(frozen=True, slots=True)
class Verify:
    """Run a program that looks at the stage from outside."""

    place: Place  # whose credentials it gets
    command: tuple[str, ...]
    timeout: int  # seconds


Action = ApplyStack | PrepareVersion | Migrate | CreateAlias | ShiftAlias | Verify


def _touched(action: ApplyStack) -> dict[str, Any]:
    """What becomes of the resources; nothing of a stack whose triggers alone come or go."""
    found = [
        {"name": one.name, "type": one.kind, "action": one.action, "replacement": one.replacement}
        for one in action.entries
        if one.section == RESOURCES
    ]
    return ({"resources": found} if found else {}) | ({"kept": list(action.kept)} if action.kept else {})


def percent(action: Action) -> int:
    """Of the traffic that the action gives to the new version. What begins with all of it is 100."""
    return action.percent if isinstance(action, ShiftAlias) else 100


def describe(action: Action) -> dict[str, Any]:
    """An action as canonical data: the words of `plan.json`."""
    if isinstance(action, Verify):
        return {"action": "verify", "command": list(action.command), "timeout": action.timeout}
    common: dict[str, Any] = {
        "service": action.service,
        "account": action.place.account,
        "region": action.place.region,
    }
    match action:
        case ApplyStack():
            verb = "create-stack" if action.create else "update-stack"
            return (
                common
                | {
                    "action": verb,
                    "stack": action.stack,
                    "template": action.template,
                    "alias_exists": action.alias_exists,
                }
                | _touched(action)
            )
        case PrepareVersion():
            return common | {
                "action": "prepare-version",
                "function": action.function,
                "artifact": action.artifact,
                "lambda_version": action.lambda_version,
            }
        case Migrate():
            return common | {
                "action": "migrate",
                "function": action.function,
                "command": list(action.command),
                "destructive": action.destructive,
            }
        case CreateAlias():
            return common | {"action": "create-alias", "function": action.function, "alias": action.alias}
        case ShiftAlias():
            return common | {
                "action": "shift-alias",
                "function": action.function,
                "alias": action.alias,
                "before": action.before,
                "percent": action.percent,
                "to": action.to,
            }
        case _:  # pragma: no cover - the type checker proves that no action is missing
            assert_never(action)
