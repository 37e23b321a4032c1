"""What stands around functions, behind the port `Surroundings`."""

from collections.abc import Sequence

from release.core.drift import MappingFacts, ProvisionedFacts
from release.core.models import Place
from release.core.orphans import TaggedStack


class FakeSurroundings:
    """Empty but for what a test puts there."""

    def __init__(self) -> None:
        self.of: dict[Place, list[MappingFacts]] = {}
        self.capacity: dict[tuple[Place, str, str], ProvisionedFacts] = {}
        self.changed: dict[tuple[Place, str], list[str]] = {}
        self.stacks: dict[tuple[Place, str], TaggedStack] = {}
        self.asked: list[tuple[Place, str]] = []  # stacks that somebody has looked at

    def mappings(self, place: Place) -> Sequence[MappingFacts]:
        return list(self.of.get(place, []))

    def provisioned(self, place: Place, name: str, qualifier: str) -> ProvisionedFacts | None:
        return self.capacity.get((place, name, qualifier))

    def changed_resources(self, place: Place, stack: str) -> Sequence[str] | None:
        return list(self.changed.get((place, stack), []))

    def stack_names(self, place: Place) -> Sequence[str]:
        return [name for at, name in self.stacks if at == place]

    def tagged_stack(self, place: Place, stack: str) -> TaggedStack | None:
        self.asked.append((place, stack))
        return self.stacks.get((place, stack))
