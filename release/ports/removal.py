"""The end of a stack whose service is retired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.core.models import Place


class Removal(Protocol):
    """Raises Misconfigured (credentials, access denied) and Unavailable."""

    def template(self, place: Place, stack: str) -> str | None:
        """The template that a stack was given last, as it was sent. None: there is no such stack."""

    def delete(self, place: Place, stack: str) -> None:
        """Delete a stack and wait until it is gone. One that is gone already is no error.

        Raises Stranded where CloudFormation could not delete all of it.
        """
