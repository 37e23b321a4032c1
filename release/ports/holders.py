"""Whoever carries out a promotion, and whether they still do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.core.records import Holder


class Holders(Protocol):
    """Who carries out promotions."""

    def current(self) -> Holder:
        """This process, or the workflow run it belongs to."""

    def is_dead(self, holder: Holder) -> bool | None:
        """Whether the holder is gone. None: it cannot be known from here.

        May ask a forge about its workflow run: that takes seconds, and is done once for each run.
        """
