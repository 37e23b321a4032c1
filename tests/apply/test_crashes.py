"""Killed at any write, before or after its effect: the same command, or another one, ends whole."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.fakes.world import EAST, WEST, Crash, Fault, World, fleet

Make = Callable[[], World]


def upgrade() -> World:
    """v1.0.0 serves; v1.1.0 is built, with another template."""
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", template="second")
    return world


def first() -> World:
    """Nothing is there yet."""
    world = fleet(regions=(EAST, WEST), prices=("api", "nightly"))
    world.build("v1.0.0")
    return world


def crashes(make: Make, act: Callable[[World], object]) -> Iterator[tuple[World, str]]:
    """A world for every write of `act`, in which it died before and after that write."""
    count = make().count_writes_of(act)
    for number in range(count):
        for when in ("before", "after"):
            world = make()
            fault = Fault(number, when, Crash)
            with world.failing(fault), pytest.raises(Crash):
                act(world)
            yield world, str(fault)
    print(f"{2 * count} points of {count} writes")


def whole(world: World) -> None:
    """One event after the other, one start for each outcome, nobody at work, triggers in one state."""
    assert world.head.running is None
    ends = [event.id for event in world.ledger.log if event.kind == "outcome"]
    assert len(ends) == len(set(ends))
    assert len(world.attached()) == 1


@pytest.mark.parametrize(("make", "tag"), [(upgrade, "v1.1.0"), (first, "v1.0.0")])
def test_the_same_command_after_a_crash_ends_all_new_with_one_outcome(make: Make, tag: str) -> None:
    points = 0
    for world, point in crashes(make, lambda world: world.promote(tag)):
        points += 1
        world.finish(tag)
        assert world.all_serve(tag), point
        assert world.outcomes(tag) == ["succeeded"], point
        assert world.ledger.tags.keys() >= {tag}, point
        assert world.attached() == {True}, point
        whole(world)
        assert world.finish(tag) is None, point
    assert points >= 25


@pytest.mark.parametrize(
    ("make", "tag"), [pytest.param(upgrade, "v1.1.0", marks=pytest.mark.prove), (first, "v1.0.0")]
)
def test_two_crashes_in_a_row_are_finished_too(make: Make, tag: str) -> None:
    for world, point in crashes(make, lambda world: world.promote(tag)):
        if world.head.running is None:
            continue
        with world.failing(Fault(2, "after", Crash)), suppress(Crash):
            world.finish(tag)
        world.finish(tag)
        assert world.all_serve(tag), point
        assert world.outcomes(tag) == ["succeeded"], point
        whole(world)


def fails_at_the_end(make: Make, tag: str) -> Make:
    """Everything goes well until the alias of the replica is asked."""

    def made() -> World:
        world = make()
        world.fails_smoke(tag, WEST, through="alias")
        return world

    return made


@pytest.mark.parametrize(("make", "tag", "old"), [(upgrade, "v1.1.0", "v1.0.0"), (first, "v1.0.0", None)])
def test_a_crash_on_the_way_or_on_the_way_back_of_a_bad_release_ends_all_old(
    make: Make, tag: str, old: str | None
) -> None:
    for world, point in crashes(fails_at_the_end(make, tag), lambda world: world.promote(tag)):
        if world.outcomes(tag) == []:
            applied = world.finish(tag)
            assert applied is not None
            assert applied.failure is not None, point
        assert world.all_serve(old), point
        assert world.outcomes(tag) == ["failed"], point
        whole(world)


@pytest.mark.parametrize(
    ("make", "tag", "old"),
    [(upgrade, "v1.1.0", "v1.0.0"), pytest.param(first, "v1.0.0", None, marks=pytest.mark.prove)],
)
def test_another_release_that_fails_after_a_crash_goes_back_to_before_the_dead_one(
    make: Make, tag: str, old: str | None
) -> None:
    for world, point in crashes(make, lambda world: world.promote(tag)):
        if world.outcomes(tag):
            continue
        dead = world.head.running
        world.said.clear()
        world.build("v1.2.0", template="third")
        world.fails_smoke("v1.2.0", WEST, through="alias")
        applied = world.promote("v1.2.0")
        assert applied.event.outcome == "failed", point
        assert world.all_serve(old), point
        started = next(event for event in world.ledger.log if event.release.tag == "v1.2.0")
        assert started.supersedes == ((dead.id,) if dead else ()), point
        whole(world)


@pytest.mark.parametrize(
    ("make", "tag"), [pytest.param(upgrade, "v1.1.0", marks=pytest.mark.prove), (first, "v1.0.0")]
)
def test_another_release_after_a_crash_ends_all_new(make: Make, tag: str) -> None:
    for world, point in crashes(make, lambda world: world.promote(tag)):
        world.promote("v1.2.0", template="third")
        assert world.all_serve("v1.2.0"), point
        assert world.outcomes("v1.2.0") == ["succeeded"], point
        whole(world)


@pytest.mark.prove
def test_a_chain_of_dead_promotions_goes_back_to_before_the_first() -> None:
    for world, point in crashes(upgrade, lambda world: world.promote("v1.1.0")):
        if world.head.running is None:
            continue
        world.build("v1.2.0")
        with world.failing(Fault(10, "after", Crash)), pytest.raises(Crash):
            world.promote("v1.2.0")
        world.said.clear()
        world.build("v1.3.0", template="second")
        world.fails_smoke("v1.3.0", WEST, through="alias")
        assert world.promote("v1.3.0").event.outcome == "failed", point
        assert world.all_serve("v1.0.0"), point
        whole(world)


def test_a_rollback_that_crashed_is_finished_by_the_same_command() -> None:
    def two() -> World:
        world = fleet().live("v1.0.0")
        world.promote("v1.1.0")
        world.said.clear()
        return world

    for world, point in crashes(two, lambda world: world.roll_back("v1.0.0")):
        if world.head.running is not None or world.head.serves.release.tag == "v1.1.0":  # type: ignore[union-attr]
            assert world.roll_back("v1.0.0").failure is None, point
        assert world.all_serve("v1.0.0"), point
        whole(world)


def test_an_abort_that_a_crash_left_unheard_is_heard_by_the_next_process() -> None:
    world = upgrade()
    with world.failing(Fault(14, "after", Crash)), pytest.raises(Crash):
        world.promote("v1.1.0")
    assert set(world.aliases.values()) == {"v1.0.0", "v1.1.0"}
    world.abort("wrong week")
    applied = world.finish("v1.1.0")
    assert applied is not None
    assert applied.event.outcome == "aborted"
    assert world.all_serve("v1.0.0")
    whole(world)
