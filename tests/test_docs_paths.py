"""Where the documents send a newcomer, there is something."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# `core/gates.py`, `release/ports/`: from the repository's top, or from release/
_PATH = re.compile(r"`([a-z_.]+/(?:[\w.]+/)*(?:\w+\.py)?)`")


def missing(text: str) -> list[str]:
    tops = (ROOT, ROOT / "release")
    return [
        path for path in dict.fromkeys(_PATH.findall(text)) if not any((top / path).exists() for top in tops)
    ]


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_module_and_folder_that_a_guide_names_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    assert len(_PATH.findall(text)) > 5
    assert missing(text) == []


def test_a_module_that_has_moved_would_be_seen() -> None:
    assert missing("`core/gates.py`, `core/gone.py`, `release/ports/`, `release/gone/`") == [
        "core/gone.py",
        "release/gone/",
    ]
