"""Reports as HTML pages. Every value is escaped; a page loads nothing and runs nothing."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class HtmlReports:
    """Renders the templates in a folder."""

    def __init__(self, folder: Path) -> None:
        self._environment = jinja2.Environment(
            autoescape=True,
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["moment"] = _moment
        self._environment.filters["words"] = _words

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """The page. `template` is its name below the folder."""
        return self._environment.get_template(template).render(values)


def _moment(stamp: str) -> str:
    """A moment of a record without what only machines need: `2026-11-21 09:50:00`. Else the text itself."""
    return stamp.replace("T", " ").removesuffix("Z") if _MOMENT.fullmatch(stamp) else stamp


def _words(name: str) -> str:
    """`not_older_than` as people write it."""
    return name.replace("_", " ")
