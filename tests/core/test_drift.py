"""What differs from the ledger, and what only looks like it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from release.core.drift import (
    Copy,
    Finding,
    MappingFacts,
    ProvisionedFacts,
    StackCopy,
    function_drift,
    mapping_drift,
    orphaned,
    region_drift,
    stack_drift,
)
from release.core.models import Place
from release.core.records import Partial, ReleaseRef, Served, StageHead, mark
from release.core.snapshot import AliasFacts, FunctionFacts, ObservedFunction, StackFacts

EAST, WEST = Place("4", "us-east-1"), Place("4", "us-west-2")
RECORDED = Served("prices", "api", "4", "us-east-1", "7", "a" * 64)
HEAD = StageHead("fleet", "prod")
FACTS = FunctionFacts("api", "7", "a" * 64, "c", "r", "Active", "", "", "", 3, None, {"memory": "128"})
ALIAS = AliasFacts("live", "7", {}, "r", "")
COPY = Copy(
    RECORDED,
    ObservedFunction("prices", EAST, "api", replace(FACTS, lambda_version="$LATEST"), ALIAS, FACTS),
    ({"memory": "128"},),
    None,
)


def copy(
    *,
    alias: AliasFacts | None = ALIAS,
    live: FunctionFacts | None = FACTS,
    latest: FunctionFacts | None = FACTS,
    provisioned: ProvisionedFacts | None = None,
) -> Copy:
    observed = replace(COPY.observed, alias=alias, live=live, latest=latest)
    return replace(COPY, observed=observed, provisioned=provisioned)


def drift(found: Copy, *under_way: str, known: Sequence[str] = ()) -> list[Finding]:
    return list(function_drift(found, stage="prod", alias="live", under_way=under_way, known=known))


def kinds(findings: Sequence[Finding]) -> list[tuple[str, bool]]:
    return [(one.kind, one.harmless) for one in findings]


def test_what_is_as_recorded_does_not_drift() -> None:
    assert drift(COPY) == []


def test_other_code_is_named_with_both_digests_and_where() -> None:
    theirs = replace(FACTS, lambda_version="8", code="b" * 64)
    (found,) = drift(copy(alias=replace(ALIAS, lambda_version="8"), live=theirs))
    assert (found.kind, found.function, found.account, found.region) == ("code", "api", "4", "us-east-1")
    assert (found.recorded, found.found) == ("a" * 64, "b" * 64)
    assert found.what == "live serves version 8, recorded 7: other bytes"
    assert found.fix == "release reconcile prod --reason TEXT"


def test_the_same_bytes_under_another_version_are_drift_of_the_version_alone() -> None:
    moved = copy(alias=replace(ALIAS, lambda_version="8"), live=replace(FACTS, lambda_version="8"))
    assert kinds(drift(moved)) == [("version", False)]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (copy(latest=None, alias=None, live=None), "there is no such function"),
        (copy(alias=None, live=None), "it has no alias live: it serves nothing"),
        (copy(live=None), "live names version 7, which is gone"),
    ],
)
def test_what_is_not_there_is_missing(found: Copy, said: str) -> None:
    assert [(one.kind, one.what) for one in drift(found)] == [("missing", said)]


def test_weights_without_a_rollout_are_drift() -> None:
    (found,) = drift(copy(alias=replace(ALIAS, weights={"8": 0.1})))
    assert (found.kind, found.harmless) == ("weights", False)
    assert "7 with 10% to 8" in found.what


@pytest.mark.parametrize(
    ("status", "serves", "harmless"),
    [("IN_PROGRESS", "7", True), ("READY", "7", False), ("IN_PROGRESS", "6", False)],
)
def test_weights_that_aws_sets_while_it_moves_provisioned_concurrency_are_none(
    status: str, serves: str, harmless: bool
) -> None:
    split = replace(ALIAS, lambda_version=serves, weights={"8": 0.1})
    found = drift(copy(alias=split, provisioned=ProvisionedFacts(status, "", 5)))
    assert ("weights", harmless) in kinds(found)


def test_provisioned_concurrency_that_failed_is_drift_with_its_reason() -> None:
    (found,) = drift(copy(provisioned=ProvisionedFacts("FAILED", "no capacity", 5)))
    assert (found.kind, found.what) == ("provisioned", "5 provisioned on live failed: no capacity")


def test_what_the_rollout_under_way_has_moved_is_told_and_no_drift() -> None:
    split = replace(ALIAS, weights={"8": 0.1})
    ours = copy(alias=replace(split, description=f"v1{mark('an-id', split.serving)}"))
    assert kinds(drift(ours, "an-id")) == [("moving", True)]
    assert kinds(drift(ours, "another-id")) == [("weights", False)]


def test_a_function_that_may_not_run_drifts_even_while_it_moves() -> None:
    stopped = replace(FACTS, reserved_concurrency=0)
    assert kinds(drift(copy(latest=stopped))) == [("concurrency", False)]
    assert drift(copy(latest=replace(FACTS, reserved_concurrency=1))) == []


def test_foreign_code_on_latest_is_told_and_what_a_release_left_there_is_not() -> None:
    theirs = copy(latest=replace(FACTS, code="b" * 64))
    assert kinds(drift(theirs)) == [("latest", True)]
    assert drift(theirs, known=["b" * 64]) == []


def test_settings_of_latest_are_told_before_a_rollout_publishes_them() -> None:
    changed = replace(FACTS, settings={"memory": "512"})
    (found,) = drift(copy(latest=changed))
    assert (found.kind, found.harmless) == ("latest", True)
    assert found.what == "$LATEST has memory 512 instead of 128: it serves nobody"
    assert "the next rollout would publish it" in found.fix
    assert kinds(drift(copy(latest=changed, live=changed))) == [("settings", False)]


def test_settings_behind_the_alias_are_repaired_by_what_can_repair_them() -> None:
    other = replace(FACTS, settings={"memory": "512"})
    (frozen,) = drift(copy(live=other))
    assert frozen.what == "version 7 has memory 512 instead of 128"
    assert "roll out to prod again" in frozen.fix
    moved = copy(alias=replace(ALIAS, lambda_version="8"), live=replace(other, lambda_version="8"))
    assert {one.fix for one in drift(moved)} == {"release reconcile prod --reason TEXT"}


def mapping(qualifier: str | None, function: str = "api") -> MappingFacts:
    return MappingFacts("an-uuid", function, qualifier, "arn:aws:sqs:us-east-1:4:orders")


@pytest.mark.parametrize(("qualifier", "runs"), [(None, "$LATEST"), ("7", "version 7")])
def test_an_event_source_beside_the_alias_is_drift_and_says_how_to_move_it(
    qualifier: str | None, runs: str
) -> None:
    (found,) = mapping_drift(
        [mapping(qualifier), mapping("live"), mapping(None, "other")], [RECORDED], alias="live"
    )
    assert found.what == f"orders feeds {runs} instead of live: no rollout moves that"
    assert "--uuid an-uuid --function-name api:live --region us-east-1" in found.fix


STACK = StackFacts("prices-prod", "UPDATE_COMPLETE", "", "t" * 64, {"AliasExists": "true"}, {})
OTHER = replace(STACK, template="u" * 64)


def stacks(
    stack: StackFacts | None, *, ours: bool = False, explained: bool = False, **more: object
) -> list[Finding]:
    detected = more.get("detected")
    assert detected is None or isinstance(detected, tuple)
    one = StackCopy("prices", EAST, "prices-prod", stack, "t" * 64, ours, explained, detected)
    return list(stack_drift(one, stage="prod"))


def test_a_stack_as_the_release_has_it_does_not_drift() -> None:
    assert stacks(STACK) == []
    assert stacks(STACK, detected=()) == []


@pytest.mark.parametrize(
    ("ours", "explained", "harmless"),
    [(False, False, False), (True, False, False), (False, True, False), (True, True, True)],
)
def test_another_template_is_drift_unless_it_is_ours_and_the_ledger_explains_it(
    ours: bool, explained: bool, harmless: bool
) -> None:
    (found,) = stacks(OTHER, ours=ours, explained=explained)
    assert (found.kind, found.harmless) == ("stack", harmless)
    assert (found.recorded, found.found) == ("t" * 64, "u" * 64)
    assert ("release infra apply prices prod --reason TEXT" in found.fix) is not harmless
    assert ("as after a rollback or `infra apply --next`" in found.what) is harmless


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        (None, "it is gone"),
        (
            replace(STACK, status="UPDATE_ROLLBACK_FAILED", status_reason="role"),
            "UPDATE_ROLLBACK_FAILED: role",
        ),
        (replace(STACK, parameters={"AliasExists": "false"}), "its triggers are off"),
    ],
)
def test_a_stack_that_is_gone_stuck_or_detached_is_drift(stack: StackFacts | None, said: str) -> None:
    (found,) = stacks(stack)
    assert said in found.what
    assert not found.harmless


def test_resources_that_cloudformation_finds_changed_are_drift() -> None:
    (found,) = stacks(STACK, detected=("Role (AWS::IAM::Role) was changed: Policies",))
    assert found.what == "stack prices-prod: Role (AWS::IAM::Role) was changed: Policies, by hand"


def west(facts: FunctionFacts) -> Copy:
    served = replace(RECORDED, region="us-west-2")
    return Copy(served, replace(COPY.observed, place=WEST, live=facts), (), None)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(FACTS, code="b" * 64), f"code {'b' * 10} here, {'a' * 10} there"),
        (replace(FACTS, settings={"memory": "512"}), "memory 512 here, 128 there"),
    ],
)
def test_regions_that_differ_are_drift_unless_a_release_went_to_some_only(
    facts: FunctionFacts, said: str
) -> None:
    (found,) = region_drift([COPY, west(facts)], HEAD)
    assert (found.region, found.what, found.harmless) == ("us-west-2", f"not as in us-east-1: {said}", False)
    partial = Partial(ReleaseRef("c", "m"), ("us-west-2",), "", "ada", "outage", "")
    (explained,) = region_drift([COPY, west(facts)], replace(HEAD, partial=partial))
    assert explained.harmless


def test_regions_with_the_same_release_are_alike_whatever_stands_around_them() -> None:
    here = replace(FACTS, settings={"memory": "128", "role": "role-us-west-2", "vpc.subnets": "subnet-2"})
    assert list(region_drift([COPY, west(here)], HEAD)) == []


def test_a_function_that_no_release_has_any_more_is_an_orphan_that_can_be_retired() -> None:
    found = orphaned(RECORDED, ALIAS, stage="prod")
    assert (found.kind, found.harmless) == ("orphan", False)
    assert found.fix == "release retire prices prod --reason TEXT"
