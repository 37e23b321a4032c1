"""What templates ask for that release does not roll out. Pure."""

from collections.abc import Iterator

from release.core.blockers import Blocker
from release.core.infra_in_force import in_force
from release.core.infra_values import Template, mapping
from release.core.models import Place
from release.core.snapshot import ALIAS_EXISTS

FUNCTION = "AWS::Lambda::Function"


def unsupported(
    template: Template, *, stack: str, place: Place, gradual: bool
) -> Iterator[tuple[str, Blocker]]:
    """Logical id of a function, and why it cannot be. `gradual`: traffic moves in steps there.

    The same of what AWS has is in `preflight`; this is before it has it.
    """
    template = in_force(template, {ALIAS_EXISTS: "true"}, place, stack)
    for name, resource in mapping(template.get("Resources")).items():
        properties = mapping(mapping(resource).get("Properties"))
        if mapping(resource).get("Type") != FUNCTION:
            continue
        if properties.get("PackageType") == "Image" or "ImageUri" in mapping(properties.get("Code")):
            yield (
                name,
                Blocker(
                    "container-image",
                    f"{name} of {stack} would run a container image, and release rolls out zips",
                    "give it PackageType: Zip, and its code to the service's folder",
                ),
            )
        if gradual and mapping(properties.get("SnapStart")).get("ApplyOn") == "PublishedVersions":
            yield (
                name,
                Blocker(
                    "snap-start-canary",
                    f"{name} of {stack} would have SnapStart in {place.region}: two versions that restore"
                    " from snapshots of different age are not to be compared",
                    "take SnapStart out of its template, or let its stage roll out all-at-once",
                ),
            )
