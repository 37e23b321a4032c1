"""Which migrations and verifications are in a plan, and in which order."""

from dataclasses import replace

import pytest

from release.core.actions import Migrate, Verify, describe
from release.core.hooks import irreversible, unapproved, verifications
from release.core.manifest import FunctionSettings, Target
from release.core.models import Migration, Verification
from release.core.plan import Phase, Step
from release.core.rollout import rollout_steps
from release.core.snapshot import Observed
from tests.core.test_plan import API, EAST, NEW, WEST, Copy, settings, target, world

COMMAND = Migration(command=("alembic", "upgrade", "head"), timeout=600)
FUNCTION = Migration(function="migrate")
MIGRATE = "prices-migrate"


def wanting(migration: Migration | None = COMMAND, *, freezes: bool = False) -> Target:
    functions = (FunctionSettings("api", API, "a.b"), FunctionSettings("migrate", MIGRATE, "a.c"))
    said = replace(settings(), functions=functions, migration=migration, freezes=freezes)
    return replace(target(), settings=said)


def migrations(wanted: Target, observed: Observed) -> list[Migrate]:
    steps = rollout_steps([wanted], observed, alias="live")[0]
    return [step.action for step in steps if isinstance(step.action, Migrate)]


def test_a_migration_stands_between_the_last_preparation_and_the_first_move() -> None:
    steps = rollout_steps([wanting()], world(Copy(), Copy(place=WEST)), alias="live")[0]
    assert [step.phase for step in steps] == [
        *[Phase.PREPARE] * 2,
        Phase.MIGRATE,
        *[Phase.SHIFT] * 2,
    ]


@pytest.mark.parametrize(("everywhere", "places"), [(False, [EAST]), (True, [EAST, WEST])])
def test_it_runs_in_the_first_place_or_in_all(everywhere: bool, places: list[object]) -> None:
    found = migrations(wanting(replace(COMMAND, everywhere=everywhere)), world(Copy(), Copy(place=WEST)))
    assert [one.place for one in found] == places
    assert {(one.function, one.command, one.timeout) for one in found} == {(None, COMMAND.command, 600)}


def test_where_the_first_place_serves_the_release_it_ran_long_ago() -> None:
    observed = world(Copy(code=NEW), Copy(place=WEST))
    assert migrations(wanting(), observed) == []
    assert [one.place for one in migrations(wanting(replace(COMMAND, everywhere=True)), observed)] == [WEST]


def test_nothing_runs_for_a_service_that_stays_as_it_is() -> None:
    assert migrations(wanting(), world(Copy(code=NEW), Copy(place=WEST, code=NEW))) == []
    assert migrations(wanting(None), world(Copy())) == []


def test_a_function_is_asked_by_its_prepared_version_or_by_the_one_that_serves_already() -> None:
    changing = world(Copy(), Copy(name=MIGRATE))
    assert [(one.function, one.lambda_version) for one in migrations(wanting(FUNCTION), changing)] == [
        (MIGRATE, None)
    ]
    serving = world(Copy(), Copy(name=MIGRATE, code=NEW))
    assert [one.lambda_version for one in migrations(wanting(FUNCTION), serving)] == ["1"]
    first = world(Copy(), Copy(name=MIGRATE, alias=False))
    assert [one.lambda_version for one in migrations(wanting(FUNCTION), first)] == [None]


def test_it_runs_for_code_that_serves_already_when_the_settings_are_new() -> None:
    observed = world(Copy(code=NEW), Copy(name=MIGRATE, code=NEW))
    steps = rollout_steps([wanting(FUNCTION)], observed, alias="live", renewed={"prices"})[0]
    (only,) = [step.action for step in steps]
    assert isinstance(only, Migrate) and only.lambda_version == "1"


def test_a_function_is_waited_for_as_long_as_it_may_run() -> None:
    slow = replace(wanting(FUNCTION).settings, values={"timeout": 900})
    (found,) = migrations(replace(wanting(), settings=slow), world(Copy()))
    assert found.timeout == 900
    (program,) = migrations(replace(wanting(), settings=replace(slow, migration=COMMAND)), world(Copy()))
    assert program.timeout == 600


def test_a_destructive_one_is_closed_once_for_each_service_until_somebody_says_why() -> None:
    wanted = wanting(replace(COMMAND, destructive=True, everywhere=True))
    steps = rollout_steps([wanted], world(Copy(), Copy(place=WEST)), alias="live")[0]
    (blocker,) = unapproved(steps, None)
    assert (blocker.code, "of prices is destructive" in blocker.message) == ("destructive-migration", True)
    assert unapproved(steps, "nobody reads that column") == ()
    harmless = rollout_steps([wanting()], world(Copy()), alias="live")[0]
    assert unapproved(harmless, None) == ()


@pytest.mark.parametrize(
    ("freezes", "code", "says"), [(True, "a" * 64, 1), (True, NEW, 0), (False, "a" * 64, 0)]
)
def test_a_plan_warns_of_what_will_not_go_back(freezes: bool, code: str, says: int) -> None:
    wanted = wanting(freezes=freezes)
    changes = rollout_steps([wanted], world(Copy(code=code)), alias="live")[1]
    assert len(irreversible({"prices": wanted.settings}, changes)) == says


def test_verifications_come_last_and_in_their_order() -> None:
    verify = (Verification(("pytest", "tests/e2e"), 60), Verification(("smoke",)))
    steps = verifications(verify, (EAST, WEST))
    assert steps == (
        Step(Phase.VERIFY, Verify(EAST, ("pytest", "tests/e2e"), 60)),
        Step(Phase.VERIFY, Verify(EAST, ("smoke",), 1800)),
    )
    assert describe(steps[0].action) == {
        "action": "verify",
        "command": ["pytest", "tests/e2e"],
        "timeout": 60,
    }
    assert list(Phase)[-1] is Phase.VERIFY
