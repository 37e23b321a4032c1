"""What a failure leaves: what served before, in every region, and one outcome that says why."""

import pytest

from release.apply import Applied, LostHold
from release.core.snapshot import Invocation
from release.errors import (
    Conflict,
    ExitCode,
    ForeignChange,
    Misconfigured,
    ReleaseError,
    RolloutFailed,
    Unavailable,
    Unrecorded,
)
from tests.fakes.aws import Call
from tests.fakes.world import ALIAS, EAST, WEST, Fault, TriggersWithoutAlias, World, fleet


def once(matches: object, act: object) -> object:
    """A hook that acts at the first call that matches."""
    done: list[Call] = []

    def hook(call: Call) -> None:
        if not done and matches(call):  # type: ignore[operator]
            done.append(call)
            act()  # type: ignore[operator]

    return hook


def at(operation: str, region: str | None = None, name: str | None = None) -> object:
    return lambda call: (
        call.operation == operation and region in (None, call.place.region) and name in (None, call.name)
    )


def lost() -> ReleaseError:
    return Unavailable("the connection was reset", fix="try again")


def moves(world: World) -> list[Call]:
    return [call for call in world.writes if call.operation in ("update_alias", "create_alias")]


# -- a smoke test says no -----------------------------------------------------------------------------------


def test_a_smoke_failure_in_the_replica_stops_the_line_before_any_alias_moved() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0", WEST)
    with world.hooked():
        applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, RolloutFailed)
    assert "statusCode 503" in applied.failure.cause
    assert WEST in applied.failure.cause
    assert moves(world) == []
    assert world.all_serve("v1.0.0")
    assert world.outcomes("v1.1.0") == ["failed"]
    assert world.head.quarantine_of(world.releases["v1.1.0"].commit) is not None


def test_a_failure_through_the_alias_of_the_replica_puts_the_primary_back_too() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0", WEST, through="alias")
    with world.hooked():
        applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, RolloutFailed)
    assert [call.undo for call in moves(world)] == [False] * 4 + [True] * 4
    assert world.all_serve("v1.0.0")
    assert world.outcomes("v1.1.0") == ["failed"]


def test_a_failure_through_the_alias_of_the_primary_never_reaches_the_replica() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0", EAST, through="alias")
    with world.hooked():
        world.promote("v1.1.0")
    assert {call.place.region for call in moves(world)} == {EAST}
    assert world.all_serve("v1.0.0")


def test_every_function_that_failed_is_named() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0")
    failure = world.promote("v1.1.0").failure
    assert failure is not None
    tested = {(call.name, call.place.region) for call in world.functions.calls if call.operation == "invoke"}
    assert sorted([failure.cause, *failure.details]) == sorted(
        f"the smoke test of {name}:2 in {region} failed: statusCode 503" for name, region in tested
    )


def test_undone_aliases_say_what_they_were_put_back_after() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0", WEST, through="alias")
    applied = world.promote("v1.1.0")
    alias = world.functions.alias_of(world.places[0], "prices-api", ALIAS)
    assert alias is not None
    assert alias.description == f"back to version 1 after {applied.event.id}"


def test_stacks_stay_expanded_when_the_rollout_is_undone() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0", template="second")
    world.fails_smoke("v1.1.0", WEST, through="alias")
    with world.hooked():
        world.promote("v1.1.0")
    assert [call.undo for call in world.writes if call.operation == "change"] == [False] * 4
    assert world.attached() == {True}


def test_a_promotion_that_failed_may_be_tried_again_and_then_succeeds() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0", WEST, through="alias")
    world.promote("v1.1.0")
    world.sick = lambda call, code: None
    applied = world.promote("v1.1.0")
    assert applied.failure is None
    assert world.all_serve("v1.1.0")
    assert world.outcomes("v1.1.0") == ["failed", "succeeded"]
    assert world.head.quarantined == ()


# -- a first deploy -----------------------------------------------------------------------------------------


def test_a_first_deploy_is_undone_by_detaching_before_deleting_the_alias() -> None:
    world = fleet()
    world.build("v1.0.0")
    world.fails_smoke("v1.0.0", WEST, through="alias")
    with world.hooked():
        applied = world.promote("v1.0.0")
    assert isinstance(applied.failure, RolloutFailed)
    undone = [
        (call.operation, call.place.region) for call in world.writes[1:-1] if "delete" in call.operation
    ]
    assert [region for _, region in sorted(undone, key=lambda pair: pair[1])] == [EAST, EAST, WEST, WEST]
    undo = [call for call in world.writes if call.place.region == EAST][-6:]
    assert [call.operation for call in undo[:2]] == ["update", "update"]
    for name in world.names:
        assert [call.operation for call in undo if call.name == name] == ["update_alias", "delete_alias"]
    assert world.all_serve(None)
    assert world.attached() == {False}
    assert world.outcomes("v1.0.0") == ["failed"]


def test_an_alias_that_somebody_moves_after_we_looked_at_it_is_not_deleted() -> None:
    """AWS guards no DeleteAlias: a guarded write right before it notices what a read cannot."""
    world = fleet()
    world.fails_smoke("v1.0.0", WEST, through="alias")
    hands: list[Call] = []

    def by_hand(call: Call) -> None:
        mine = (call.operation, call.name, call.place.region) == ("update_alias", "prices-api", EAST)
        if mine and call.undo and not hands:
            hands.append(call)
            world.functions.change_alias(call.place, call.name, ALIAS, description="ours from now on")

    with world.hooked(before=by_hand):
        applied = world.promote("v1.0.0")
    assert hands
    assert applied.event.outcome == "stranded"
    assert applied.event.report == (
        "prices-api in us-east-1: live is at version 1, set by somebody else and left so (before: nothing)",
    )
    assert world.aliases[EAST, "prices-api"] == "v1.0.0"
    assert world.aliases[EAST, "configs-api"] is None


@pytest.mark.parametrize("operation", ["update_alias", "delete_alias"])
def test_an_alias_goes_though_an_answer_on_its_way_was_lost(operation: str) -> None:
    world = fleet()
    world.fails_smoke("v1.0.0", WEST, through="alias")
    lost: set[tuple[str, str]] = set()

    def unanswered(call: Call) -> None:
        key = (call.name, call.place.region)
        if call.undo and call.operation == operation and key not in lost:
            lost.add(key)
            raise Unavailable("no answer", fix="try again")

    with world.hooked(after=unanswered):
        applied = world.promote("v1.0.0")
    assert len(lost) == 4
    assert (applied.event.outcome, applied.event.report) == ("failed", ())
    assert world.all_serve(None)


def test_triggers_that_cannot_be_detached_keep_their_alias() -> None:
    world = fleet()
    world.build("v1.0.0")
    world.fails_smoke("v1.0.0", WEST, through="alias")

    updates: list[Call] = []

    def stuck(call: Call) -> None:
        if (call.operation, call.name, call.place.region) == ("update", "prices-prod", EAST):
            updates.append(call)
            if len(updates) > 1:  # the first one attaches
                raise Misconfigured("access denied", fix="allow it")

    with world.hooked(before=stuck):
        applied = world.promote("v1.0.0")
    assert applied.event.outcome == "stranded"
    assert applied.event.report == (
        "prices-api in us-east-1: could not go back to nothing: access denied",
        "prices-api in us-east-1: live stays at version 1, its triggers name it",
    )
    assert world.aliases[EAST, "prices-api"] == "v1.0.0"
    assert world.aliases[EAST, "configs-api"] is None


def test_the_strict_world_notices_an_alias_that_goes_before_its_triggers() -> None:
    world = fleet().live("v1.0.0")
    with pytest.raises(TriggersWithoutAlias):
        world.functions.delete_alias(world.places[0], "prices-api", ALIAS)


def test_a_stack_that_cannot_be_created_fails_the_release_and_the_next_try_creates_it_again() -> None:
    world = fleet()
    world.build("v1.0.0")
    world.stacks.fail_next(world.places[1], "prices-prod", "Table: name is taken")
    applied = world.promote("v1.0.0")
    assert isinstance(applied.failure, RolloutFailed)
    assert "Table: name is taken" in applied.failure.cause
    assert world.all_serve(None)
    assert world.promote("v1.0.0").failure is None
    assert world.all_serve("v1.0.0")


# -- could not find out -------------------------------------------------------------------------------------


def test_no_verdict_is_errored_and_quarantines_nothing() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.functions.handler = lambda place, name, version, payload: Invocation(200, None, "9", b"")
    applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, Unavailable)
    assert "got no verdict in 4 tries: version 9 answered instead of 2" in applied.failure.cause
    assert applied.event.outcome == "errored"
    assert world.head.quarantined == ()
    assert world.all_serve("v1.0.0")


def test_an_update_that_aws_fails_is_a_no() -> None:
    world = fleet().live("v1.0.0")
    world.functions.fail_next_update(world.places[0], "prices-api", "the zip is broken")
    applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, RolloutFailed)
    assert applied.event.failure is not None
    assert "the zip is broken" in applied.event.failure
    assert world.all_serve("v1.0.0")


def test_a_bug_is_undone_recorded_as_errored_and_shown_as_a_bug() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")

    def bug() -> None:
        raise ZeroDivisionError("half of nothing")

    with (
        world.hooked(after=once(at("update_alias", WEST), bug)),  # type: ignore[arg-type]
        pytest.raises(ZeroDivisionError),
    ):
        world.promote("v1.1.0")
    assert world.all_serve("v1.0.0")
    assert world.outcomes("v1.1.0") == ["errored"]
    assert world.ledger.log[-1].failure == "a bug in release: ZeroDivisionError: half of nothing"


def test_a_recorded_version_with_other_bytes_is_never_served_but_published_again() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.functions.forge_version(world.places[1], "prices-api", "1", of="2")
    applied = world.roll_back()
    assert applied.failure is None
    assert world.all_serve("v1.0.0")
    assert [one.lambda_version for one in applied.event.after if one.region == WEST] != ["1"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("old", "tag", "writes"),
    [("v1.0.0", "v1.1.0", 2 + 4 * 3), (None, "v1.0.0", 2 + 4 * 5)],
    ids=["upgrade", "first deploy"],
)
def test_a_write_that_fails_or_whose_answer_is_lost_is_undone_everywhere(
    old: str | None, tag: str, writes: int, when: str
) -> None:
    for number in range(1, writes - 1):
        world = fleet()
        if old:
            world.live(old)
        world.build(tag)
        with world.failing(Fault(number, when, lost)):
            applied = world.promote(tag)
        assert applied.event.outcome == "errored", number
        assert isinstance(applied.failure, Unavailable), number
        assert world.all_serve(old), number
        assert old is not None or world.attached() <= {False}, number
        assert world.finish(tag) is not None, number
        assert world.all_serve(tag), number
        assert world.outcomes(tag) == ["errored", "succeeded"], number


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_start_whose_answer_is_lost_touches_nothing_and_the_same_command_finishes_it(when: str) -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    with world.hooked(), world.failing(Fault(0, when, lost)), pytest.raises(Unavailable):
        world.promote("v1.1.0")
    assert [call.operation for call in world.writes] == ["append"]
    assert world.all_serve("v1.0.0")
    assert world.finish("v1.1.0") is not None
    assert world.all_serve("v1.1.0")
    assert world.outcomes("v1.1.0") == ["succeeded"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_outcome_whose_answer_is_lost_is_written_once(when: str) -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    with world.failing(Fault(13, when, lost)):
        applied = world.promote("v1.1.0")
    assert applied.failure is None
    assert world.outcomes("v1.1.0") == ["succeeded"]


def test_a_ledger_out_of_reach_at_the_end_is_unrecorded_and_the_same_command_records_it() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")

    def gone() -> None:
        world.ledger.reachable = False

    with (
        world.hooked(before=lambda call: gone() if call.name == "outcome" else None),
        pytest.raises(Unrecorded) as unrecorded,
    ):
        world.promote("v1.1.0")
    assert unrecorded.value.exit_code == ExitCode.UNDER_WAY
    assert "the rollout succeeded" in unrecorded.value.cause
    world.ledger.reachable = True
    assert world.all_serve("v1.1.0")
    finished = world.finish("v1.1.0")
    assert finished is not None
    assert world.outcomes("v1.1.0") == ["succeeded"]


def test_a_ledger_out_of_reach_between_phases_goes_back() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    away: list[Call] = []

    def hook(call: Call) -> None:
        if call.operation == "update_alias" and not away:
            away.append(call)
            world.ledger.reachable = False
        if call.operation == "update_alias" and call.undo:
            world.ledger.reachable = True

    with world.hooked(before=hook):
        applied = world.promote("v1.1.0")
    assert isinstance(applied.failure, Unavailable)
    assert applied.event.outcome == "errored"
    assert world.all_serve("v1.0.0")


# -- asked to stop, or no longer ours -----------------------------------------------------------------------


def aborted_at(look: int) -> tuple[Applied, World, int]:
    """A promotion that somebody aborts after so many looks at an alias, its world, and how many there are."""
    world, looks = fleet().live("v1.0.0"), 0
    world.build("v1.1.0")

    def after(call: Call) -> None:
        nonlocal looks
        if call.operation == "alias":
            looks += 1
            if looks == look:
                world.abort("wrong week")

    with world.hooked(after=after):
        return world.promote("v1.1.0"), world, looks


def test_an_abort_after_the_last_look_is_not_passed_over() -> None:
    applied, _, looks = aborted_at(0)
    assert applied.failure is None
    for back in range(3):  # nothing is left but the record
        applied, world, _ = aborted_at(looks - back)
        assert applied.event.outcome == "aborted"
        assert world.all_serve("v1.0.0")


@pytest.mark.parametrize("moment", ["publish", "update_alias"])
def test_an_abort_between_phases_is_compensated(moment: str) -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    with world.hooked(after=once(at(moment, EAST), lambda: world.abort("wrong week"))):  # type: ignore[arg-type]
        applied = world.promote("v1.1.0")
    assert applied.failure is not None
    assert applied.failure.cause == "aborted: wrong week"
    assert applied.event.outcome == "aborted"
    assert world.all_serve("v1.0.0")
    assert world.head.quarantined == ()
    assert world.head.abort is None


@pytest.mark.parametrize("moment", ["publish", "update_alias"])
def test_who_lost_the_hold_neither_continues_nor_compensates(moment: str) -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    hook = once(at(moment, EAST), world.somebody_takes_over)
    with world.hooked(after=hook), pytest.raises(LostHold, match="took over prod") as lost:  # type: ignore[arg-type]
        world.promote("v1.1.0")
    assert lost.value.exit_code == ExitCode.TRY_AGAIN
    assert not any(call.undo for call in world.writes)
    assert world.outcomes("v1.1.0") == []
    expected = {"v1.0.0"} if moment == "publish" else {"v1.0.0", "v1.1.0"}
    assert set(world.aliases.values()) == expected


def test_who_lost_the_hold_while_failing_leaves_the_way_back_to_the_new_holder() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0", EAST, through="alias")
    hook = once(at("update_alias", EAST, "prices-api"), world.somebody_takes_over)
    with world.hooked(after=hook), pytest.raises(LostHold):  # type: ignore[arg-type]
        world.promote("v1.1.0")
    assert {tag for (region, _), tag in world.aliases.items() if region == EAST} == {"v1.1.0"}


def test_who_lost_the_hold_at_the_very_end_records_nothing() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    done: list[Call] = []

    def last(call: Call) -> None:
        if call.operation == "append" and call.name == "outcome" and not done:
            done.append(call)
            world.somebody_takes_over()

    with world.hooked(before=last), pytest.raises(Conflict):
        world.promote("v1.1.0")
    assert world.outcomes("v1.1.0") == []


# -- somebody else moves the alias --------------------------------------------------------------------------


def by_hand(world: World, region: str, name: str = "prices-api", to: str = "1") -> None:
    place = next(place for place in world.places if place.region == region)
    world.functions.change_alias(place, name, ALIAS, lambda_version=to, description="by hand")


@pytest.mark.parametrize("region", [EAST, WEST])
def test_a_foreign_move_before_ours_is_errored_and_theirs_stays(region: str) -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.build("v1.2.0")
    hook = once(at("publish", region, "prices-api"), lambda: by_hand(world, region))
    with world.hooked(before=hook):  # type: ignore[arg-type]
        applied = world.promote("v1.2.0")
    assert isinstance(applied.failure, ForeignChange)
    assert applied.event.outcome == "errored"
    assert applied.event.report == ()
    aliases = world.aliases
    assert aliases.pop((region, "prices-api")) == "v1.0.0"  # theirs
    assert set(aliases.values()) == {"v1.1.0"}
    assert world.head.quarantined == ()


@pytest.mark.parametrize("region", [EAST, WEST])
def test_a_foreign_move_after_ours_is_stranded_with_a_report_and_the_others_go_back(region: str) -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.build("v1.2.0")
    hook = once(at("update_alias", region, "prices-api"), lambda: by_hand(world, region))
    with world.hooked(after=hook):  # type: ignore[arg-type]
        applied = world.promote("v1.2.0")
    assert isinstance(applied.failure, ForeignChange)
    assert applied.event.outcome == "stranded"
    assert applied.event.report == (
        f"prices-api in {region}: live is at version 1, set by somebody else and left so (before: version 2)",
    )
    aliases = world.aliases
    assert aliases.pop((region, "prices-api")) == "v1.0.0"  # theirs
    assert set(aliases.values()) == {"v1.1.0"}
    assert world.head.stranded == applied.event.path


def test_a_foreign_weight_on_our_alias_is_somebody_elses_work() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")

    def split() -> None:
        world.functions.change_alias(world.places[0], "prices-api", ALIAS, weights={"1": 0.1})

    with world.hooked(after=once(at("update_alias", EAST, "prices-api"), split)):  # type: ignore[arg-type]
        applied = world.promote("v1.1.0")
    assert applied.event.outcome == "stranded"
    assert world.aliases[EAST, "prices-api"] == "v1.1.0 and {'1': 0.1}"


def test_an_alias_that_somebody_deleted_after_our_move_is_reported() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")

    def delete() -> None:
        world.functions.remove_alias(world.places[0], "prices-api", ALIAS)

    with world.hooked(after=once(at("update_alias", EAST, "prices-api"), delete)):  # type: ignore[arg-type]
        applied = world.promote("v1.1.0")
    assert applied.event.outcome == "stranded"
    assert "live is at nothing, set by somebody else" in applied.event.report[0]


def test_somebody_who_puts_back_what_was_there_leaves_nothing_to_undo() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    hook = once(at("update_alias", EAST, "prices-api"), lambda: by_hand(world, EAST))
    with world.hooked(after=hook):  # type: ignore[arg-type]
        applied = world.promote("v1.1.0")
    assert applied.event.outcome == "errored"
    assert world.all_serve("v1.0.0")


def test_an_alias_that_somebody_creates_before_our_first_deploy_is_theirs() -> None:
    world = fleet()
    world.build("v1.0.0")

    def create() -> None:
        place = world.places[0]
        version = world.functions.versions_of(place, "prices-api")[0]
        world.functions.create_alias(
            place, "prices-api", ALIAS, lambda_version=version, description="by hand"
        )

    with world.hooked(after=once(at("publish", EAST, "prices-api"), create)):  # type: ignore[arg-type]
        applied = world.promote("v1.0.0")
    assert isinstance(applied.failure, ForeignChange)
    assert applied.event.outcome == "errored"
    aliases = world.aliases
    assert aliases.pop((EAST, "prices-api")) == "v1.0.0"
    assert set(aliases.values()) == {None}


@pytest.mark.parametrize("tries", [1, 4])
def test_an_undo_that_meets_a_passing_fault_is_tried_again(tries: int) -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0", WEST, through="alias")
    left = [tries]

    def flaky(call: Call) -> None:
        if call.operation == "update_alias" and call.undo and call.name == "prices-api" and left[0]:
            left[0] -= 1
            raise Unavailable("throttled", fix="wait")

    with world.hooked(after=flaky):
        applied = world.promote("v1.1.0")
    assert applied.event.outcome == "failed"
    assert world.all_serve("v1.0.0")


def test_an_undo_that_fails_for_good_says_what_is_where_and_undoes_the_rest() -> None:
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0", WEST, through="alias")

    def denied(call: Call) -> None:
        if (
            call.operation == "update_alias"
            and call.undo
            and (call.place.region, call.name)
            == (
                EAST,
                "prices-api",
            )
        ):
            raise Misconfigured("access denied", fix="allow it")

    with world.hooked(before=denied):
        applied = world.promote("v1.1.0")
    assert applied.event.outcome == "stranded"
    assert applied.event.report == ("prices-api in us-east-1: could not go back to version 1: access denied",)
    aliases = world.aliases
    assert aliases.pop((EAST, "prices-api")) == "v1.1.0"
    assert set(aliases.values()) == {"v1.0.0"}
    assert world.head.quarantine_of(world.releases["v1.1.0"].commit) is not None


def test_a_rollback_that_fails_goes_back_to_what_it_left() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    world.said.clear()
    world.fails_smoke("v1.0.0", WEST, through="alias")
    applied = world.roll_back()
    assert applied.event.outcome == "failed"
    assert world.all_serve("v1.1.0")
    assert world.head.quarantined == ()
