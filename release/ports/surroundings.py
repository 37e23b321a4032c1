"""What stands around functions and stacks, and that no version freezes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.core.drift import MappingFacts, ProvisionedFacts
    from release.core.models import Place
    from release.core.orphans import TaggedStack


class Surroundings(Protocol):
    """Only reads; raises Misconfigured (credentials, access denied) and Unavailable."""

    def mappings(self, place: Place) -> Sequence[MappingFacts]:
        """Every event source mapping of a place, in one call for each hundred."""

    def provisioned(self, place: Place, name: str, qualifier: str) -> ProvisionedFacts | None:
        """Provisioned concurrency of an alias. None: it has none, or there is no such alias."""

    def changed_resources(self, place: Place, stack: str) -> Sequence[str] | None:
        """What CloudFormation finds changed in a stack, one line for each resource: it looks for minutes.

        None: it cannot look just now, because the stack is being changed or is gone.
        """

    def stack_names(self, place: Place) -> Sequence[str]:
        """Names of all stacks that exist in a place, in one call for each hundred."""

    def tagged_stack(self, place: Place, stack: str) -> TaggedStack | None:
        """What a stack says it is of. None: there is none."""
