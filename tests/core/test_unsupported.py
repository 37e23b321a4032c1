"""What release does not roll out is refused before anything begins."""

import pytest

from release.core.manifest import FunctionSettings, StageSettings, Target
from release.core.models import Place
from release.core.preflight import preflight
from release.core.snapshot import AliasFacts, FunctionFacts, Observed, ObservedFunction, ObservedStack

EAST = Place("4", "us-east-1")
SETTINGS = StageSettings(
    "prices", "prod", "prices-prod", (FunctionSettings("api", "api", "a.b"),), {}, {}, 10, (), {}
)
TARGET = Target("prices", "a" * 64, "t" * 64, "s" * 64, SETTINGS)


def refused(settings: dict[str, str], *, gradual: bool, alias: bool = True) -> list[str]:
    facts = FunctionFacts("api", "7", "a" * 64, "c", "r", "Active", "", "", "", 3, None, settings)
    serving = AliasFacts("live", "7", {}, "r", "") if alias else None
    copy = ObservedFunction("prices", EAST, "api", facts, serving, facts if alias else None)
    stack = ObservedStack("prices", EAST, "prices-prod", None)
    observed = Observed((copy,), (stack,), {("a" * 64, "us-east-1"): True})
    return [one.code for one in preflight(TARGET, stack, [copy], observed, frozenset(), gradual=gradual)]


@pytest.mark.parametrize("gradual", [True, False])
def test_a_container_image_is_refused(gradual: bool) -> None:
    assert refused({"package": "Image"}, gradual=gradual) == ["container-image"]
    assert refused({"package": "Zip"}, gradual=gradual) == []


@pytest.mark.parametrize(
    ("gradual", "alias", "codes"),
    [(True, True, ["snap-start-canary"]), (False, True, []), (True, False, [])],
)
def test_snap_start_is_refused_where_two_versions_would_be_compared(
    gradual: bool, alias: bool, codes: list[str]
) -> None:
    assert refused({"snap_start": "PublishedVersions"}, gradual=gradual, alias=alias) == codes
    assert refused({"snap_start": "None"}, gradual=gradual, alias=alias) == []
