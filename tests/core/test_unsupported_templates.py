"""What a template asks for and release does not roll out is refused before a stack is touched."""

import pytest

from release.adapters.template_reader import read_template
from release.core.models import Place
from release.core.unsupported import unsupported

EAST = Place("4", "us-east-1")


def refused(properties: str, *, gradual: bool) -> list[tuple[str, str]]:
    text = (
        f"Resources: {{Api: {{Type: AWS::Lambda::Function, Properties: {{{properties}}}}}, T: {{Type: X}}}}"
    )
    found = unsupported(read_template(text, "prices"), stack="prices-prod", place=EAST, gradual=gradual)
    return [(name, blocker.code) for name, blocker in found]


@pytest.mark.parametrize("properties", ["PackageType: Image", "Code: {ImageUri: x}"])
@pytest.mark.parametrize("gradual", [True, False])
def test_a_container_image_is_refused(properties: str, gradual: bool) -> None:
    assert refused(properties, gradual=gradual) == [("Api", "container-image")]


def test_snap_start_is_refused_where_traffic_moves_in_steps_and_nowhere_else() -> None:
    snap_start = "SnapStart: {ApplyOn: PublishedVersions}"
    assert refused(snap_start, gradual=True) == [("Api", "snap-start-canary")]
    assert refused(snap_start, gradual=False) == []
    assert refused("SnapStart: {ApplyOn: None}, PackageType: Zip", gradual=True) == []
