"""A service that the stage does not have any more: triggers off, aliases gone, data kept."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from release.adapters.template_reader import read_template
from release.core.decisions import Deciding
from release.core.drift import MappingFacts
from release.core.models import Place
from release.core.records import Event, IllegalEvent, advance
from release.core.retire import QUIET, Asked, Retirement
from release.core.snapshot import ALIAS_EXISTS
from release.decide import decide
from release.errors import Conflict, GateClosed, Misconfigured, ReleaseError, Stranded
from release.retire import Retiring, carry_out, plan_retirement
from tests.fakes.surroundings import FakeSurroundings
from tests.fakes.world import ADA, ALIAS, EAST, WEST, Crash, Fault, World, fleet

GONE = "prices"
AT_ONCE = Asked(timedelta(0), ())
TEMPLATE = """
Resources:
  Table: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain}
  Queue: {Type: AWS::SQS::Queue, DeletionPolicy: Delete}
  Alarm: {Type: AWS::CloudWatch::Alarm}
"""


class FakeRemoval:
    """Stacks as a test's world has them, all of one template."""

    def __init__(self, world: World, template: str = TEMPLATE) -> None:
        self._world = world
        self._template = template
        self.deleted: list[tuple[str, str]] = []
        self.refuse: dict[str, ReleaseError] = {}  # by region

    def give(self, template: str) -> None:
        """Somebody gives the stacks another template."""
        self._template = template

    def template(self, place: Place, stack: str) -> str | None:
        return self._template if self._world.stacks.stack(place, stack) else None

    def delete(self, place: Place, stack: str) -> None:
        if place.region in self.refuse:
            raise self.refuse.pop(place.region)
        self.deleted.append((place.region, stack))


def without_it() -> World:
    """v1.0.0 had it, v1.1.0 has not."""
    world = fleet().live("v1.0.0")
    everything = world.services
    world.services = {name: keys for name, keys in everything.items() if name != GONE}
    assert world.services and GONE in everything
    assert world.promote("v1.1.0").failure is None
    world.services = everything
    return world


def retiring(
    world: World,
    surroundings: FakeSurroundings | None = None,
    removal: FakeRemoval | None = None,
    in_main: Collection[str] = (),
) -> Retiring:
    return Retiring(
        world.tools,
        surroundings or FakeSurroundings(),
        removal or FakeRemoval(world),
        read_template,
        in_main,
    )


def plan(
    world: World, asked: Asked | None = None, *, service: str = GONE, by: Retiring | None = None
) -> Retirement:
    return plan_retirement(by or retiring(world), world.setup(), world.stage, service, asked)


def retire(
    world: World,
    surroundings: FakeSurroundings | None = None,
    removal: FakeRemoval | None = None,
    asked: Asked | None = None,
) -> Event:
    by = retiring(world, surroundings, removal)
    return carry_out(
        by,
        world.setup(),
        plan(world, asked, by=by),
        "nobody asks for prices",
        who=ADA,
        progress=lambda what, fields: world.said.append((what, dict(fields))),
    )


def left(world: World) -> tuple[set[str | None], set[str | None]]:
    """What the aliases of the service serve, and whether its stacks have their triggers."""
    aliases = {
        alias.lambda_version if (alias := world.functions.alias_of(place, "prices-api", ALIAS)) else None
        for place in world.places
    }
    stacks = {
        stack.parameters.get(ALIAS_EXISTS) if (stack := world.stacks.stack(place, "prices-prod")) else None
        for place in world.places
    }
    return aliases, stacks


def test_triggers_go_before_aliases_and_the_record_says_what_was_there() -> None:
    world = without_it()
    assert left(world) == ({"1"}, {"true"})
    with world.hooked():
        ended = retire(world)
    assert left(world) == ({None}, {"false"})
    others = {tag for (_, name), tag in world.aliases.items() if not name.startswith(GONE)}
    assert others == {"v1.1.0"}  # what is still there serves on
    operations = [call.operation for call in world.writes if call.operation in ("update", "delete_alias")]
    last_stack = max(index for index, one in enumerate(operations) if one == "update")
    assert last_stack < operations.index("delete_alias")
    begun = world.ledger.log[-2]
    assert (begun.kind, begun.services, begun.reason) == ("retire", (GONE,), "nobody asks for prices")
    assert {one.lambda_version for one in begun.before} == {"1"}
    assert world.ledger.log[-1] == ended
    assert (ended.kind, ended.id, ended.services) == ("retire-ended", begun.id, (GONE,))
    assert (ended.outcome, ended.failure, ended.notes) == ("succeeded", None, ())
    assert world.functions.versions_of(world.places[0], "prices-api") == ["1"]


def test_it_is_done_once() -> None:
    world = without_it()
    retire(world)
    assert plan(world).is_done


@pytest.mark.parametrize("number", range(5))
def test_killed_anywhere_the_same_command_does_what_is_left(number: int) -> None:
    world = without_it()
    with pytest.raises(Crash), world.failing(Fault(number, "after", Crash)):
        retire(world)
    if not plan(world).is_done:
        retire(world)
    assert left(world) == ({None}, {"false"})


def test_a_service_that_the_stage_still_serves_is_refused() -> None:
    with pytest.raises(GateClosed, match=r"prices is part of v1\.0\.0, which prod serves"):
        retire(fleet().live("v1.0.0"))


def test_a_service_that_the_stage_never_had_is_refused_with_those_it_had() -> None:
    world = without_it()
    with pytest.raises(Misconfigured, match="knows of no service price in prod") as refused:
        plan(world, service="price")
    assert GONE in refused.value.fix


def test_nothing_is_retired_while_a_rollout_is_under_way() -> None:
    world = without_it()
    with pytest.raises(Crash), world.failing(Fault(2, "before", Crash)):
        world.promote("v1.2.0")
    with pytest.raises(GateClosed, match="is under way in prod"):
        retire(world)


def test_an_alias_that_something_by_hand_still_feeds_stays() -> None:
    world = without_it()
    surroundings = FakeSurroundings()
    source = MappingFacts("an-uuid", "prices-api", ALIAS, "arn:aws:sqs:us-east-1:4:orders")
    surroundings.of[world.places[0]] = [source, replace(source, function="other")]
    with pytest.raises(Stranded, match="still feeds live of prices-api") as stopped:
        retire(world, surroundings)
    assert "--uuid an-uuid" in stopped.value.fix
    assert left(world) == ({"1"}, {"false"})
    ended = world.ledger.log[-1]
    assert (ended.kind, ended.outcome, ended.failure) == ("retire-ended", "stranded", stopped.value.cause)
    retire(world)
    assert left(world) == ({None}, {"false"})


def test_a_stack_with_a_template_by_hand_is_left_alone_with_a_way_out() -> None:
    world = without_it()
    world.stacks.change_stack(world.places[0], "prices-prod", template="f" * 64)
    with pytest.raises(Misconfigured, match="a template that no build has stored") as refused:
        retire(world)
    assert "--use-previous-template" in refused.value.fix
    assert left(world) == ({"1"}, {"true"})


def test_a_retirement_without_a_reason_or_a_service_is_no_event() -> None:
    world = without_it()
    event = retire(world)
    for broken in (
        replace(event, reason=None),
        replace(event, services=None),
        replace(event, outcome=None),
    ):
        with pytest.raises(IllegalEvent):
            advance(world.head, broken)


def test_a_service_that_the_next_release_would_bring_back_is_refused_with_its_place() -> None:
    world = without_it()
    with pytest.raises(GateClosed, match="the next release brings it to prod again") as refused:
        plan(world, by=retiring(world, in_main=[GONE]))
    assert refused.value.see == "services/prices/service.yaml"
    assert not plan(world, by=retiring(world, in_main=["others"])).is_done


def test_a_hold_keeps_a_service_from_being_retired() -> None:
    world = without_it()
    about = Deciding("hold", world.head, None)
    decide(world.ledger, world.ledger.read(), about, "we look into it", who=ADA, clock=world.clock)
    with pytest.raises(GateClosed, match=r"prod is held by \w+: we look into it") as refused:
        retire(world)
    assert "release unhold prod" in refused.value.fix


def test_a_stack_goes_when_the_service_is_retired_and_was_quiet_for_a_day() -> None:
    world = without_it()
    in_a_day = Asked(QUIET, ("Queue",))
    with pytest.raises(GateClosed, match="still in service in prod") as refused:
        plan(world, in_a_day)
    assert "--delete-stack" in refused.value.fix
    retire(world)
    with pytest.raises(GateClosed, match="stays for 24 h in which somebody may miss it") as refused:
        plan(world, in_a_day)
    assert "2026-11-22T12:" in refused.value.fix
    world.clock.sleep(QUIET.total_seconds())

    removal = FakeRemoval(world)
    ended = retire(world, removal=removal, asked=in_a_day)
    assert sorted(removal.deleted) == [(place.region, "prices-prod") for place in world.places]
    assert world.ledger.log[-2].notes == tuple(
        f"deletes stack prices-prod in {place.region}, and with it Queue (AWS::SQS::Queue)"
        for place in world.places
    )
    assert world.ledger.log[-1] == ended
    assert ended.notes == tuple(f"stack prices-prod in {place.region}: deleted" for place in world.places)


def test_a_service_that_a_hand_has_taken_out_of_service_is_quiet_since_nobody_knows_when() -> None:
    world = without_it()
    for place in world.places:
        stack = world.stacks.stack(place, "prices-prod")
        assert stack is not None
        world.stacks.change_stack(
            place, "prices-prod", parameters={**stack.parameters, ALIAS_EXISTS: "false"}
        )
        world.functions.remove_alias(place, "prices-api", ALIAS)
    with pytest.raises(GateClosed, match="does not say since when prices is out of service") as refused:
        plan(world, Asked(QUIET, ("Queue",)))
    assert "--quiet 0" in refused.value.fix
    assert len(plan(world, replace(AT_ONCE, data=("Queue",))).delete) == len(world.places)


def test_what_deletes_a_stack_does_not_start_its_quiet_day_anew() -> None:
    world = without_it()
    retire(world)
    world.clock.sleep(QUIET.total_seconds())
    removal = FakeRemoval(world)
    removal.refuse[EAST] = Stranded("deleted in part", fix="mend it")
    in_a_day = Asked(QUIET, ("Queue",))
    with pytest.raises(Stranded, match="deleted in part"):
        retire(world, removal=removal, asked=in_a_day)
    assert [region for region, _ in removal.deleted] == [
        place.region for place in world.places if place.region != EAST
    ]
    retire(world, removal=removal, asked=in_a_day)
    assert EAST in [region for region, _ in removal.deleted]


def test_every_stack_that_could_not_be_deleted_is_told_and_recorded() -> None:
    world = without_it()
    retire(world)
    removal = FakeRemoval(world)
    removal.refuse = {
        EAST: Stranded("east is deleted in part", fix="mend it"),
        WEST: Misconfigured("west is protected", fix="ask who"),
    }
    with pytest.raises(Stranded, match="east is deleted in part") as stopped:
        retire(world, removal=removal, asked=replace(AT_ONCE, data=("Queue",)))
    assert stopped.value.details == ("west is protected",)
    ended = world.ledger.log[-1]
    assert (ended.kind, ended.outcome) == ("retire-ended", "stranded")
    assert ended.notes == (
        "stack prices-prod in us-east-1: east is deleted in part",
        "stack prices-prod in us-west-2: west is protected",
    )


def test_what_could_not_be_taken_out_of_service_is_not_quiet_since_then() -> None:
    world = without_it()
    surroundings = FakeSurroundings()
    surroundings.of[world.places[0]] = [MappingFacts("an-uuid", "prices-api", ALIAS, "arn:aws:sqs:x:4:o")]
    with pytest.raises(Stranded):
        retire(world, surroundings)
    for place in world.places:
        world.functions.remove_alias(place, "prices-api", ALIAS)
    world.clock.sleep(QUIET.total_seconds())
    with pytest.raises(GateClosed, match="does not say since when prices is out of service"):
        plan(world, Asked(QUIET, ("Queue",)))


def test_a_stack_that_somebody_changes_before_its_turn_keeps_its_triggers() -> None:
    world = without_it()
    setup, planned = world.setup(), plan(world)
    world.stacks.change_stack(world.places[0], "prices-prod", body="by hand", template="f" * 64)
    with pytest.raises(Conflict, match="is another one than when this was planned"):
        carry_out(retiring(world), setup, planned, "quiet", who=ADA, progress=lambda *_: None)
    assert left(world) == ({"1"}, {"true"})
    assert world.ledger.log[-1].outcome == "errored"


def test_a_stage_that_moves_while_triggers_go_off_keeps_the_aliases() -> None:
    world = without_it()

    def meanwhile(what: str, fields: Mapping[str, object]) -> None:
        if fields["region"] == WEST:  # the last one
            world.hold("wait")

    setup, planned = world.setup(), plan(world)
    with pytest.raises(Stranded, match="prod has moved while the triggers of prices went off"):
        carry_out(retiring(world), setup, planned, "quiet", who=ADA, progress=meanwhile)
    assert left(world) == ({"1"}, {"false"})


def test_data_goes_with_a_stack_only_when_somebody_names_it() -> None:
    world = without_it()
    retire(world)
    with pytest.raises(GateClosed, match=r"the data of Queue \(AWS::SQS::Queue\) would go") as refused:
        plan(world, AT_ONCE)
    assert "--delete-data Queue" in refused.value.fix and "Table" not in refused.value.cause
    planned = plan(world, replace(AT_ONCE, data=("Queue",)))
    assert {(one.kept, one.lost) for one in planned.delete} == {
        (("Table (AWS::DynamoDB::Table)",), ("Queue (AWS::SQS::Queue)",))
    }
    with pytest.raises(Misconfigured, match="no data goes with Table, Qeue") as slip:
        plan(world, replace(AT_ONCE, data=("Queue", "Table", "Qeue")))
    assert slip.value.fix == "name some of: Queue"


def test_a_stack_with_another_template_than_was_looked_at_stays() -> None:
    world = without_it()
    retire(world)
    removal = FakeRemoval(world)
    by = retiring(world, removal=removal)
    planned = plan(world, replace(AT_ONCE, data=("Queue",)), by=by)
    removal.give(TEMPLATE.replace("DeletionPolicy: Retain", "DeletionPolicy: Delete"))
    with pytest.raises(Conflict, match="has got another template since this was planned"):
        carry_out(by, world.setup(), planned, "quiet", who=ADA, progress=lambda what, fields: None)
    assert removal.deleted == []


def test_a_stack_of_a_service_that_came_back_while_somebody_read_the_plan_stays() -> None:
    world = without_it()
    retire(world)
    removal = FakeRemoval(world)
    by = retiring(world, removal=removal)
    setup, planned = world.setup(), plan(world, replace(AT_ONCE, data=("Queue",)), by=by)
    assert planned.delete and world.promote("v1.2.0").failure is None

    with pytest.raises(Conflict, match="prod has moved since this was planned"):
        carry_out(by, setup, planned, "nobody asks for prices", who=ADA, progress=lambda *_: None)
    assert removal.deleted == []
    assert world.ledger.log[-1].verb == "promote"


def test_what_nobody_can_look_into_counts_as_data() -> None:
    world = without_it()
    retire(world)
    nested = FakeRemoval(world, "Resources: {Inner: {Type: AWS::CloudFormation::Stack}}")
    with pytest.raises(GateClosed, match="the data of Inner"):
        plan(world, AT_ONCE, by=retiring(world, removal=nested))


def test_a_stack_that_somebody_changes_is_not_deleted() -> None:
    world = without_it()
    retire(world)
    world.stacks.change_stack(world.places[0], "prices-prod", status="UPDATE_IN_PROGRESS")
    with pytest.raises(Conflict, match="somebody is at it"):
        plan(world, AT_ONCE)
