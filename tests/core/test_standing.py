"""The ledger's word against what the aliases serve."""

from dataclasses import replace

import pytest

from release.core.models import Place
from release.core.records import Holder, ReleaseRef, Running, Served, StageHead, mark
from release.core.snapshot import AliasFacts, FunctionFacts, ObservedFunction
from release.core.standing import standing

HEAD = StageHead("fleet", "prod")
RECORDED = Served("prices", "api", "4", "us-east-1", "7", "a" * 64)


def observed(version: str | None = "7", code: str = "a" * 64, **weights: float) -> ObservedFunction:
    live = FunctionFacts("api", version or "", code, "", "", "Active", "", "", "", 3, None)
    alias = AliasFacts("live", version, {k[1:]: w for k, w in weights.items()}, "r", "") if version else None
    return ObservedFunction("prices", Place("4", "us-east-1"), "api", live, alias, live if alias else None)


def test_a_stage_without_records_stands_for_nothing() -> None:
    found = standing(HEAD, [], {})
    assert (found.step, found.functions, found.note) == ("nothing", (), None)


def test_a_stage_that_serves_what_is_recorded_is_in_step() -> None:
    found = standing(HEAD, [RECORDED], {RECORDED.where: observed()})
    assert found.step == "in step"
    assert [(one.lambda_version, one.code, one.drift) for one in found.functions] == [("7", "a" * 64, None)]


@pytest.mark.parametrize(
    ("copy", "drift"),
    [
        (observed(None), "no alias: it serves nothing"),
        (observed(_8=0.1, _9=0.25), "additional weights: 8 10%, 9 25%"),
        (observed("8", "b" * 64), "other bytes: version 8, recorded 7"),
        (observed("8"), "version 8, recorded 7, the same bytes"),
    ],
)
def test_one_function_that_differs_is_drift_of_the_stage(copy: ObservedFunction, drift: str) -> None:
    other = replace(RECORDED, function="nightly")
    found = standing(HEAD, [RECORDED, other], {RECORDED.where: copy, other.where: observed()})
    assert found.step == "drift"
    assert [one.drift for one in found.functions] == [drift, None]


@pytest.mark.parametrize(
    ("copy", "moving"),
    [(observed(_8=0.1), "serves 7 with 10% to 8"), (observed("8", "b" * 64), "serves 8")],
)
def test_what_the_rollout_under_way_has_moved_is_no_drift(copy: ObservedFunction, moving: str) -> None:
    assert copy.alias is not None
    ours = replace(copy, alias=replace(copy.alias, description=f"v1{mark('an-id', copy.alias.serving)}"))
    release, holder = ReleaseRef("c" * 40, "d" * 64), Holder("laptop", 1, "1")
    running = Running("an-id", "promote", release, "ada", "", "", holder, "")
    other = replace(RECORDED, function="nightly")
    copies = {RECORDED.where: ours, other.where: observed()}
    found = standing(replace(HEAD, running=running), [RECORDED, other], copies)
    assert found.step == "moving"
    assert [(one.drift, one.moving) for one in found.functions] == [(None, moving), (None, None)]
    assert standing(HEAD, [RECORDED, other], copies).step == "drift"
