"""Renders workflows of GitHub Actions with jinja2: the tool's own templates, and no others.

`<< >>` and `<% %>` mark what is rendered here, because `${{ }}` is what GitHub evaluates later.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from release.errors import ReleaseError


class WorkflowTemplates:
    """The templates in a folder: `templates/workflows` of the installation."""

    def __init__(self, folder: Path) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(folder),
            block_start_string="<%",
            block_end_string="%>",
            variable_start_string="<<",
            variable_end_string=">>",
            comment_start_string="<#",
            comment_end_string="#>",
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # the output is YAML; nothing of it reaches a browser
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["quoted"] = _quoted

    def render(self, template: str, words: Mapping[str, object]) -> str:
        """A template by its name. Raises ReleaseError where it is missing or broken: that is our bug."""
        try:
            return self._environment.get_template(template).render(words)
        except jinja2.TemplateError as error:
            raise ReleaseError(
                f"the template {template} cannot be rendered: {error}",
                fix="install release again; if that does not help, it is a bug: report it",
            ) from error


def _quoted(text: str) -> str:
    """A double-quoted scalar of YAML: JSON is one."""
    return json.dumps(text, ensure_ascii=False)
