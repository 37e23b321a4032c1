"""The inputs of a dispatch, held to what its workflow asks for, in GitHub's words.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#onworkflow_dispatchinputs
"""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from release.sandbox.forge.wire import Refused

_MOST_INPUT_BYTES = 65_535


def parsed(text: str | None) -> Mapping[Any, Any]:
    """A workflow from its file. Raises Refused when it is no YAML."""
    try:
        workflow = yaml.safe_load(text or "")
    except yaml.YAMLError as error:
        raise Refused(422, f"Failed to parse the workflow: {error}") from error
    return workflow if isinstance(workflow, dict) else {}


def inputs_of(workflow: Mapping[Any, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What the run is given, with the defaults of what was not said. Raises Refused, in GitHub's words."""
    triggers = workflow.get("on", workflow.get(True))  # YAML 1.1 reads the key `on` as true
    if "workflow_dispatch" not in (triggers or ()):  # a word, a list of them, or a mapping
        raise Refused(422, "Workflow does not have 'workflow_dispatch' trigger")
    trigger = triggers["workflow_dispatch"] if isinstance(triggers, dict) else None
    declared: Mapping[str, Any] = (trigger or {}).get("inputs") or {}
    if unexpected := sorted(set(given) - set(declared)):
        raise Refused(422, f"Unexpected inputs provided: {json.dumps(unexpected)}")
    if len(json.dumps(given).encode()) > _MOST_INPUT_BYTES:
        raise Refused(422, "inputs are too large.")
    found: dict[str, Any] = {}
    for name, whole in declared.items():
        description = whole or {}
        if name not in given:
            if description.get("required") and "default" not in description:
                raise Refused(422, f"Required input '{name}' not provided")
            found[name] = description.get("default", "")
            continue
        _require_kind(name, given[name], description)
        found[name] = given[name]
    return found


def _require_kind(name: str, value: Any, description: Mapping[str, Any]) -> None:
    kind = description.get("type", "string")
    options = description.get("options") or ()
    if kind == "choice" and value not in options:
        raise Refused(
            422,
            f"Provided value '{value}' for input '{name}' not in the list of allowed values {list(options)}",
        )
    if kind == "boolean" and str(value).lower() not in ("true", "false"):
        raise Refused(422, f"Provided value '{value}' for input '{name}' is not a boolean")
