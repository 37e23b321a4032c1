"""Blocks of GitHub's Markdown. Words are in release.core.markdown."""

import re
from collections.abc import Iterable
from typing import Final

LONGEST_COMMENT: Final = 65_000  # characters; GitHub takes 65,536


def fenced(lines: Iterable[str], kind: str = "text") -> str:
    """Lines as they are: nothing in them is markup, and none of them ends the block."""
    text = "\n".join(lines)
    longest = max((len(run) for run in re.findall(r"^ *(~+)", text, re.MULTILINE)), default=0)
    fence = "~" * max(3, longest + 1)
    return f"{fence}{kind}\n{text}\n{fence}"
