"""What services that a stage does not have any more have left, by stacks and by the ledger alone."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from release.core.orphans import Orphan, TaggedStack
from release.errors import Misconfigured, Stranded
from release.orphans import Search, orphans_in, orphans_or_why, search
from tests.apply.test_retire import AT_ONCE, GONE, FakeRemoval, retire, without_it
from tests.fakes.surroundings import FakeSurroundings
from tests.fakes.world import EAST, WEST, Crash, Fault, World, fleet

STACK = TaggedStack("prices-prod", "UPDATE_COMPLETE", "prices", "prod", attached=True)


def looking(
    world: World, surroundings: FakeSurroundings | None = None, *, in_main: Collection[str] = ()
) -> Search:
    found = search(
        world.functions,
        surroundings or FakeSurroundings(),
        world.ledger,
        world.setup(),
        world.stage,
        in_main,
    )
    assert found is not None
    return found


def left(world: World, *stacks: TaggedStack, in_main: Collection[str] = ()) -> Sequence[Orphan]:
    surroundings = FakeSurroundings()
    surroundings.stacks = {(world.places[0], one.name): one for one in stacks}
    return orphans_in(looking(world, surroundings, in_main=in_main), world.places[0])


def states(found: Sequence[Orphan]) -> list[tuple[str, str, str]]:
    return [(one.service, one.state, one.fix) for one in found]


RETIRE = "release retire prices prod --reason TEXT"


def test_triggers_that_are_on_serve_and_a_stack_that_is_kept_is_quiet() -> None:
    world = without_it()
    assert states(left(world, STACK)) == [("prices", "serves", RETIRE)]
    (half,) = left(world, replace(STACK, attached=False))
    assert (half.state, half.what) == ("serves", "half retired: prices-api can still be called")
    retire(world)
    (kept,) = left(world, replace(STACK, attached=False))
    assert (kept.state, kept.fix, kept.is_quiet) == ("retired", f"{RETIRE} --delete-stack", True)


def test_a_stack_of_which_no_release_knows_is_ended_in_aws_itself() -> None:
    stray = TaggedStack("tries-prod", "ROLLBACK_COMPLETE", "tries", "prod", attached=False)
    ((service, state, fix),) = states(left(fleet().live("v1.0.0"), stray))
    assert (service, state) == ("tries", "stray")
    named = f"--stack-name tries-prod --region {EAST}"
    whose, delete = fix.split("; if nobody's, ")
    assert whose.endswith(f"aws cloudformation describe-stack-events {named}")
    assert delete == f"aws cloudformation delete-stack {named}"


@pytest.mark.parametrize(
    "stack",
    [
        replace(STACK, name="tries-prod", service=None, stage=None),  # somebody else's, by chance
        replace(STACK, name="tries-eu-prod", service="tries", stage="eu-prod"),
        replace(STACK, name="tries-uat", service="tries", stage="uat"),
    ],
)
def test_stacks_of_others_are_no_orphans(stack: TaggedStack) -> None:
    assert not left(without_it(), stack)


def test_only_stacks_of_services_that_nobody_has_are_looked_at() -> None:
    world = without_it()
    surroundings = FakeSurroundings()
    place = world.places[0]
    names = ["orders-prod", "stock-prod", "prices-prod", "prices-uat", "somebody"]
    surroundings.stacks = {(place, name): replace(STACK, name=name) for name in names}
    here = {one.service for one in looking(world).recorded}
    assert here and GONE not in here
    orphans_in(looking(world, surroundings, in_main=["stock", "orders"]), place)
    assert surroundings.asked == [(place, "prices-prod")]
    assert left(world, STACK, in_main=[GONE]) == ()  # it is on its way


def test_nothing_is_looked_for_before_the_first_release_and_while_one_moves() -> None:
    world = fleet()

    def found() -> Search | None:
        return search(world.functions, FakeSurroundings(), world.ledger, world.setup(), world.stage, ())

    assert found() is None
    world = fleet().live("v1.0.0")
    assert found() is not None
    with pytest.raises(Crash), world.failing(Fault(2, "before", Crash)):
        world.promote("v1.1.0")
    assert found() is None


def test_the_ledger_alone_tells_what_may_be_left_where_aws_is_not_asked() -> None:
    world = without_it()
    found, why = orphans_or_why(looking(world), [])
    assert why is None
    assert {(one.service, one.region, one.state) for one in found} == {
        (GONE, place.region, "unknown") for place in world.places
    }
    assert {one.what for one in found} == {"an earlier release had it; what is left of it was not asked"}
    retire(world)
    found, _ = orphans_or_why(looking(world), [])
    assert {one.what.split(" at ")[0] for one in found} == {"retired"}
    assert {one.fix for one in found} == {f"{RETIRE} --delete-stack"}
    removal, with_stacks = FakeRemoval(world), replace(AT_ONCE, data=("Queue",))
    removal.refuse[EAST] = Stranded("deleted in part", fix="mend it")
    with pytest.raises(Stranded):
        retire(world, removal=removal, asked=with_stacks)
    assert {one.fix for one in orphans_or_why(looking(world), [])[0]} == {f"{RETIRE} --delete-stack"}
    retire(world, removal=removal, asked=with_stacks)
    assert orphans_or_why(looking(world), []) == ([], None)


def test_what_could_not_be_retired_is_not_told_as_retired() -> None:
    world = without_it()
    with pytest.raises(Crash), world.failing(Fault(2, "before", Crash)):
        retire(world)
    found, _ = orphans_or_why(looking(world), [])
    assert {one.fix for one in found} == {RETIRE}


def test_a_region_that_says_no_is_told_by_the_ledger_and_with_its_reason() -> None:
    class Denied(FakeSurroundings):
        def stack_names(self, place: object) -> Sequence[str]:
            if getattr(place, "region", "") == WEST:
                raise Misconfigured("cloudformation:ListStacks is denied", fix="grant it")
            return super().stack_names(world.places[0])

    world = without_it()
    surroundings = Denied()
    surroundings.stacks[world.places[0], STACK.name] = STACK
    found, why = orphans_or_why(looking(world, surroundings), [place.region for place in world.places])
    assert why == "cloudformation:ListStacks is denied"
    assert {(one.region, one.state) for one in found} == {(EAST, "serves"), (WEST, "unknown")}
