"""What a repository has said to ruff and mypy, where that decides what has to be said besides."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_RUFF: Final = (".ruff.toml", "ruff.toml")  # https://docs.astral.sh/ruff/configuration/#config-file-discovery
_MYPY: Final = ("mypy.ini", ".mypy.ini")  # https://mypy.readthedocs.io/en/stable/config_file.html
_PYPROJECT: Final = "pyproject.toml"


def says_where_imports_begin(top: Path, folder: str) -> bool:
    """Whether the configuration of ruff that counts for a folder has a `src`, or may have one elsewhere."""
    for place in _upwards(top, folder):
        for name in _RUFF:
            if (place / name).is_file():
                return not {"src", "extend"}.isdisjoint(_toml(place / name))
        own = _toml(place / _PYPROJECT).get("tool", {}).get("ruff")
        if own is not None:
            return not {"src", "extend"}.isdisjoint(own)
    return False


def own_mypy(top: Path, folder: str) -> str | None:
    """The configuration of mypy that a folder has itself. mypy looks for none beside what it checks."""
    for name in _MYPY:
        if (top / folder / name).is_file():
            return f"{folder}/{name}"
    if "mypy" in _toml(top / folder / _PYPROJECT).get("tool", {}):
        return f"{folder}/{_PYPROJECT}"
    return None


def _upwards(top: Path, folder: str) -> Iterator[Path]:
    parts: Sequence[str] = folder.split("/")
    for count in range(len(parts), -1, -1):
        yield top.joinpath(*parts[:count])


def _toml(path: Path) -> Mapping[str, Any]:
    """What cannot be read says nothing here; the tool itself will complain."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
