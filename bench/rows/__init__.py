"""One file for each family of questions; each has `ROWS`. A new file here is all that a new row needs."""

import importlib
import pkgutil
from collections.abc import Sequence

from bench.model import Row


def all_rows() -> Sequence[Row]:
    """In the order of the files' names. Raises TypeError when one of them has no ROWS."""
    found: list[Row] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        rows = getattr(importlib.import_module(f"{__name__}.{module.name}"), "ROWS", None)
        if not isinstance(rows, tuple):
            raise TypeError(f"bench/rows/{module.name}.py has no tuple ROWS")
        found += rows
    return found
