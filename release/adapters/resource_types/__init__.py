"""Which properties only a new resource can have, for every type that CloudFormation knows.

`create_only.json` is taken from the schemas that cfn-lint brings (`createOnlyProperties` and
`conditionalCreateOnlyProperties`), by `python -m release.adapters.resource_types.extract`; a test compares
the two. It lies here, so that a plan can tell a replacement without cfn-lint and without a network.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from release.core.infra_diff import CreateOnly

TABLE: Final = Path(__file__).with_name("create_only.json")


def create_only() -> Mapping[str, CreateOnly]:
    """By type of resource; also types that have no such property."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        kind: CreateOnly(_paths(row.get("always", ())), _paths(row.get("sometimes", ())))
        for kind, row in table["types"].items()
    }


def _paths(pointers: list[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(pointer.split("/")) for pointer in pointers)
