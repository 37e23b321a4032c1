"""What runs before and after traffic moves, and what stays where it is when it fails."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from release.core.models import Gradual, Migration
from release.core.records import moment
from release.core.snapshot import AliasFacts
from release.errors import Conflict, Misconfigured, RolloutFailed, Unavailable
from release.ports import Ended, Program
from tests.fakes.aws import Call
from tests.fakes.hooked import Asked, HookedWorld
from tests.fakes.world import ALIAS, EAST, SOURCE, WEST, Crash, Fault

FUNCTION = Migration(function="migrate", payload={"up": "head"}, timeout=300)
COMMAND = Migration(command=("alembic", "upgrade", "head"), timeout=600)


def migrating(migration: Migration = FUNCTION, service: str = "prices", **more: object) -> HookedWorld:
    """Serves v1.0.0, which had none; what is built from now on has this migration."""
    world = HookedWorld(**more)  # type: ignore[arg-type]
    world.live("v1.0.0")
    world.migrations[service] = migration
    return world


def moves(world: HookedWorld) -> list[Call]:
    return [call for call in world.writes if call.operation in ("update_alias", "create_alias")]


# -- migrations ---------------------------------------------------------------------------------------------


def test_a_migration_runs_when_all_is_proven_everywhere_and_before_any_alias_moves() -> None:
    world = migrating()
    world.build("v1.1.0")
    seen: list[str] = []

    def note(call: Call) -> None:
        if call.operation in ("publish", "update_alias"):
            seen.append(call.operation)
        elif len(world.migrated) == 1 and "migrated" not in seen:
            seen.append("migrated")

    with world.hooked(before=note, after=note):
        assert world.promote("v1.1.0").failure is None
    in_order = [what for at, what in enumerate(seen) if what not in seen[:at]]
    assert in_order == ["publish", "migrated", "update_alias"]
    last = len(seen) - 1 - seen[::-1].index("publish")
    assert last < seen.index("migrated") < seen.index("update_alias")


def test_the_new_version_is_asked_by_its_number_and_in_the_primary_region_alone() -> None:
    world = migrating()
    applied = world.promote("v1.1.0")
    assert world.migrated == [Asked(EAST, "prices-migrate", "2")]
    (note,) = world.notes(applied)
    assert note == "migration of prices in us-east-1: function prices-migrate, 0.0 s"


def test_with_regions_all_it_runs_in_each_one_after_the_other() -> None:
    world = migrating(replace(FUNCTION, everywhere=True))
    world.promote("v1.1.0")
    assert [asked.region for asked in world.migrated] == [EAST, WEST]


def test_it_runs_on_the_first_rollout() -> None:
    world = HookedWorld()
    world.migrations["prices"] = FUNCTION
    assert world.promote("v1.0.0").failure is None
    assert world.migrated == [Asked(EAST, "prices-migrate", "1")]


def test_it_does_not_run_when_the_service_does_not_change() -> None:
    world = HookedWorld()
    world.migrations["prices"] = FUNCTION
    world.live("v1.0.0")
    world.migrated.clear()
    assert world.promote("v1.1.0", only="configs").failure is None
    assert world.migrated == []


def test_where_only_the_other_function_changes_the_version_that_serves_is_asked() -> None:
    world = migrating()
    world.functions.change_function(world.places[0], "prices-api", configuration="second")
    world.build("v1.1.0", only="configs")
    assert world.promote("v1.1.0").failure is None
    assert world.migrated == [Asked(EAST, "prices-migrate", "1")]


def test_another_migration_for_the_same_code_runs_too() -> None:
    world = migrating()
    world.promote("v1.1.0")
    world.migrations["prices"] = replace(FUNCTION, timeout=301)
    world.migrated.clear()
    release = world.build("v1.1.0")
    world.releases["v1.2.0"] = replace(release, tag="v1.2.0", commit="2" * 40)
    assert world.promote("v1.2.0").failure is None
    assert world.migrated == [Asked(EAST, "prices-migrate", "2")]
    world.releases["v1.3.0"] = replace(release, tag="v1.3.0", commit="3" * 40)
    assert world.promote("v1.3.0").failure is None
    assert len(world.migrated) == 1


def test_credentials_that_could_end_before_it_are_left_for_others() -> None:
    world = migrating(COMMAND)
    world.build("v1.1.0")
    world.functions.expires = world.clock.now() + timedelta(minutes=14)
    applied = world.promote("v1.1.0")
    assert applied.paused is not None
    assert "the migration of prices may take 0:10:00, and these credentials end" in applied.paused.why
    assert world.programs.asked == [] and world.all_serve("v1.0.0")
    world.functions.expires = None
    world.advance()
    assert world.programs.commands == ["alembic upgrade head"] and world.all_serve("v1.1.0")


def test_a_rollback_runs_none() -> None:
    world = migrating().verified_by("pytest tests/e2e")
    world.promote("v1.1.0")
    world.migrated.clear()
    world.programs.asked.clear()
    assert world.roll_back().failure is None
    assert world.migrated == [] and world.programs.asked == []


@pytest.mark.parametrize(
    "answer",
    [b'{"statusCode": 500}', b'{"statusCode": "what"}', b"no json"],
    ids=["500", "no number", "text"],
)
def test_a_migration_that_says_no_stops_the_line_with_nothing_moved(answer: bytes) -> None:
    world = migrating()
    world.build("v1.1.0")
    world.answers = [answer]
    with world.hooked():
        applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, RolloutFailed)
    assert "the migration of prices (prices-migrate:2 in us-east-1) failed" in applied.failure.cause
    assert moves(world) == [] and world.all_serve("v1.0.0")
    assert world.outcomes("v1.1.0") == ["failed"]
    assert world.head.quarantine_of(world.releases["v1.1.0"].commit) is not None
    assert world.notes(applied) == (
        "migration of prices in us-east-1: function prices-migrate, failed after 0.0 s",
    )


def test_after_the_first_that_fails_no_other_migration_runs() -> None:
    world = migrating(COMMAND, "configs")
    world.migrations["prices"] = FUNCTION
    world.programs.act = lambda program: Ended(3, ())
    applied = world.promote("v1.1.0")
    assert applied.failure is not None
    assert applied.failure.cause == "the migration of configs in us-east-1 failed: exit code 3"
    assert world.migrated == []


def test_a_lost_answer_is_asked_for_once_more_and_that_is_said() -> None:
    world = migrating()
    world.answers = [Unavailable("the connection was reset", fix="try again")]
    applied = world.promote("v1.1.0")
    assert applied.failure is None
    assert len(world.migrated) == 2
    assert (
        world.notes(applied)[0] == "migration of prices: no answer, asked once more: the connection was reset"
    )
    assert any("asked once more" in str(fields.get("detail")) for _, fields in world.said)


def test_a_migration_that_never_answers_says_nothing_against_the_release() -> None:
    world = migrating()
    world.answers = [Unavailable("timed out", fix="wait")] * 2
    applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, Unavailable)
    assert world.outcomes("v1.1.0") == ["errored"]
    assert world.head.quarantined == () and world.all_serve("v1.0.0")


def test_a_command_sees_its_service_and_the_common_code_of_the_commit_and_who_it_runs_for() -> None:
    world = migrating(COMMAND)
    world.promote("v1.1.0")
    (asked,) = world.programs.asked
    assert asked == Program(
        command=("alembic", "upgrade", "head"),
        commit=world.releases["v1.1.0"].commit,
        under=("services/prices", "services/common"),
        folder="services/prices",
        environment={
            "RELEASE_STAGE": "prod",
            "RELEASE_PIPELINE": "fleet",
            "RELEASE_COMMIT": world.releases["v1.1.0"].commit,
            "RELEASE_TAG": "v1.1.0",
            "RELEASE_SERVICE": "prices",
            "RELEASE_REGIONS": EAST,
        },
        files={},
        place=world.places[0],
        seconds=600,
    )


def test_what_a_failing_command_says_is_for_the_screen_and_not_for_the_record() -> None:
    world = migrating(COMMAND)
    world.programs.act = lambda program: Ended(1, ("relation patients does not exist",))
    applied = world.promote("v1.1.0")
    assert applied.failure is not None
    assert applied.failure.details == ("relation patients does not exist",)
    assert ("output", {"name": "prices", "line": "relation patients does not exist"}) in world.said
    assert all(b"patients" not in event.to_bytes() for event in world.ledger.log)


def test_a_command_whose_time_was_up_says_nothing_against_the_release() -> None:
    world = migrating(COMMAND)
    world.programs.act = lambda program: Ended(None, ("step 3 of 9",))
    applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, Unavailable)
    assert "did not end in 0:10:00 and was stopped" in applied.failure.cause
    assert world.outcomes("v1.1.0") == ["errored"]


def test_an_abort_is_heard_while_a_command_runs() -> None:
    world = migrating(COMMAND)
    world.programs.act = lambda program: world.abort("wrong release") or Ended(0, ())  # type: ignore[func-returns-value]
    applied = world.promote("v1.1.0")
    assert world.outcomes("v1.1.0") == ["aborted"]
    assert applied.failure is not None and world.all_serve("v1.0.0")


def test_whoever_loses_the_stage_while_a_command_runs_neither_goes_on_nor_back() -> None:
    world = migrating(COMMAND)
    world.programs.act = lambda program: world.somebody_takes_over() or Ended(0, ())  # type: ignore[func-returns-value]
    with pytest.raises(Conflict, match="took over"):
        world.promote("v1.1.0")
    assert world.outcomes("v1.1.0") == []


def test_after_a_crash_in_the_migration_it_runs_once_more() -> None:
    world = migrating(COMMAND)
    world.build("v1.1.0")

    def dies(program: Program) -> Ended:
        raise Crash

    world.programs.act = dies
    with pytest.raises(Crash):
        world.promote("v1.1.0")
    world.programs.act = lambda program: Ended(0, ())
    applied = world.finish("v1.1.0")
    assert applied is not None and applied.failure is None
    assert world.programs.commands == ["alembic upgrade head"] * 2
    assert world.all_serve("v1.1.0")


CANARY = Gradual("canary", (10, 100), timedelta(hours=2), 100, 0.01, (), SOURCE)


def test_a_bake_that_goes_on_later_does_not_run_it_again() -> None:
    world = migrating(rollouts={EAST: CANARY})
    assert world.promote("v1.1.0").paused is not None
    assert len(world.migrated) == 1
    world.clock.sleep(2 * 3600)
    world.abort("enough seen")
    world.advance()
    assert len(world.migrated) == 1
    assert world.all_serve("v1.0.0")


def test_who_waits_for_hooks_is_not_called_dead_before_they_must_have_ended() -> None:
    world = migrating(replace(COMMAND, timeout=3600)).verified_by("pytest")
    world.promote("v1.1.0")
    started = next(event for event in world.ledger.log if event.release and event.release.tag == "v1.1.0")
    assert moment(started.next_by or "") - moment(started.at) > timedelta(hours=1.5)


# -- destructive ones ---------------------------------------------------------------------------------------


def test_a_destructive_migration_is_closed_until_somebody_says_why() -> None:
    world = migrating(replace(FUNCTION, destructive=True))
    world.build("v1.1.0")
    (blocker,) = world.draft("v1.1.0").plan.blockers
    assert blocker.code == "destructive-migration"
    assert "the migration of prices is destructive" in blocker.message
    assert "--approve-destructive" in blocker.fix
    world.approved = "the column is empty since May"
    applied = world.promote("v1.1.0")
    assert applied.failure is None
    assert "(destructive, approved: the column is empty since May)" in world.notes(applied)[0]
    started = [event for event in world.ledger.log if event.kind == "started"]
    assert [event.approved for event in started] == [None, "the column is empty since May"]


def test_what_was_approved_is_finished_without_asking_again() -> None:
    world = migrating(replace(FUNCTION, destructive=True))
    world.build("v1.1.0")
    world.approved = "the column is empty since May"
    with world.failing(Fault(3, "after", Crash)), pytest.raises(Crash):
        world.promote("v1.1.0")
    world.approved = None
    applied = world.finish("v1.1.0")
    assert applied is not None and applied.failure is None
    assert "approved: the column is empty since May" in world.notes(applied)[0]


# -- verify -------------------------------------------------------------------------------------------------


def test_commands_look_at_the_stage_after_the_last_alias_and_before_the_success_is_recorded() -> None:
    world = HookedWorld().verified_by("pytest tests/e2e", "scripts/smoke")
    served: list[bool] = []
    world.programs.act = lambda program: (served.append(world.all_serve("v1.0.0")), Ended(0, ()))[1]
    applied = world.promote("v1.0.0")
    assert applied.failure is None
    assert world.programs.commands == ["pytest tests/e2e", "scripts/smoke"]
    assert served == [True, True]
    assert world.notes(applied) == ("verify: pytest tests/e2e, 0.0 s", "verify: scripts/smoke, 0.0 s")
    asked = world.programs.asked[0]
    assert (asked.under, asked.folder, asked.place) == ((), "", world.places[0])
    assert asked.environment["RELEASE_REGIONS"] == "us-east-1,us-west-2"
    assert b'"prices": {' in asked.files["RELEASE_OUTPUTS"]


def test_a_command_that_says_no_takes_everything_back_and_quarantines_the_release() -> None:
    world = HookedWorld().live("v1.0.0")
    assert isinstance(world, HookedWorld)
    world.verified_by("pytest tests/e2e", "never asked")
    world.programs.act = lambda program: Ended(1, ("FAILED test_prices",))
    applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, RolloutFailed)
    assert applied.failure.cause == "verify of prod: pytest tests/e2e failed: exit code 1"
    assert applied.failure.details == ("FAILED test_prices",)
    assert world.all_serve("v1.0.0") and world.outcomes("v1.1.0") == ["failed"]
    assert world.head.quarantine_of(world.releases["v1.1.0"].commit) is not None
    assert world.programs.commands == ["pytest tests/e2e"]


def test_a_command_that_cannot_be_started_says_nothing_against_the_release() -> None:
    world = HookedWorld().live("v1.0.0")
    assert isinstance(world, HookedWorld)
    world.verified_by("pytest")

    def missing(program: Program) -> Ended:
        raise Misconfigured("pytest cannot be started: No such file or directory", fix="install it")

    world.programs.act = missing
    assert world.promote("v1.1.0").failure is not None
    assert world.all_serve("v1.0.0") and world.outcomes("v1.1.0") == ["errored"]


@pytest.mark.parametrize("region", [EAST, WEST])
def test_an_alias_that_somebody_moves_while_a_command_runs_is_noticed(region: str) -> None:
    world = HookedWorld().live("v1.0.0")
    assert isinstance(world, HookedWorld)
    world.verified_by("pytest")
    place = next(place for place in world.places if place.region == region)

    def meanwhile(program: Program) -> Ended:
        world.functions.change_alias(place, "prices-api", ALIAS, lambda_version="1")
        return Ended(0, ())

    world.programs.act = meanwhile
    applied = world.promote("v1.1.0")
    assert applied.failure is not None
    assert f"somebody else moved {ALIAS} of prices-api in {region}" in applied.failure.cause


def test_what_serves_already_is_not_looked_at_again() -> None:
    world = HookedWorld().verified_by("pytest").live("v1.0.0")
    assert isinstance(world, HookedWorld)
    assert world.finish("v1.0.0") is None
    assert world.programs.commands == ["pytest"]


def test_a_new_tag_on_what_serves_already_is_looked_at() -> None:
    world = HookedWorld().verified_by("pytest").live("v1.0.0")
    assert isinstance(world, HookedWorld)
    world.releases["v1.0.1"] = replace(world.releases["v1.0.0"], tag="v1.0.1")
    assert world.promote("v1.0.1").failure is None
    assert world.programs.commands == ["pytest", "pytest"]


# -- no_auto_rollback: freeze -------------------------------------------------------------------------------


def frozen(**more: object) -> HookedWorld:
    world = migrating(**more)  # type: ignore[arg-type]
    world.frozen.add("prices")
    world.verified_by("pytest")
    world.programs.act = lambda program: Ended(1, ("no",))
    return world


def test_a_frozen_service_stays_where_it_is_and_the_others_go_back() -> None:
    world = frozen()
    applied = world.promote("v1.1.0")
    assert applied.failure is not None
    assert world.outcomes("v1.1.0") == ["stranded"]
    serves = {(region, name): tag for (region, name), tag in world.aliases.items()}
    assert {tag for (_, name), tag in serves.items() if name.startswith("prices")} == {"v1.1.0"}
    assert {tag for (_, name), tag in serves.items() if name.startswith("configs")} == {"v1.0.0"}
    assert len(applied.event.report) == 4
    assert applied.event.report[0].startswith(
        "prices-api in us-east-1: live stays at version 2 (before: version 1), because prices has"
        " no_auto_rollback: freeze: go back with `release rollback prod --reason TEXT`, or mend it,"
    )


def test_the_stage_is_held_until_a_person_has_decided() -> None:
    world = frozen()
    world.promote("v1.1.0")
    assert world.head.stranded is not None
    assert world.head.held is not None
    assert "not all goes back by itself" in world.head.held.why


def test_a_rollback_is_such_a_decision() -> None:
    world = frozen()
    world.promote("v1.1.0")
    applied = world.roll_back()
    assert applied.failure is None
    assert world.all_serve("v1.0.0") and world.head.stranded is None


def test_without_a_moved_alias_nothing_is_left_to_decide() -> None:
    world = frozen()
    world.answers = [b'{"statusCode": 500}']
    world.promote("v1.1.0")
    assert world.outcomes("v1.1.0") == ["failed"]
    assert world.head.held is None and world.all_serve("v1.0.0")


def test_a_plan_says_what_will_not_be_rolled_back() -> None:
    world = frozen()
    world.build("v1.1.0")
    warning = "prices will not be rolled back automatically: after a failure its aliases stay where they are"
    assert warning in world.draft("v1.1.0").plan.warnings
    world.build("v1.2.0", only="configs")
    assert warning not in world.draft("v1.2.0").plan.warnings


def test_a_frozen_canary_stays_half_way_and_the_next_release_goes_on_from_there() -> None:
    world = frozen(rollouts={EAST: CANARY})
    assert world.promote("v1.1.0").paused is not None
    world.abort("it loses orders")
    world.advance()
    assert world.outcomes("v1.1.0") == ["stranded"]
    assert world.aliases[EAST, "prices-api"] == "v1.0.0 and {'2': 0.1}"
    assert world.aliases[EAST, "configs-api"] == "v1.0.0"
    assert world.aliases[WEST, "prices-api"] == "v1.0.0"
    world.build("v1.2.0")
    assert world.draft("v1.2.0").plan.blockers == ()


def test_the_dead_holder_of_a_frozen_service_leaves_it_where_it_is_too() -> None:
    """Whoever takes over has not run the migration; that it ran is what the moved alias says."""
    world = frozen()
    world.build("v1.1.0")

    def dies(program: Program) -> Ended:
        raise Crash

    world.programs.act = dies
    with pytest.raises(Crash):
        world.promote("v1.1.0")
    world.fails_smoke("v1.1.0")
    world.finish("v1.1.0")
    assert world.outcomes("v1.1.0") == ["stranded"]
    assert world.aliases[WEST, "prices-api"] == "v1.1.0"
    assert world.aliases[WEST, "configs-api"] == "v1.0.0"


# -- killed anywhere ----------------------------------------------------------------------------------------


def writes_of(make: Callable[[], HookedWorld]) -> int:
    world = make()
    world.build("v1.1.0")
    return world.count_writes_of(lambda world: world.promote("v1.1.0"))


def killed(make: Callable[[], HookedWorld], fault: Fault) -> HookedWorld:
    """A world in which a promotion was killed there, and the same command was run again."""
    world = make()
    world.build("v1.1.0")
    with world.failing(fault), pytest.raises(Crash):
        world.promote("v1.1.0")
    if not world.outcomes("v1.1.0"):
        world.finish("v1.1.0")
    return world


def every_kill(make: Callable[[], HookedWorld]) -> Iterator[tuple[Fault, HookedWorld]]:
    for number in range(writes_of(make)):
        for when in ("before", "after"):
            fault = Fault(number, when, Crash)
            yield fault, killed(make, fault)


def test_wherever_it_is_killed_no_alias_ever_moves_before_the_migration_has_run() -> None:
    def make() -> HookedWorld:
        world = migrating().verified_by("pytest")
        real = world.functions.update_alias

        def guarded(*arguments: Any, **named: Any) -> AliasFacts:
            assert world.migrated, "an alias moves, and nothing has migrated"
            return real(*arguments, **named)

        world.functions.update_alias = guarded  # type: ignore[method-assign]
        return world

    kills = 0
    for fault, world in every_kill(make):
        kills += 1
        assert world.all_serve("v1.1.0"), fault
        assert world.outcomes("v1.1.0") == ["succeeded"], fault
        assert 1 <= len(world.migrated) <= 2, fault
        assert world.programs.commands, fault
    assert kills == 2 * (2 + 6 * 3)


def test_wherever_it_is_killed_what_stays_frozen_is_reported_and_all_else_is_back() -> None:
    for fault, world in every_kill(frozen):
        (outcome,) = [event for event in world.ledger.log if event.outcome and "v1.1.0" in event.label]
        stays = {where for where, tag in world.aliases.items() if tag != "v1.0.0"}
        assert outcome.outcome == "stranded", fault
        assert all(name.startswith("prices") for _, name in stays), fault
        named = {
            (region, name)
            for region, name in world.aliases
            for line in outcome.report
            if line.startswith(f"{name} in {region}: ")
        }
        assert named == stays, fault
        assert world.head.held is not None, fault
