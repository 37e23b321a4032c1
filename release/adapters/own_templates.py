"""Renders the tool's own templates with jinja2: workflows, and the stacks that an account needs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from release.errors import ReleaseError

# `${{ }}` is what GitHub evaluates later, so that what is rendered here has marks of its own.
_BESIDE_GITHUBS: Mapping[str, str] = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}


class OwnTemplates:
    """The templates in a folder of the installation."""

    def __init__(self, folder: Path, marks: Mapping[str, Any] | None = None) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # the output is YAML; nothing of it reaches a browser
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            **(marks or {}),
        )
        self._environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "ensure_ascii": False}
        self._environment.filters["quoted"] = _quoted

    def render(self, template: str, words: Mapping[str, Any]) -> str:
        """A template by its name. Raises ReleaseError where it is missing or broken: that is our bug."""
        try:
            return self._environment.get_template(template).render(words)
        except jinja2.TemplateError as error:
            raise ReleaseError(
                f"the template {template} cannot be rendered: {error}",
                fix="install release again; if that does not help, it is a bug: report it",
            ) from error


def of_workflows(folder: Path) -> OwnTemplates:
    """`templates/workflows`: marked by `<< >>` and `<% %>`."""
    return OwnTemplates(folder, _BESIDE_GITHUBS)


def _quoted(text: str) -> str:
    """A double-quoted scalar of YAML: JSON is one."""
    return json.dumps(text, ensure_ascii=False)
