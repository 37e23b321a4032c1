"""Renders the stacks that an account needs before its first release: the tool's own templates alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from release.errors import ReleaseError


class BootstrapTemplates:
    """The templates in a folder: `templates/bootstrap` of the installation."""

    def __init__(self, folder: Path) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # the output is YAML; nothing of it reaches a browser
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "ensure_ascii": False}

    def render(self, template: str, words: Mapping[str, Any]) -> str:
        """A template by its name. Raises ReleaseError where it is missing or broken: that is our bug."""
        try:
            return self._environment.get_template(template).render(words)
        except jinja2.TemplateError as error:
            raise ReleaseError(
                f"the template {template} cannot be rendered: {error}",
                fix="install release again; if that does not help, it is a bug: report it",
            ) from error
