"""From facts to steps: what is to do, what stands in the way, and nothing more."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from release.core import canonical
from release.core.actions import Action, ApplyStack, CreateAlias, PrepareVersion, ShiftAlias, describe
from release.core.blockers import Blocker
from release.core.manifest import (
    FunctionSettings,
    Manifest,
    ServiceEntry,
    StageDocuments,
    StageSettings,
    Target,
    targets,
)
from release.core.models import Place
from release.core.plan import Change, Phase, Plan, Step
from release.core.records import ReleaseRef, Served
from release.core.rollback import rollback_steps
from release.core.rollout import rollout_steps
from release.core.snapshot import (
    AliasFacts,
    FunctionFacts,
    Observed,
    ObservedFunction,
    ObservedStack,
    StackFacts,
    served,
)

EAST, WEST = Place("444444444444", "us-east-1"), Place("444444444444", "us-west-2")
OLD, NEW = "a" * 64, "b" * 64
TEMPLATE = "c" * 64
API = "prices-api"


def settings(*names: str) -> StageSettings:
    return StageSettings(
        service="prices",
        stage="prod",
        stack="prices-prod",
        functions=tuple(FunctionSettings(name, name, "app.handler") for name in names),
        values={},
        smoke_payload={},
        smoke_timeout=10,
        smoke_critical=(),
        smoke_expect={},
    )


def target(artifact: str = NEW, template: str = TEMPLATE) -> Target:
    return Target("prices", artifact, template, "d" * 64, settings(API))


def facts(version: str, code: str, configuration: str = "memory 128", **more: Any) -> FunctionFacts:
    known: dict[str, Any] = {
        "name": API,
        "lambda_version": version,
        "code": code,
        "configuration": configuration,
        "revision": f"revision of {version}",
        "state": "Active",
        "state_reason": "",
        "last_update": "Successful",
        "last_update_reason": "",
        "timeout": 3,
        "reserved_concurrency": None,
    }
    return FunctionFacts(**(known | more))


@dataclass(frozen=True)
class Copy:
    """One function in one place, serving version 1 of the old code unless said otherwise."""

    place: Place = EAST
    name: str = API
    there: bool = True
    alias: bool = True
    code: str = OLD
    configuration: str = "memory 128"  # of the version that serves
    latest: str = "memory 128"  # configuration of $LATEST
    weights: tuple[tuple[str, float], ...] = ()
    concurrency: int | None = None

    @property
    def observed(self) -> ObservedFunction:
        if not self.there:
            return ObservedFunction("prices", self.place, self.name, None, None, None)
        latest = facts("$LATEST", OLD, self.latest, reserved_concurrency=self.concurrency)
        if not self.alias:
            return ObservedFunction("prices", self.place, self.name, latest, None, None)
        alias = AliasFacts("live", "1", dict(self.weights), "alias revision", "")
        live = facts("1", self.code, self.configuration)
        return ObservedFunction("prices", self.place, self.name, latest, alias, live)


def world(
    *copies: Copy,
    status: str | None = "UPDATE_COMPLETE",
    template: str = TEMPLATE,
    attached: bool = True,
    artifacts: bool = True,
) -> Observed:
    """`status` None: there is no stack."""
    places = list(dict.fromkeys(copy.place for copy in copies))
    stack = status and StackFacts(
        "prices-prod", status, "the reason", template, {"AliasExists": "true" if attached else "false"}, {}
    )
    return Observed(
        functions=tuple(copy.observed for copy in copies),
        stacks=tuple(ObservedStack("prices", place, "prices-prod", stack or None) for place in places),
        artifacts={(digest, place.region): artifacts for digest in (OLD, NEW) for place in places},
    )


def rollout(observed: Observed, wanted: Target | None = None, **more: Any) -> tuple[Step, ...]:
    return rollout_steps([wanted or target()], observed, alias="live", **more)[0]


def short(steps: tuple[Step, ...]) -> list[str]:
    """Steps in one word each."""

    def word(action: Action) -> str:
        match action:
            case ApplyStack():
                verb = "create" if action.create else "update"
                return f"{verb} {'attached' if action.alias_exists else 'detached'}"
            case PrepareVersion():
                return "prepare" if action.lambda_version is None else f"prepare {action.lambda_version}"
            case CreateAlias():
                return "create alias"
            case ShiftAlias():
                to = f" to {action.to}" if action.to else ""
                share = f", {action.percent} %" if action.percent < 100 else ""
                return f"shift from {action.before}{to}{share}"

    return [f"{step.phase.value}: {word(step.action)}" for step in steps]


SHIFT = ["prepare: prepare", "shift: shift from 1"]
FIRST = ["prepare: prepare", "shift: create alias", "attach: update attached"]


def test_there_is_nothing_to_do_where_everything_serves_as_wanted() -> None:
    observed = world(Copy(code=NEW), Copy(place=WEST, code=NEW))
    steps, changes, blockers = rollout_steps([target()], observed, alias="live")
    assert steps == blockers == ()
    assert [change.changes for change in changes] == [False, False]


def test_new_code_alone_is_prepared_and_shifted() -> None:
    assert short(rollout(world(Copy()))) == SHIFT


def test_a_new_template_expands_the_stack_and_makes_a_new_version_of_the_same_code() -> None:
    observed = world(Copy(code=NEW), template="e" * 64)
    assert short(rollout(observed)) == ["expand: update attached", *SHIFT]


def test_a_version_frozen_with_an_older_configuration_is_replaced() -> None:
    assert short(rollout(world(Copy(code=NEW, configuration="memory 64")))) == SHIFT


def test_a_first_deploy_creates_the_stack_detached_and_attaches_it_last() -> None:
    observed = world(Copy(there=False), status=None)
    assert short(rollout(observed)) == ["expand: create detached", *FIRST]


def test_a_first_deploy_says_that_nothing_serves_now() -> None:
    _, changes, _ = rollout_steps([target()], world(Copy(there=False), status=None), alias="live")
    assert changes == (Change(Served("prices", API, EAST.account, EAST.region, None, None), NEW, True),)


def test_a_crash_after_the_stack_was_created_leaves_versions_aliases_and_triggers_to_do() -> None:
    observed = world(Copy(alias=False), status="CREATE_COMPLETE", attached=False)
    assert short(rollout(observed)) == FIRST


def test_a_crash_between_alias_and_triggers_leaves_only_the_triggers() -> None:
    observed = world(Copy(code=NEW), attached=False)
    assert short(rollout(observed)) == ["attach: update attached"]


@pytest.mark.parametrize(
    "status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"]
)
def test_a_stack_that_is_under_way_is_waited_for_by_updating_it(status: str) -> None:
    observed = world(Copy(there=False), status=status, attached=False)
    assert short(rollout(observed)) == ["expand: update detached", *FIRST]


@pytest.mark.parametrize(
    "status",
    ["REVIEW_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_COMPLETE"],
)
def test_a_stack_that_never_came_to_be_is_created_again(status: str) -> None:
    steps, _, blockers = rollout_steps(
        [target()], world(Copy(there=False), status=status, attached=False), alias="live"
    )
    assert short(steps) == ["expand: create detached", *FIRST]
    assert blockers == ()


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"]
)
def test_a_stack_that_stands_with_the_template_is_left_alone(status: str) -> None:
    assert rollout(world(Copy(code=NEW), status=status)) == ()


def test_weights_that_were_left_over_are_moved_away() -> None:
    assert short(rollout(world(Copy(code=NEW, weights=(("2", 0.1),))))) == SHIFT


def test_an_alias_that_a_dead_holder_moved_is_proven_and_confirmed_once_more() -> None:
    observed = world(Copy(code=NEW), Copy(place=WEST, code=NEW))
    again = frozenset({(EAST.account, EAST.region, API)})
    steps = rollout(observed, again=again)
    assert short(steps) == SHIFT
    assert {step.action.place for step in steps} == {EAST}


def test_phases_come_in_order_over_all_places() -> None:
    observed = world(Copy(there=False), Copy(place=WEST, there=False), status=None)
    assert short(rollout(observed)) == [
        *["expand: create detached"] * 2,
        *["prepare: prepare"] * 2,
        *["shift: create alias"] * 2,
        *["attach: update attached"] * 2,
    ]


def test_only_the_services_of_the_release_are_touched() -> None:
    observed = world(Copy())
    other = replace(target(), service="configs")
    assert rollout(observed, other) == ()


def test_a_change_in_one_region_changes_nothing_in_the_other() -> None:
    observed = world(Copy(code=NEW), Copy(place=WEST))
    steps, changes, _ = rollout_steps([target()], observed, alias="live")
    assert {step.action.place for step in steps} == {WEST}
    assert [change.changes for change in changes] == [False, True]


def test_one_function_of_two_that_differs_is_the_only_one_touched() -> None:
    observed = world(Copy(code=NEW), Copy(name="prices-nightly"))
    steps = rollout(observed)
    assert [step.action.function for step in steps] == ["prices-nightly"] * 2  # type: ignore[union-attr]


def test_a_stack_with_triggers_keeps_them_when_its_template_changes_and_an_alias_is_missing() -> None:
    observed = world(Copy(alias=False), template="other")
    assert short(rollout(observed))[0] == "expand: update attached"


def test_a_new_function_in_a_stack_with_triggers_is_refused_not_detached() -> None:
    observed = world(Copy(), Copy(name="prices-nightly", there=False), template="other")
    blockers = rollout_steps([target()], observed, alias="live")[2]
    assert [blocker.code for blocker in blockers] == ["new-function"]


def test_a_version_that_a_dead_rollback_has_moved_to_is_confirmed_once_more() -> None:
    observed = world(Copy())
    recorded = [Served("prices", API, EAST.account, EAST.region, "1", OLD)]
    where = recorded[0].where
    assert rollback_steps([target()], recorded, observed, alias="live")[0] == ()
    again = rollback_steps([target()], recorded, observed, alias="live", again=frozenset({where}))[0]
    assert short(again) == ["shift: shift from 1 to 1"]


# -- what stands in the way ----------------------------------------------------------------------------


def blockers(observed: Observed) -> list[str]:
    return [blocker.code for blocker in rollout_steps([target()], observed, alias="live")[2]]


def test_a_lost_artifact_blocks_and_names_the_region() -> None:
    found = rollout_steps([target()], world(Copy(place=WEST), artifacts=False), alias="live")[2]
    assert [blocker.code for blocker in found] == ["artifact-lost"]
    assert "us-west-2" in found[0].message
    assert blockers(replace(world(Copy()), artifacts={})) == ["artifact-lost"]


def test_a_reserved_concurrency_of_zero_blocks() -> None:
    assert blockers(world(Copy(concurrency=0))) == ["concurrency-zero"]
    assert blockers(world(Copy(concurrency=1))) == []


def test_a_function_that_its_standing_stack_does_not_make_blocks() -> None:
    assert blockers(world(Copy(there=False))) == ["function-missing"]
    assert blockers(world(Copy(there=False), template="e" * 64, attached=False)) == []
    assert blockers(world(Copy(there=False), status=None)) == []


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"])
def test_a_stack_that_nobody_can_update_blocks_with_what_to_do(status: str) -> None:
    found = rollout_steps([target()], world(Copy(), status=status), alias="live")[2]
    assert [blocker.code for blocker in found] == ["stack-dead"]
    assert found[0].message == f"the stack prices-prod in {EAST} is in {status} (the reason)"
    assert ("continue-update-rollback" in found[0].fix) == (status == "UPDATE_ROLLBACK_FAILED")
    assert ("delete-stack" in found[0].fix) == (status == "DELETE_FAILED")


def test_everything_that_stands_in_the_way_is_said_at_once() -> None:
    observed = world(Copy(concurrency=0), status="UPDATE_ROLLBACK_FAILED", artifacts=False)
    assert blockers(observed) == ["artifact-lost", "stack-dead", "concurrency-zero"]


# -- rollback ------------------------------------------------------------------------------------------


def recorded(version: str | None = "7", place: Place = EAST, code: str | None = OLD) -> Served:
    return Served("prices", API, place.account, place.region, version, code)


def test_a_rollback_shifts_to_exactly_the_recorded_version() -> None:
    steps, changes, warnings = rollback_steps(
        [target()], [recorded()], world(Copy(code=NEW), template="e" * 64), alias="live"
    )
    assert short(steps) == ["shift: shift from 1 to 7"]
    assert changes == (Change(served(Copy(code=NEW).observed), OLD, True),)
    assert warnings == ()


def test_a_rollback_to_what_serves_has_nothing_to_do() -> None:
    steps, changes, _ = rollback_steps([target()], [recorded("1")], world(Copy()), alias="live")
    assert steps == ()
    assert [change.changes for change in changes] == [False]


def test_a_rollback_clears_weights_that_were_left_over() -> None:
    steps, _, _ = rollback_steps(
        [target()], [recorded("1")], world(Copy(weights=(("2", 0.5),))), alias="live"
    )
    assert short(steps) == ["shift: shift from 1 to 1"]


def test_a_rollback_publishes_again_what_was_pruned_from_its_artifact() -> None:
    where = recorded().where
    steps, _, warnings = rollback_steps(
        [target()], [recorded()], world(Copy(code=NEW)), alias="live", gone=frozenset({where})
    )
    assert short(steps) == ["prepare: prepare", "shift: shift from 1"]
    assert isinstance(steps[0].action, PrepareVersion)
    assert steps[0].action.artifact == OLD
    assert "version 7" in warnings[0] and "is gone" in warnings[0]


def test_a_rollback_brings_back_an_alias_that_is_gone() -> None:
    steps, _, _ = rollback_steps([target()], [recorded()], world(Copy(alias=False)), alias="live")
    assert short(steps) == ["prepare: prepare 7", "shift: create alias"]


@pytest.mark.parametrize("record", [[], [recorded(None)], [recorded("7", code=None)], [recorded(place=WEST)]])
def test_a_function_that_was_no_part_of_the_old_release_stays_with_a_warning(record: list[Served]) -> None:
    steps, changes, warnings = rollback_steps([target()], record, world(Copy()), alias="live")
    assert steps == changes == ()
    assert warnings == (f"{API} in us-east-1 was not part of that release: it stays as it is",)


def test_a_service_that_was_no_part_of_the_old_release_stays_with_a_warning() -> None:
    steps, _, warnings = rollback_steps([], [recorded()], world(Copy()), alias="live")
    assert steps == ()
    assert len(warnings) == 1


# -- the plan as a whole -------------------------------------------------------------------------------


def plan(*steps: Step, **more: Any) -> Plan:
    known: dict[str, Any] = {
        "verb": "promote",
        "pipeline": "fleet",
        "stage": "prod",
        "release": ReleaseRef("1" * 40, "2" * 64, "v1.0.0"),
        "source": "v1.0.0-rc.1",
        "reason": None,
        "mint": True,
        "services": None,
        "steps": steps,
        "changes": (),
        "warnings": (),
        "blockers": (),
        "kept": (),
        "before": (),
        "places": (EAST, WEST),
        "alias": "live",
    }
    return Plan(**(known | more))


def shift(**more: Any) -> Step:
    known: dict[str, Any] = {"before": "1", "revision": "r1"}
    action = ShiftAlias("prices", EAST, API, "live", **(known | more))
    return Step(Phase.SHIFT, action)


def test_the_digest_is_the_same_under_another_guard_and_other_words() -> None:
    one = plan(shift()).digest
    assert plan(shift(revision="r2")).digest == one
    assert plan(shift(), warnings=("late",), mint=False, source=None).digest == one


@pytest.mark.parametrize(
    "other",
    [
        plan(),
        plan(shift(), shift()),
        plan(shift(before="2")),
        plan(shift(), verb="rollback"),
        plan(shift(), stage="uat"),
        plan(shift(), pipeline="payments"),
        plan(shift(), reason="late"),
        plan(shift(), release=ReleaseRef("1" * 40, "2" * 64, "v1.0.1")),
        plan(shift(), release=ReleaseRef("3" * 40, "2" * 64, "v1.0.0")),
        plan(shift(), release=ReleaseRef("1" * 40, "3" * 64, "v1.0.0")),
    ],
)
def test_the_digest_differs_when_something_else_would_be_done(other: Plan) -> None:
    assert other.digest != plan(shift()).digest


def test_steps_of_a_phase_are_found_by_region() -> None:
    east, west = shift(), Step(Phase.SHIFT, CreateAlias("prices", WEST, API, "live"))
    prepare = Step(Phase.PREPARE, PrepareVersion("prices", EAST, API, NEW, "d" * 64))
    whole = plan(prepare, east, west)
    assert whole.in_phase(Phase.SHIFT) == (east, west)
    assert whole.in_phase(Phase.SHIFT, "us-west-2") == (west,)
    assert whole.in_phase(Phase.ATTACH) == ()


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (
            ApplyStack("prices", EAST, "prices-prod", TEMPLATE, alias_exists=False, create=True),
            {"action": "create-stack", "stack": "prices-prod", "template": TEMPLATE, "alias_exists": False},
        ),
        (
            ApplyStack("prices", EAST, "prices-prod", TEMPLATE, alias_exists=True, create=False),
            {"action": "update-stack", "stack": "prices-prod", "template": TEMPLATE, "alias_exists": True},
        ),
        (
            PrepareVersion("prices", EAST, API, NEW, "d" * 64, "7"),
            {"action": "prepare-version", "function": API, "artifact": NEW, "lambda_version": "7"},
        ),
        (
            CreateAlias("prices", EAST, API, "live"),
            {"action": "create-alias", "function": API, "alias": "live"},
        ),
        (
            ShiftAlias("prices", EAST, API, "live", before="1", revision="r1"),
            {
                "action": "shift-alias",
                "function": API,
                "alias": "live",
                "before": "1",
                "percent": 100,
                "to": None,
            },
        ),
    ],
)
def test_every_action_is_described_as_canonical_data(action: Action, said: dict[str, Any]) -> None:
    expected = {"service": "prices", "account": EAST.account, "region": EAST.region} | said
    assert json.loads(canonical.dumps(describe(action))) == expected


def test_targets_are_the_services_of_the_release_that_the_stage_has() -> None:
    def entry(stage: str) -> ServiceEntry:
        documents = {stage: StageDocuments(template=TEMPLATE, settings="d" * 64)}
        return ServiceEntry(NEW, "x", "f", 1, "python3.13", "arm64", "lambda", documents)

    manifest = Manifest("fleet", "1" * 40, "tool", {"prices": entry("prod"), "configs": entry("uat")})
    assert targets(manifest, {"d" * 64: settings(API)}, "prod") == (target(),)


def test_a_blocker_has_a_code_a_message_and_a_way_out() -> None:
    for blocker in rollout_steps(
        [target()], world(Copy(concurrency=0), status="DELETE_FAILED", artifacts=False), alias="live"
    )[2]:
        assert isinstance(blocker, Blocker)
        assert all((blocker.code, blocker.message, blocker.fix))
        assert "\n" not in blocker.message + blocker.fix
