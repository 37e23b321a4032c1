"""Writes create_only.json from the schemas of the installed cfn-lint: `python -m` this module."""

import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any, Final

from release.adapters.resource_types import TABLE

_REGION: Final = "us-east-1"  # the region that has the most types


def extracted() -> str:
    """The text of create_only.json: one line a type, sorted."""
    rows = {kind: _row(schema) for kind, schema in _schemas()}
    lines = [f"    {json.dumps(kind)}: {json.dumps(row)}" for kind, row in sorted(rows.items())]
    source = json.dumps(f"cfn-lint {metadata.version('cfn-lint')}")
    return f'{{\n  "source": {source},\n  "types": {{\n' + ",\n".join(lines) + "\n  }\n}\n"


def _schemas() -> Iterator[tuple[str, Mapping[str, Any]]]:
    from cfnlint.schema.manager import (  # type: ignore[import-untyped]
        PROVIDER_SCHEMA_MANAGER as manager,
    )

    for kind in manager.get_resource_types(_REGION):
        yield kind, manager.get_resource_schema(_REGION, kind).schema


def _row(schema: Mapping[str, Any]) -> Mapping[str, list[str]]:
    found = {
        "always": _names(schema.get("createOnlyProperties", [])),
        "sometimes": _names(schema.get("conditionalCreateOnlyProperties", [])),
    }
    return {key: names for key, names in found.items() if names}


def _names(pointers: list[str]) -> list[str]:
    """ "/properties/Foo/*/Bar" as "Foo/Bar": which element of a list it is makes no difference."""
    names = [
        "/".join(part for part in pointer.split("/") if part not in ("", "properties", "*"))
        for pointer in pointers
    ]
    return sorted(set(names))


if __name__ == "__main__":
    TABLE.write_text(extracted(), encoding="utf-8")
