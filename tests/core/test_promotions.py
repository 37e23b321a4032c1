"""Promotions put together from events, and what of them goes into audit.json."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from release.core.audit import Commits, audit_bytes, pull_requests
from release.core.manifest import Manifest
from release.core.promotions import Promotion, Written, chosen, outcome_word, promotions, took_over
from release.core.records import Event, Kind, ReleaseRef, Served, Wave

ONE = ReleaseRef("1" * 40, "a" * 64, "v1.0.0", "2" * 40)
OLD = Served("orders", "orders-prod", "4" * 12, "us-east-1", "6", "b" * 64)
NEW = replace(OLD, lambda_version="7", code="c" * 64)


def written(kind: Kind, id: str = "20261121T120000Z-fleet-prod-1", **more: Any) -> tuple[Written, None]:
    known: dict[str, Any] = {
        "at": "2026-11-21T12:00:00Z", "pipeline": "fleet", "stage": "prod", "verb": "promote",
        "release": ONE, "actor": "ada", "tool": "lambda-release 0.1.0", "fence": 1,
    }  # fmt: skip
    return Written(Event(kind=kind, id=id, **(known | more)), "d" * 40), None


def only(*events: tuple[Written, None]) -> Promotion:
    (found,) = promotions(events)
    return found


def test_a_promotion_lasts_from_its_start_to_its_outcome() -> None:
    ended = written("outcome", outcome="succeeded", at="2026-11-21T12:01:30Z", after=(NEW,))

    found = only(written("started", before=(OLD,)), ended)

    assert found.duration == timedelta(seconds=90)
    assert outcome_word(found) == "succeeded"
    assert [(one.before, one.after, one.changed) for one in found.functions] == [(OLD, NEW, True)]


def test_who_takes_over_is_named_and_what_the_first_holder_found_stays() -> None:
    half_way = replace(OLD, lambda_version="7")
    taken = written("taken-over", actor="ben", before=(half_way,))

    found = only(written("started", before=(OLD,)), taken, written("outcome", outcome="failed"))

    assert [one["actor"] for one in took_over(found)] == ["ben"]
    assert [(one.before, one.after, one.changed) for one in found.functions] == [(OLD, None, None)]


def test_a_promotion_whose_holder_died_names_the_one_that_ended_it() -> None:
    dead, heir = "20261121T120000Z-fleet-prod-1", "20261121T130000Z-fleet-prod-2"

    first, second = promotions([written("started", dead), written("started", heir, supersedes=(dead,))])

    assert (first.start.id, first.superseded_by, outcome_word(first)) == (dead, heir, "superseded")
    assert (second.start.id, second.duration, outcome_word(second)) == (heir, None, "no outcome")


def test_what_began_before_the_first_event_is_left_out() -> None:
    assert list(promotions([written("outcome", outcome="succeeded")])) == []


def test_of_several_promotions_the_first_that_succeeded_is_meant() -> None:
    outcomes = ("failed", "succeeded", "succeeded")
    found = [
        only(written("started", id), written("outcome", id, outcome=outcome))
        for id, outcome in zip("abc", outcomes, strict=True)
    ]

    assert chosen(found, "prod", None) is found[1]
    assert chosen(found, "prod", "c") is found[2]
    assert chosen(found[:1], "prod", None) is found[0]
    assert chosen(found, "qa", None) is None


def test_a_promotion_without_an_outcome_has_no_document() -> None:
    empty = Manifest("fleet", ONE.commit, "lambda-release 0.1.0", {})

    with pytest.raises(ValueError, match="has no outcome"):
        audit_bytes(only(written("started")), about=[], tag=None, manifest=empty, commits=Commits((), ()))


def test_pull_requests_are_read_as_github_writes_them() -> None:
    subjects = ["fix: x (#12)", "Merge pull request #7 from ana/x", "see (#9) for more", "fix #3", "y (#12)"]

    assert pull_requests(subjects) == [7, 12]


def test_traffic_that_went_back_on_the_way_is_there_since_it_came_again() -> None:
    first, again = (Wave("us-east-1", 100, f"2026-11-21T{hour}:00:00Z") for hour in (12, 13))
    found = only(
        written("started", before=(OLD,)),
        written("let-go", moved=(first,)),
        written("taken-over"),
        written("outcome", outcome="succeeded", after=(NEW,), moved=(again,)),
    )
    empty = Manifest("fleet", ONE.commit, "lambda-release 0.1.0", {})

    document = json.loads(
        audit_bytes(found, about=found.events, tag=None, manifest=empty, commits=Commits((), ()))
    )

    (function,) = document["functions"]
    assert (function["first_traffic_at"], function["all_traffic_at"]) == (first.since, again.since)
    assert [wave["since"] for wave in document["waves"]] == [first.since, again.since]


def test_stacks_that_changed_after_a_release_are_not_what_it_came_from() -> None:
    rc = ReleaseRef(ONE.commit, ONE.manifest, "v1.0.0-rc.1", "3" * 40)
    brought, _ = written("outcome", "a", stage="uat", release=rc, outcome="succeeded", actor="ada")
    stacks, _ = written(
        "infra-ended", "b", stage="uat", release=rc, verb="infra", services=("orders",), outcome="succeeded",
        actor="ben", at="2026-11-21T13:00:00Z",
    )  # fmt: skip
    found = only(
        written("started", source=rc.tag, at="2026-11-21T14:00:00Z"), written("outcome", outcome="succeeded")
    )
    document = audit_bytes(
        found,
        about=[brought, stacks, *found.events],
        tag=None,
        manifest=Manifest("fleet", ONE.commit, "lambda-release 0.1.0", {}),
        commits=Commits((), ()),
    )

    gates = json.loads(document)["gates"]
    assert (gates["source"]["actor"], gates["soaked_seconds"]) == ("ada", 7200)
