"""Which deployments GitHub should hold of a stage's promotions, and the steps that lead there."""

from dataclasses import replace

import pytest

from release.core.forge.deployments import deployment_steps, unfinished
from release.core.forge.facts import StatusFacts
from release.core.forge.names import LONGEST_DESCRIPTION
from release.core.forge.recent import recent
from release.core.records import Event, Good, StageHead, Wave
from release.record import StagePlan
from release.views.record import annotations
from tests.core.forge_worlds import HERE, Shown, promoted, release_ref, states, wanted_of

EAST, WEST = "us-east-1", "us-west-2"


def test_a_release_that_serves_succeeds_and_the_one_before_it_is_inactive_in_every_region() -> None:
    assert states(promoted(1), promoted(2)) == [
        ("v1.1.0", EAST, "inactive"), ("v1.1.0", WEST, "inactive"),
        ("v1.2.0", EAST, "success"), ("v1.2.0", WEST, "success"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("failed", "failure"), ("aborted", "failure"), ("errored", "error"), ("stranded", "error")],
)
def test_what_did_not_succeed_leaves_the_release_before_it_serving(outcome: str, state: str) -> None:
    found = states(promoted(1), promoted(2, outcome, failure="the smoke test said no"))

    assert found[:2] == [("v1.1.0", EAST, "success"), ("v1.1.0", WEST, "success")]
    assert {one[2] for one in found[2:]} == {state}


def test_that_it_was_aborted_is_said_once() -> None:
    one = promoted(2, "aborted", failure="aborted: prices are wrong")

    assert [one.status.description for one in wanted_of(one)] == ["went back: aborted: prices are wrong"] * 2
    (told,) = annotations([StagePlan("prod", ended=(one,))])
    assert told == ("error", "prod", "promote of v1.2.0 aborted: prices are wrong")


def test_a_promotion_of_some_regions_takes_the_place_of_the_release_there_alone() -> None:
    assert states(promoted(1), promoted(2, regions=(WEST,))) == [
        ("v1.1.0", EAST, "success"), ("v1.1.0", WEST, "inactive"), ("v1.2.0", WEST, "success"),
    ]  # fmt: skip


def test_some_services_alone_take_the_place_of_nothing() -> None:
    found = states(promoted(1), promoted(2, verb="deploy", services=("orders",)))

    assert {state for _, _, state in found} == {"success"}


def test_a_rollback_is_a_deployment_of_its_own_and_what_it_took_back_is_inactive() -> None:
    first, second = promoted(1), promoted(2)
    back = promoted(3, verb="rollback")

    assert [state for _, _, state in states(first, second, back)] == ["inactive"] * 4 + ["success"] * 2


def test_what_bakes_says_how_much_of_the_traffic_it_has_in_which_region() -> None:
    east, west = wanted_of(promoted(1, None, wave=Wave(EAST, 10, "2026-11-21T12:01:10Z")))

    assert east.status == StatusFacts(
        "in_progress",
        "10 % of traffic since 2026-11-21T12:01:10Z",
        f"{HERE}/actions/runs/77/attempts/2",
    )
    assert (west.status.state, west.status.description) == ("in_progress", "no traffic yet")


def test_a_promotion_whose_process_died_is_an_error_that_names_the_one_that_ended_it() -> None:
    dead = replace(promoted(1, None), superseded_by="20261121T120200Z-fleet-prod-00000002")

    (status, _) = [one.status for one in wanted_of(dead)]
    assert status.state == "error"
    assert "ended by 20261121T120200Z-fleet-prod-00000002" in status.description


def test_a_reason_of_many_lines_fits_into_the_description_that_github_takes() -> None:
    (status, _) = [
        one.status for one in wanted_of(promoted(1, "failed", failure="a\nlong " + "reason " * 99))
    ]

    assert len(status.description) == LONGEST_DESCRIPTION
    assert "\n" not in status.description and status.description.endswith("…")


def test_a_laptop_has_no_run_to_link_to() -> None:
    assert {one.status.log_url for one in wanted_of(promoted(1, run=None))} == {""}


def test_the_region_is_in_the_task_the_payload_and_the_description() -> None:
    _, west = wanted_of(promoted(1))

    assert west.task == "deploy:us-west-2"
    assert west.payload["region"] == WEST
    assert west.description == "promote v1.1.0 to prod in us-west-2"
    assert west.commit == release_ref(1).commit


# -- steps


def test_once_in_step_nothing_is_written() -> None:
    github = Shown()
    github.bring_in_step(promoted(1), promoted(2, "failed"))
    writes = github.writes

    github.bring_in_step(promoted(1), promoted(2, "failed"))

    assert github.writes == writes == 8


@pytest.mark.parametrize("steps", range(9))
def test_whatever_step_was_the_last_one_there_is_one_deployment_for_each_in_the_end(steps: int) -> None:
    found = (promoted(1), promoted(2))
    github, whole = Shown(), Shown()
    whole.bring_in_step(*found)

    github.bring_in_step(*found, until=steps)
    github.bring_in_step(*found)

    assert github.states() == whole.states()
    assert len(github.all) == 4


def test_of_two_deployments_the_first_counts_and_the_other_becomes_inactive() -> None:
    (east, _) = wanted_of(promoted(1))
    github = Shown()
    first, second = github.create(east), github.create(east)

    _, statuses = deployment_steps([east], github.all)

    assert [(one.deployment, one.status.state) for one in statuses] == [
        (second, "inactive"), (first, "success"),
    ]  # fmt: skip
    github.bring_in_step(promoted(1))
    assert deployment_steps([east], github.all) == ((), ())


def test_deployments_of_others_in_the_same_environment_are_left_alone() -> None:
    (east, _) = wanted_of(promoted(1))
    github = Shown()
    github.create(replace(east, payload={"promotion": east.promotion, "region": EAST}))
    github.create(replace(east, payload={}))

    create, statuses = deployment_steps([east], github.all)

    assert [step.wanted for step in create] == [east]
    assert [step.deployment for step in statuses] == [None]


def test_a_promotion_is_finished_when_github_knows_its_end_in_every_region() -> None:
    one, baking = promoted(1), promoted(2, None)
    wanted = wanted_of(one, baking)
    github = Shown()
    assert unfinished(wanted, github.all) == {one.start.id}

    github.bring_in_step(one, baking, until=5)
    assert unfinished(wanted, github.all) == {one.start.id}

    github.bring_in_step(one, baking)
    assert unfinished(wanted, github.all) == frozenset()
    # That a newer one takes its place is no second end.
    assert unfinished(wanted_of(one, promoted(2)), github.all) == {baking.start.id}


# -- the last promotions


def events_of(*numbers: int) -> list[Event]:
    """Newest first, as the ledger gives them."""
    return [one.event for number in reversed(numbers) for one in reversed(promoted(number).events)]


def good(number: int) -> Good:
    ended = promoted(number).outcome
    assert ended is not None
    return Good(release_ref(number), ended.event.at, "ada", ended.event.path)


def test_the_last_promotions_know_what_served_before_them() -> None:
    found = recent(events_of(1, 2, 3), StageHead("fleet", "prod"), 2)

    assert [one.release.tag for one in found] == ["v1.2.0", "v1.3.0"]
    assert [one.served_before.release.tag for one in found if one.served_before] == ["v1.1.0", "v1.2.0"]


def test_what_served_before_the_oldest_event_is_what_the_head_remembers() -> None:
    head = StageHead("fleet", "prod", history=(good(1), good(2), good(3)), serves=good(3))

    (only,) = recent(events_of(3), head, 5)

    assert only.served_before == good(2)


def test_a_promotion_whose_start_is_out_of_sight_is_left_out() -> None:
    assert recent(events_of(1, 2)[:3], StageHead("fleet", "prod"), 5)[0].release.tag == "v1.2.0"
    assert len(recent(events_of(1, 2)[:3], StageHead("fleet", "prod"), 5)) == 1
