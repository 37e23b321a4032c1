"""Reports as HTML pages. Every value is escaped; a page loads nothing and runs nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2


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

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """The page. `template` is its name below the folder."""
        return self._environment.get_template(template).render(values)


def _moment(stamp: str) -> str:
    """A moment of a record without what only machines need: `2026-11-21 09:50:00`."""
    return stamp.replace("T", " ").removesuffix("Z")
