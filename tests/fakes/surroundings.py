"""What stands around functions, behind the port `Surroundings`."""

from collections.abc import Sequence

from release.core.drift import MappingFacts, ProvisionedFacts
from release.core.models import Place


class FakeSurroundings:
    """Empty but for what a test puts there."""

    def __init__(self) -> None:
        self.of: dict[Place, list[MappingFacts]] = {}
        self.capacity: dict[tuple[Place, str, str], ProvisionedFacts] = {}
        self.changed: dict[tuple[Place, str], list[str]] = {}

    def mappings(self, place: Place) -> Sequence[MappingFacts]:
        return list(self.of.get(place, []))

    def provisioned(self, place: Place, name: str, qualifier: str) -> ProvisionedFacts | None:
        return self.capacity.get((place, name, qualifier))

    def changed_resources(self, place: Place, stack: str) -> Sequence[str] | None:
        return list(self.changed.get((place, stack), []))
