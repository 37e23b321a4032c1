"""What keeps a stack from being changed, what CloudFormation may say beyond the plan, order, and endings."""

from dataclasses import replace
from typing import Any

import pytest

from release.core.infra_apply import (
    ResourceChange,
    StackChange,
    StackPlan,
    allowed_in,
    refuse_more,
    refused_in_rollout,
)
from release.core.infra_dead import way_out
from release.core.infra_diff import RESOURCES, Change, Entry
from release.core.infra_order import layers
from release.core.infra_outcome import Done, InfraPlan, conclude, started_notes, todo_of
from release.core.models import Place
from release.core.records import ReleaseRef
from release.core.snapshot import ObservedStack, StackFacts
from release.errors import ExitCode, GateClosed, Misconfigured, ReleaseError, RolloutFailed

EAST = Place("111111111111", "us-east-1")
TABLE = "AWS::DynamoDB::Table"
RENAMED = Entry(
    RESOURCES,
    "Table",
    TABLE,
    "replace",
    (Change("Properties.TableName", "a", "b", "yes"),),
    holds_data=True,
    kept=True,
)
REMOVED = Entry(RESOURCES, "Jobs", "AWS::SQS::Queue", "remove", holds_data=True)
LONGER = Entry(RESOURCES, "Api", "AWS::Lambda::Function", "modify", (Change("Properties.Timeout", "1", "2"),))


def observed(status: str = "UPDATE_COMPLETE", reason: str = "", service: str = "orders") -> ObservedStack:
    facts = StackFacts(f"{service}-prod", status, reason, "a" * 64, {}, {})
    return ObservedStack(service, EAST, f"{service}-prod", facts)


def plan(
    *entries: Entry, stack: ObservedStack | None = None, service: str = "orders", **more: Any
) -> InfraPlan:
    change = StackPlan(StackChange(entries, is_idle=not entries), 0, more.pop("size", 0))
    todo = todo_of(stack or observed(service=service), "b" * 64, change)
    return InfraPlan("prod", ReleaseRef("c" * 40, "m" * 64), False, (todo,))


def test_what_holds_data_is_replaced_or_removed_only_when_its_name_is_said() -> None:
    refused = plan(RENAMED, REMOVED, LONGER).with_allowed(())
    assert [one.code for one in refused.blockers] == ["data-at-risk"] * 2
    assert "Table (AWS::DynamoDB::Table) is replaced by Properties.TableName" in refused.blockers[0].message
    assert "the old one stays" in refused.blockers[0].message  # kept, and still: what comes is empty

    half = plan(RENAMED, REMOVED, LONGER).with_allowed(["Table"])
    assert ["Jobs" in one.message for one in half.blockers] == [True]
    assert plan(RENAMED, REMOVED).with_allowed(["Table", "orders/Jobs"]).blockers == ()


def test_the_same_words_go_on_where_what_they_allow_is_done() -> None:
    assert plan().with_allowed(["Table"]).busy == ()

    left = plan(LONGER, service="stock")
    both = replace(left, stacks=(*plan().stacks, *left.stacks))
    assert both.with_allowed(["orders/Table"]).busy == left.stacks
    with pytest.raises(Misconfigured, match="no stack of this plan") as refused:
        both.with_allowed(["Table"])  # whose it was cannot be told from a name that is misspelt
    assert refused.value.fix.startswith("leave it out where it is done by now")


@pytest.mark.parametrize("name", ["table", "Tabl", "stock/Table", "orders/", "Table/"])
def test_a_name_that_no_stack_has_is_an_error(name: str) -> None:
    with pytest.raises(Misconfigured, match="no stack of this plan has such a resource") as refused:
        plan(RENAMED).with_allowed([name])
    assert "orders/Table" in refused.value.fix


def test_a_name_that_two_services_have_must_say_whose() -> None:
    services = {"orders": {"Table"}, "stock": {"Table"}}
    with pytest.raises(Misconfigured, match="orders, stock have one each"):
        allowed_in("orders", ["Table"], services)
    assert allowed_in("orders", ["stock/Table"], services) == frozenset()
    assert allowed_in("stock", ["stock/Table"], services) == {"Table"}


def said(name: str, kind: str, action: Any = "modify", replacement: Any = "no") -> list[ResourceChange]:
    return [ResourceChange(name, kind, action, replacement)]


@pytest.mark.parametrize(
    "found",
    [
        said("Table", TABLE, "remove"),
        said("Api", "AWS::Lambda::Function", replacement="yes"),
        said("Other", TABLE, replacement="perhaps"),
        said("Other", TABLE, "other"),
        said("Table", TABLE, "remove", "no"),
    ],
)
def test_a_change_set_that_does_more_than_the_plan_says_is_refused(found: list[ResourceChange]) -> None:
    with pytest.raises(GateClosed, match="would do more to stack orders-prod"):
        refuse_more("orders-prod", EAST, [LONGER], found)


@pytest.mark.parametrize(
    "found",
    [
        said("Table", TABLE, replacement="yes"),
        said("Jobs", "AWS::SQS::Queue", "remove"),
        said("More", "AWS::SQS::Queue", "add"),
        said("Api", "AWS::Lambda::Function", replacement="perhaps"),  # it refers to what changes
        said("Other", TABLE, replacement="no"),
        said("Allowed", TABLE, replacement="perhaps"),
    ],
)
def test_a_change_set_that_does_what_the_plan_says_is_agreed_to(found: list[ResourceChange]) -> None:
    refuse_more("orders-prod", EAST, [RENAMED, REMOVED, LONGER], found, allowed=["Allowed"])


def test_a_stack_that_grows_too_large_by_what_it_keeps_is_refused_before() -> None:
    assert [one.code for one in plan(LONGER, size=60_000).blockers] == ["template-too-large"]
    in_a_rollout = refused_in_rollout(observed(), StackPlan(StackChange((LONGER,)), 0, 60_000))
    assert [one.code for one in in_a_rollout] == ["template-too-large"]
    assert "release infra apply orders prod --allow-contract" in in_a_rollout[0].fix


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            "UPDATE_ROLLBACK_FAILED",
            "continue-update-rollback --stack-name orders-prod --region us-east-1; where that cannot be"
            " mended, add --resources-to-skip Jobs More",
        ),
        (
            "DELETE_FAILED",
            "delete-stack --stack-name orders-prod --region us-east-1 --retain-resources Jobs More",
        ),
        ("UPDATE_FAILED", "rollback-stack --stack-name orders-prod --region us-east-1"),
        ("UPDATE_IN_PROGRESS", "wait stack-update-complete --stack-name orders-prod --region us-east-1"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait stack-update-complete --stack-name orders-prod"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "wait stack-rollback-complete --stack-name orders-prod"),
        ("CREATE_IN_PROGRESS", "wait stack-create-complete --stack-name orders-prod"),
        ("DELETE_IN_PROGRESS", "wait stack-delete-complete --stack-name orders-prod"),
    ],
)
def test_every_state_that_waits_for_a_person_says_what_to_run(status: str, words: str) -> None:
    reason = "The following resource(s) failed to update: [Jobs, More]."
    assert words in (way_out("orders-prod", EAST, status, reason) or "")


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE"])
def test_states_that_the_next_command_takes_it_from_need_no_way_out(status: str) -> None:
    assert way_out("orders-prod", EAST, status) is None


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "CREATE_FAILED"])
def test_a_stack_that_was_never_created_is_made_again(status: str) -> None:
    assert [one.todo for one in plan(LONGER, stack=observed(status)).stacks] == ["create"]


def test_a_dead_stack_is_a_blocker_with_its_way_out() -> None:
    (blocker,) = plan(LONGER, stack=observed("UPDATE_ROLLBACK_FAILED", "failed to update: [Jobs]")).blockers
    assert blocker.code == "stack-dead" and "--resources-to-skip Jobs" in blocker.fix


FAILED = RolloutFailed("stack orders-prod ended in UPDATE_ROLLBACK_COMPLETE: Jobs: no", fix="mend it")


@pytest.mark.parametrize(
    ("failure", "status", "code", "outcome"),
    [
        (FAILED, "UPDATE_ROLLBACK_COMPLETE", ExitCode.ROLLED_BACK, "failed"),
        (FAILED, "UPDATE_ROLLBACK_FAILED", ExitCode.STRANDED, "stranded"),
        (GateClosed("more", fix="less"), "UPDATE_COMPLETE", ExitCode.CLOSED, "errored"),
        (Misconfigured("denied", fix="allow"), "", ExitCode.MISCONFIGURED, "errored"),
    ],
)
def test_how_it_ended_is_said_by_the_gravest_of_what_happened(
    failure: ReleaseError, status: str, code: ExitCode, outcome: str
) -> None:
    one = plan(LONGER)
    ended, raised = conclude(one, [Done(one.stacks[0], failure, status)])
    assert raised is not None
    assert (ended, raised.exit_code) == (outcome, code)


def test_a_refusal_after_another_stack_has_changed_does_not_say_unchanged() -> None:
    one, other = plan(LONGER), plan(LONGER, service="stock")
    both = InfraPlan("prod", one.release, False, (*one.stacks, *other.stacks))
    done = [
        Done(one.stacks[0], None, "UPDATE_COMPLETE"),
        Done(other.stacks[0], GateClosed("more", fix="x"), ""),
    ]
    _, raised = conclude(both, done)

    assert raised is not None and raised.exit_code is ExitCode.ROLLED_BACK
    assert raised.details == ("orders-prod in us-east-1: done", "stock-prod in us-east-1: failed")


def test_the_record_says_from_which_template_to_which_and_what_was_allowed() -> None:
    (line,) = started_notes(plan(RENAMED).with_allowed(["Table"]))
    assert line == (
        f"orders-prod in us-east-1: update, template {'a' * 12} to {'b' * 12}, replaces or removes Table"
    )


def test_a_stack_at_its_template_is_left_alone_and_what_it_keeps_is_told() -> None:
    kept = StackPlan(StackChange((), ("Jobs",), is_idle=True), 0, 0)
    plan = InfraPlan(
        "prod",
        ReleaseRef("c" * 40, "m" * 64),
        False,
        (todo_of(observed(), "a" * 64, kept), todo_of(observed(service="stock"), "a" * 64, None)),
    )
    assert [one.todo for one in plan.stacks] == ["nothing", "nothing"]
    assert [one.stack for one in plan.left_over] == ["orders-prod"]


def test_what_ended_well_is_noted_with_its_state() -> None:
    (todo,) = plan(LONGER).stacks
    done = [Done(todo, None, "UPDATE_COMPLETE"), Done(todo, None, ""), Done(todo, FAILED, "")]
    assert [one.note for one in done] == [
        "orders-prod in us-east-1: UPDATE_COMPLETE",
        "orders-prod in us-east-1: nothing to change",
        f"orders-prod in us-east-1: {FAILED.cause}",
    ]
    assert conclude(plan(LONGER), done[:2]) == ("succeeded", None)


def exporting(name: Any) -> dict[str, Any]:
    return {"Outputs": {"Queue": {"Value": "x", "Export": {"Name": name}}}}


def importing(name: Any) -> dict[str, Any]:
    return {"Resources": {"Api": {"Properties": {"Queues": [{"Fn::ImportValue": name}]}}}}


def in_order(before: dict[str, Any], after: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    return layers(before, after, region="us-east-1", account="111111111111")


def test_a_stack_comes_after_what_it_imports_and_lets_go_before_that_is_gone() -> None:
    named = {"Fn::Sub": "${AWS::StackName}-queue"}
    after = {"a-stock": importing("orders-queue"), "orders": exporting(named), "z": {}}
    assert in_order({}, after) == (("orders", "z"), ("a-stock",))
    assert in_order(after, {"a-stock": {}, "orders": {}, "z": {}}) == (("a-stock", "z"), ("orders",))
    assert in_order(after, after | {"a-stock": {}}) == (("a-stock", "orders", "z"),)


def test_stacks_that_wait_for_each_other_are_left_to_cloudformation() -> None:
    one = exporting("a") | importing("b")
    other = exporting("b") | importing("a")
    assert in_order({}, {"one": one, "other": other}) == (("one", "other"),)
