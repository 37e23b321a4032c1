"""The published schemas of documents, as what they describe is held to them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1] / "docs" / "schemas"


@cache
def validator(name: str) -> Any:
    """Of `docs/schemas/NAME.json`."""
    # Imported here: it makes the grammars of all formats, which takes every worker of the tests seconds.
    from jsonschema import Draft202012Validator

    schema = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)
