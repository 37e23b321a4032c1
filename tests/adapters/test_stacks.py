"""What the port `Stacks` promises, for fake and adapter; then what only the adapter meets."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest

from release.adapters.aws import Aws
from release.adapters.stacks import CloudFormationStacks
from release.core import canonical
from release.core.infra_apply import ResourceChange
from release.core.infra_expand import MARK
from release.core.models import Place
from release.core.snapshot import StackFacts
from release.errors import ForeignChange, GateClosed, Misconfigured, RolloutFailed
from release.ports import StackRequest, Stacks
from release.sandbox.session import Sandbox
from tests.fakes.aws import FakeStacks

NAME = "orders-prod"
TEMPLATE = """\
# comments and order count: the digest is that of the text
Parameters:
  AliasExists: {Type: String, Default: "false"}
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${AWS::StackName}-jobs"
      VisibilityTimeout: 30
"""
CHANGED = TEMPLATE.replace("30", "60")
TAGS = {"release:service": "orders"}


class StacksWorld(Protocol):
    stacks: Stacks
    place: Place

    def make_the_next_operation_fail(self) -> None: ...

    def everything_works_again(self) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.place = Place("111111111111", "us-east-1")
        self.fake = FakeStacks()
        self.stacks: Stacks = self.fake

    def make_the_next_operation_fail(self) -> None:
        self.fake.fail_next(self.place, NAME, "Jobs (AWS::SQS::Queue): no queue today")

    def everything_works_again(self) -> None:
        """The fake fails once."""


class SandboxWorld:
    def __init__(self, sandbox: Sandbox, account: str) -> None:
        self.place = Place(account, "us-east-1")
        self.stacks: Stacks = CloudFormationStacks(Aws())
        self.sandbox = sandbox

    def make_the_next_operation_fail(self) -> None:
        self.sandbox.faults([{"stack": "Queue (create|update)", "message": "no queue today", "times": 1}])

    def everything_works_again(self) -> None:
        self.sandbox.faults([])


@pytest.fixture(params=["fake", "sandbox"])
def world(request: pytest.FixtureRequest) -> StacksWorld:
    if request.param == "fake":
        return FakeWorld()
    return SandboxWorld(request.getfixturevalue("sandbox"), request.getfixturevalue("account"))


def wanted(template: str, alias_exists: str = "false") -> StackRequest:
    return StackRequest(NAME, template, {"AliasExists": alias_exists}, TAGS)


def create(world: StacksWorld, template: str = TEMPLATE, alias_exists: str = "false") -> None:
    world.stacks.create(world.place, wanted(template, alias_exists))


def update(world: StacksWorld, template: str, alias_exists: str = "false") -> bool:
    return world.stacks.update(world.place, wanted(template, alias_exists))


def change(world: StacksWorld, template: str, agreed: Callable[..., None] = lambda found: None) -> bool:
    return world.stacks.change(world.place, wanted(template), agreed)


def test_a_stack_that_is_not_there_is_none(world: StacksWorld) -> None:
    assert world.stacks.stack(world.place, NAME) is None


def test_a_created_stack_shows_the_digest_of_the_text_that_was_sent(world: StacksWorld) -> None:
    create(world)
    facts = world.stacks.settled(world.place, NAME)

    assert facts == world.stacks.stack(world.place, NAME)
    assert (facts.name, facts.status) == (NAME, "CREATE_COMPLETE")
    assert facts.template == canonical.sha256(TEMPLATE.encode())
    assert facts.parameters == {"AliasExists": "false"}


def test_a_json_template_keeps_its_digest(world: StacksWorld) -> None:
    template = json.dumps({"Resources": {"Jobs": {"Type": "AWS::SQS::Queue"}}}, indent=3)
    world.stacks.create(world.place, StackRequest(NAME, template, parameters={}, tags={}))

    assert world.stacks.settled(world.place, NAME).template == canonical.sha256(template.encode())


def test_creating_the_same_stack_again_is_the_same_operation(world: StacksWorld) -> None:
    create(world)
    create(world)
    world.stacks.settled(world.place, NAME)
    create(world)
    assert world.stacks.settled(world.place, NAME).status == "CREATE_COMPLETE"


def test_creating_over_somebody_elses_stack_is_refused(world: StacksWorld) -> None:
    create(world)
    world.stacks.settled(world.place, NAME)
    with pytest.raises(ForeignChange, match=f"stack {NAME} in {world.place}"):
        create(world, CHANGED)
    with pytest.raises(ForeignChange, match=f"stack {NAME} in {world.place}"):
        create(world, alias_exists="true")


def test_an_update_changes_template_and_parameters(world: StacksWorld) -> None:
    create(world)
    world.stacks.settled(world.place, NAME)

    assert update(world, CHANGED, alias_exists="true")
    facts = world.stacks.settled(world.place, NAME)
    assert facts.status == "UPDATE_COMPLETE"
    assert facts.template == canonical.sha256(CHANGED.encode())
    assert facts.parameters == {"AliasExists": "true"}


def test_an_update_without_a_change_starts_nothing(world: StacksWorld) -> None:
    create(world)
    world.stacks.settled(world.place, NAME)

    assert not update(world, TEMPLATE)
    assert world.stacks.settled(world.place, NAME).status == "CREATE_COMPLETE"


def test_an_update_waits_for_the_operation_before_it(world: StacksWorld) -> None:
    create(world)
    assert update(world, CHANGED)
    assert update(world, TEMPLATE)
    assert world.stacks.settled(world.place, NAME).template == canonical.sha256(TEMPLATE.encode())


def test_an_update_takes_nothing_away_from_a_stack_that_keeps_more(world: StacksWorld) -> None:
    create(world)
    world.stacks.settled(world.place, NAME)
    digest = canonical.sha256(CHANGED.encode())
    more = CHANGED.rstrip() + f'\nOutputs: {{"{MARK}": {{"Value": "{digest}"}}}}\n'
    assert change(world, more)
    assert world.stacks.settled(world.place, NAME).template == digest

    assert update(world, CHANGED, alias_exists="true")
    facts = world.stacks.settled(world.place, NAME)
    assert (facts.body, facts.template, facts.parameters) == (more, digest, {"AliasExists": "true"})
    assert change(world, CHANGED)
    assert world.stacks.settled(world.place, NAME).body == CHANGED


def test_a_change_set_is_carried_out_when_who_planned_agrees(world: StacksWorld) -> None:
    create(world)
    world.stacks.settled(world.place, NAME)

    assert change(world, CHANGED)
    facts = world.stacks.settled(world.place, NAME)
    assert (facts.status, facts.body) == ("UPDATE_COMPLETE", CHANGED)
    assert not change(world, CHANGED)


def test_a_change_set_that_says_something_else_changes_nothing(world: StacksWorld) -> None:
    create(world)
    before = world.stacks.settled(world.place, NAME)

    def no(found: object) -> None:
        raise GateClosed("more than was planned", fix="plan again")

    with pytest.raises(GateClosed, match="more than was planned"):
        change(world, CHANGED, no)
    after = world.stacks.stack(world.place, NAME)
    assert after is not None and (after, after.body) == (before, TEMPLATE)
    assert change(world, CHANGED)


def test_putting_an_older_template_back_is_an_update_of_its_own(world: StacksWorld) -> None:
    create(world)
    world.stacks.settled(world.place, NAME)
    for template in (CHANGED, TEMPLATE, CHANGED):
        assert update(world, template)
        assert world.stacks.settled(world.place, NAME).template == canonical.sha256(template.encode())


def test_a_stack_that_is_gone_cannot_be_updated_or_waited_for(world: StacksWorld) -> None:
    with pytest.raises(ForeignChange, match="does not exist any more"):
        update(world, TEMPLATE)
    with pytest.raises(ForeignChange, match="does not exist any more"):
        world.stacks.settled(world.place, NAME)


def test_a_failed_creation_names_its_cause_and_is_removed_by_the_next(world: StacksWorld) -> None:
    world.make_the_next_operation_fail()
    create(world)
    with pytest.raises(
        RolloutFailed, match=r"ended in ROLLBACK_COMPLETE: Jobs \(AWS::SQS::Queue\): .*no queue today"
    ):
        world.stacks.settled(world.place, NAME)
    with pytest.raises(ForeignChange, match="never created completely"):
        update(world, CHANGED)

    world.everything_works_again()
    create(world)
    assert world.stacks.settled(world.place, NAME).status == "CREATE_COMPLETE"


def test_a_failed_update_names_its_cause_and_leaves_what_was(world: StacksWorld) -> None:
    create(world)
    before = world.stacks.settled(world.place, NAME)
    world.make_the_next_operation_fail()
    assert update(world, CHANGED)

    with pytest.raises(
        RolloutFailed, match=r"ended in UPDATE_ROLLBACK_COMPLETE: Jobs \(AWS::SQS::Queue\): .*no queue today"
    ):
        world.stacks.settled(world.place, NAME)
    after = world.stacks.stack(world.place, NAME)
    assert after is not None and after.status == "UPDATE_ROLLBACK_COMPLETE"
    assert after.template == before.template

    world.everything_works_again()
    assert not update(world, TEMPLATE)
    assert update(world, CHANGED)
    assert world.stacks.settled(world.place, NAME).status == "UPDATE_COMPLETE"


# Only the adapter


@pytest.fixture
def aws(sandbox: Sandbox, account: str) -> SandboxWorld:
    return SandboxWorld(sandbox, account)


def test_a_change_set_says_what_is_added_replaced_and_removed(aws: SandboxWorld) -> None:
    logs = "  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: orders, RetentionInDays: 7}}\n"
    create(aws, TEMPLATE + logs)
    aws.stacks.settled(aws.place, NAME)
    other = TEMPLATE.replace("${AWS::StackName}-jobs", "${AWS::StackName}-work") + (
        f"{logs.replace('7', '14')}  More: {{Type: AWS::SQS::Queue}}\n"
    )
    seen: list[Sequence[ResourceChange]] = []
    assert change(aws, other, seen.append)
    aws.stacks.settled(aws.place, NAME)
    assert change(aws, TEMPLATE + logs, seen.append)
    aws.stacks.settled(aws.place, NAME)

    queue = "AWS::SQS::Queue"
    replaced = ResourceChange("Jobs", queue, "modify", "yes")
    modified = ResourceChange("Logs", "AWS::Logs::LogGroup", "modify", "no")
    assert set(seen[0]) == {replaced, modified, ResourceChange("More", queue, "add", "no")}
    assert set(seen[1]) == {replaced, modified, ResourceChange("More", queue, "remove", "no")}


def test_outputs_alone_are_a_change_that_touches_no_resource(aws: SandboxWorld) -> None:
    create(aws)
    aws.stacks.settled(aws.place, NAME)
    digest = "d" * 64
    seen: list[Sequence[ResourceChange]] = []

    assert change(aws, f"{TEMPLATE}Outputs: {{{MARK}: {{Value: {digest}}}}}\n", seen.append)
    facts = aws.stacks.settled(aws.place, NAME)
    assert seen == [[]]
    assert facts.template == digest  # what it is an expanded form of


def test_a_change_set_that_a_killed_process_left_is_made_again(aws: SandboxWorld) -> None:
    create(aws)
    aws.stacks.settled(aws.place, NAME)

    def killed(found: object) -> None:
        raise KeyboardInterrupt

    # Its own way to end would take the change set away.
    client = Aws().client(aws.place, "cloudformation")
    left = CloudFormationStacks(_Undeleting())
    with pytest.raises(KeyboardInterrupt):
        left.change(aws.place, wanted(CHANGED), killed)
    assert len(client.list_change_sets(StackName=NAME)["Summaries"]) == 1

    assert change(aws, CHANGED)
    assert aws.stacks.settled(aws.place, NAME).body == CHANGED


class _Undeleting(Aws):
    """Calls that would clean up are not made: as when the process is gone by then."""

    def client(self, place: Place, service: str, **given: Any) -> Any:
        found = super().client(place, service, **given)
        found.delete_change_set = lambda **_: None
        return found


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_execution_whose_answer_is_lost_is_one_execution(
    sandbox: Sandbox, aws: SandboxWorld, when: str
) -> None:
    create(aws)
    aws.stacks.settled(aws.place, NAME)
    sandbox.faults([{"operation": "ExecuteChangeSet", "when": when, "status": 500, "times": 1}])

    assert change(aws, CHANGED)
    assert aws.stacks.settled(aws.place, NAME).body == CHANGED
    assert len(sandbox.fired()) == 1


@pytest.mark.parametrize("action", ["CreateStack", "UpdateStack"])
def test_a_change_whose_response_is_lost_is_made_once(
    sandbox: Sandbox, aws: SandboxWorld, action: str
) -> None:
    if action == "UpdateStack":
        create(aws)
        aws.stacks.settled(aws.place, NAME)
    sandbox.faults([{"operation": action, "when": "after", "status": 500, "times": 1}])

    create(aws) if action == "CreateStack" else update(aws, CHANGED)
    facts = aws.stacks.settled(aws.place, NAME)
    assert len(sandbox.fired()) == 1
    assert facts.template == canonical.sha256((TEMPLATE if action == "CreateStack" else CHANGED).encode())


def test_a_throttled_look_at_a_stack_is_repeated(sandbox: Sandbox, aws: SandboxWorld) -> None:
    sandbox.faults([{"operation": "DescribeStacks", "status": 400, "code": "Throttling", "times": 1}])
    assert aws.stacks.stack(aws.place, NAME) is None
    assert len(sandbox.fired()) == 1


def test_a_template_that_needs_more_is_refused_in_the_words_of_aws(aws: SandboxWorld) -> None:
    with pytest.raises(Misconfigured, match=f"AWS refused creating stack {NAME}") as failure:
        create(aws, TEMPLATE.replace("Parameters:", "Parameters:\n  Size: {Type: Number}"))
    assert "Size" in failure.value.cause


def test_a_template_that_is_too_large_is_refused_before_anything_is_sent(
    sandbox: Sandbox, aws: SandboxWorld
) -> None:
    sandbox.forget_calls()
    with pytest.raises(Misconfigured, match=r"51\d\d\d bytes"):
        create(aws, TEMPLATE + "# " + "x" * 51_200)
    assert sandbox.calls() == []


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"])
def test_a_stuck_stack_names_the_way_out(aws: SandboxWorld, status: str) -> None:
    create(aws)
    aws.stacks.settled(aws.place, NAME)

    # The sandbox has no way into these states: the answer is changed on its way to the adapter.
    shared = Aws()
    client = shared.client(aws.place, "cloudformation")
    client.meta.events.register("after-call.cloudformation.DescribeStacks", shown_as(status))
    with pytest.raises((Misconfigured, ForeignChange), match=f"{NAME} in {aws.place} .*{status}") as failure:
        CloudFormationStacks(shared).update(aws.place, StackRequest(NAME, CHANGED, parameters={}, tags={}))
    if status == "UPDATE_ROLLBACK_FAILED":
        assert "continue-update-rollback --stack-name orders-prod --region us-east-1" in failure.value.fix


def shown_as(status: str) -> Any:
    def change(parsed: dict[str, Any], **_: Any) -> None:
        for stack in parsed.get("Stacks", []):
            stack["StackStatus"] = status

    return change


def test_a_change_set_that_nobody_executed_is_removed_before_the_stack_is_created(aws: SandboxWorld) -> None:
    Aws().client(aws.place, "cloudformation").create_change_set(
        StackName=NAME, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=TEMPLATE
    )
    seen: StackFacts | None = aws.stacks.stack(aws.place, NAME)
    assert seen is not None and (seen.status, seen.template) == ("REVIEW_IN_PROGRESS", "")

    create(aws, CHANGED)
    assert aws.stacks.settled(aws.place, NAME).template == canonical.sha256(CHANGED.encode())
