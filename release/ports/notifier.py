"""Whom a rollout tells what has come of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.core.models import Place
    from release.core.notices import Notice


class Notifier(Protocol):
    """Whoever wants to be told of what happens in a stage."""

    def tell(self, notice: Notice, place: Place) -> Sequence[str]:
        """Tell all who want to know of it. `place`: with whose role topics and kept addresses are reached.

        Takes a few seconds at most and raises nothing, because nothing hangs on it. Returns one line for
        each that could not be told, without anything secret.
        """
