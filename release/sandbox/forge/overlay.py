"""What GitHub says in prose only, put into the description, which is then stricter than the published one.

Unknown keys of a request are errors, and so are keys of an answer that GitHub does not give. Every operation
may answer with GitHub's general errors.
"""

from collections.abc import Iterator
from typing import Any

_REPOSITORY = "/repos/{owner}/{repo}"
# path, method, property of the body, most characters; each is what GitHub's own error says
LONGEST: tuple[tuple[str, str, str, int], ...] = (
    # https://docs.github.com/rest/deployments/statuses: "The maximum description length is 140 characters"
    (f"{_REPOSITORY}/deployments/{{deployment_id}}/statuses", "post", "description", 140),
    # "body is too long (maximum is 125000 characters)"
    (f"{_REPOSITORY}/releases", "post", "body", 125_000),
    (f"{_REPOSITORY}/releases/{{release_id}}", "patch", "body", 125_000),
    # "Body is too long (maximum is 65536 characters)"
    (f"{_REPOSITORY}/issues/{{issue_number}}/comments", "post", "body", 65_536),
    (f"{_REPOSITORY}/issues/comments/{{comment_id}}", "patch", "body", 65_536),
)
_GENERAL_ERRORS = ("400", "401", "403", "404", "409", "422", "429", "500", "502", "503")
_ERROR_SCHEMAS = ("basic-error", "validation-error", "validation-error-simple")


def lay_over(description: dict[str, Any]) -> dict[str, Any]:
    """The same description, changed in place."""
    _close(description["components"].get("schemas", {}), skipped=_ERROR_SCHEMAS)
    _close(description["paths"])
    _allow_nothing(description)
    for path, method, name, most in LONGEST:
        schema = description["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
        schema["properties"][name]["maxLength"] = most
    environment = description["components"]["parameters"]["environment-name"]["schema"]
    # https://docs.github.com/actions/reference/workflows-and-actions/deployments-and-environments
    environment["maxLength"] = 255
    put = description["paths"][f"{_REPOSITORY}/environments/{{environment_name}}"]["put"]
    # "You can list up to six users or teams as reviewers."
    put["requestBody"]["content"]["application/json"]["schema"]["properties"]["reviewers"]["maxItems"] = 6
    for operation in _operations(description):
        for status in _GENERAL_ERRORS:
            operation["responses"].setdefault(
                status, _error("validation-error" if status == "422" else "basic-error")
            )
    return description


def _error(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _operations(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in description["paths"].values():
        for method, operation in methods.items():
            if method != "parameters":
                yield operation


def _allow_nothing(node: Any) -> None:
    """Where GitHub answers "" for no address, or null for no word, its description forgets to say so."""
    if isinstance(node, dict):
        if node.get("format") == "uri" and node.get("default") == "":
            del node["format"]
        if node.get("nullable") and isinstance(node.get("enum"), list) and None not in node["enum"]:
            node["enum"].append(None)
        for one in node.values():
            _allow_nothing(one)
    elif isinstance(node, list):
        for one in node:
            _allow_nothing(one)


def _close(node: Any, skipped: tuple[str, ...] = ()) -> None:
    """Objects have the properties that are named, and no others, unless they say otherwise."""
    if isinstance(node, dict):
        composed = any(word in node for word in ("allOf", "anyOf", "oneOf"))
        if isinstance(node.get("properties"), dict) and node.get("type") == "object" and not composed:
            node.setdefault("additionalProperties", False)
        for name, one in node.items():
            if name == "allOf":  # its parts describe one object together
                for part in one:
                    _close(part.get("properties", {}))
            elif name not in skipped:
                _close(one)
    elif isinstance(node, list):
        for one in node:
            _close(one)
