"""Cuts GitHub's description of its REST API down to what the forge of the sandbox knows.

    npm pack @octokit/openapi@VERSION && tar xzf octokit-openapi-VERSION.tgz
    python -m release.sandbox.forge.trim package/generated/api.github.com.json VERSION

writes `description.json` beside this file: the operations below with what their requests and answers refer
to, without examples and prose. A new operation is a line here, a row in `permissions.py` and a function in
the module of its subject; a test compares the three.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DESCRIPTION = Path(__file__).with_name("description.json")

_REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    f"{_REPOSITORY}/releases": ("get", "post"),
    f"{_REPOSITORY}/releases/latest": ("get",),
    f"{_REPOSITORY}/releases/tags/{{tag}}": ("get",),
    f"{_REPOSITORY}/releases/{{release_id}}": ("get", "patch", "delete"),
    f"{_REPOSITORY}/releases/{{release_id}}/assets": ("get", "post"),
    f"{_REPOSITORY}/releases/assets/{{asset_id}}": ("get", "patch", "delete"),
    f"{_REPOSITORY}/immutable-releases": ("get", "put", "delete"),
    f"{_REPOSITORY}/deployments": ("get", "post"),
    f"{_REPOSITORY}/deployments/{{deployment_id}}": ("get", "delete"),
    f"{_REPOSITORY}/deployments/{{deployment_id}}/statuses": ("get", "post"),
    f"{_REPOSITORY}/environments": ("get",),
    f"{_REPOSITORY}/environments/{{environment_name}}": ("get", "put", "delete"),
    f"{_REPOSITORY}/environments/{{environment_name}}/deployment-branch-policies": ("get", "post"),
    f"{_REPOSITORY}/rulesets": ("get", "post"),
    f"{_REPOSITORY}/rulesets/{{ruleset_id}}": ("get", "delete"),
    _REPOSITORY: ("get",),
    f"{_REPOSITORY}/actions/permissions": ("get",),
    f"{_REPOSITORY}/actions/permissions/workflow": ("get", "put"),
    f"{_REPOSITORY}/actions/oidc/customization/sub": ("get", "put"),
    f"{_REPOSITORY}/actions/runs": ("get",),
    f"{_REPOSITORY}/actions/runs/{{run_id}}": ("get",),
    f"{_REPOSITORY}/actions/runs/{{run_id}}/jobs": ("get",),
    f"{_REPOSITORY}/actions/runs/{{run_id}}/approvals": ("get",),
    f"{_REPOSITORY}/actions/runs/{{run_id}}/pending_deployments": ("get", "post"),
    f"{_REPOSITORY}/actions/workflows/{{workflow_id}}/runs": ("get",),
    f"{_REPOSITORY}/actions/workflows/{{workflow_id}}/dispatches": ("post",),
    f"{_REPOSITORY}/commits/{{commit_sha}}/pulls": ("get",),
    f"{_REPOSITORY}/pulls/{{pull_number}}": ("get",),
    f"{_REPOSITORY}/issues/{{issue_number}}/comments": ("get", "post"),
    f"{_REPOSITORY}/issues/comments/{{comment_id}}": ("get", "patch", "delete"),
    f"{_REPOSITORY}/git/ref/{{ref}}": ("get",),
    f"{_REPOSITORY}/git/matching-refs/{{ref}}": ("get",),
    f"{_REPOSITORY}/codeowners/errors": ("get",),
    "/user": ("get",),
    "/rate_limit": ("get",),
}
# Prose, and what no validator reads. Where they name a property of a schema they stay.
_DROPPED = ("description", "summary", "example", "examples", "externalDocs", "x-github", "title", "tags")
_NAMES_CHILDREN = ("properties", "schemas", "parameters", "responses", "headers")


def trimmed(description: Mapping[str, Any], version: str) -> dict[str, Any]:
    """The part of the whole description that OPERATIONS need. Raises KeyError for one that it does not
    have.
    """
    paths: dict[str, Any] = {}
    for path, methods in OPERATIONS.items():
        whole = description["paths"][path]
        paths[path] = {method: whole[method] for method in methods}
        paths[path] |= {key: whole[key] for key in ("parameters",) if key in whole}
    kept: dict[str, dict[str, Any]] = {}
    waiting = list(_references(paths))
    while waiting:
        section, name = waiting.pop()
        if section == "examples" or name in kept.get(section, {}):
            continue
        component = description["components"][section][name]
        kept.setdefault(section, {})[name] = component
        waiting += _references(component)
    source = (
        f"@octokit/openapi {version}, generated/api.github.com.json, trimmed by release/sandbox/forge/trim.py"
    )
    return {
        "openapi": description["openapi"],
        "info": {"title": description["info"]["title"], "version": version, "x-source": source},
        "servers": description["servers"],
        "paths": _bare(paths, names=True),
        "components": {section: _bare(one, names=True) for section, one in sorted(kept.items())},
    }


def _references(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        reference = node.get("$ref")
        if isinstance(reference, str):
            _, _, section, name = reference.split("/", 3)
            yield section, name
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _bare(node: Any, *, names: bool = False) -> Any:
    """Without prose and examples. `names`: the keys are names of things, which stay whatever they are
    called.
    """
    if isinstance(node, Mapping):
        return {
            key: _bare(value, names=not names and key in _NAMES_CHILDREN and isinstance(value, Mapping))
            for key, value in node.items()
            if names or key not in _DROPPED
        }
    if isinstance(node, list):
        return [_bare(value) for value in node]
    return node


def main() -> None:
    parser = argparse.ArgumentParser(prog="trim", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source", type=Path, help="generated/api.github.com.json of @octokit/openapi")
    parser.add_argument("version", help="the version of the package")
    arguments = parser.parse_args()
    whole = json.loads(arguments.source.read_text(encoding="utf-8"))
    text = json.dumps(trimmed(whole, arguments.version), indent=0, sort_keys=True, separators=(",", ":"))
    DESCRIPTION.write_text(text + "\n", encoding="utf-8")
    print(f"{DESCRIPTION}: {len(text) / 1000:.0f} kB, {len(OPERATIONS)} paths")


if __name__ == "__main__":
    main()
