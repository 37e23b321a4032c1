"""The ledger as people read it."""

from dataclasses import replace

from release.core import canonical
from release.core.records import Event
from release.views.history import event_json, log_text, release_text
from tests.fakes.world import WEST, World, fleet
from tests.views.screens import shown, words


def told() -> World:
    """A good release, a bad one, and a rollback."""
    world = fleet().live("v1.0.0")
    world.build("v1.1.0")
    world.fails_smoke("v1.1.0", WEST)
    world.promote("v1.1.0")
    world.sick = lambda call, code: None
    world.promote("v1.2.0")
    world.roll_back()
    return world


def test_an_empty_ledger_says_so() -> None:
    assert shown(log_text([])) == "the ledger is empty: nothing was deployed or promoted yet"


def test_the_log_has_a_line_for_every_event_newest_first() -> None:
    lines = shown(log_text(told().ledger.log[::-1])).splitlines()
    assert lines[0].split() == ["when", "stage", "what", "release", "event", "by"]
    assert [line.split()[2:] for line in lines[1:]] == [
        ["prod", "rollback", "v1.0.0", "succeeded", "ada"],
        ["prod", "rollback", "v1.0.0", "started", "ada"],
        ["prod", "promote", "v1.2.0", "succeeded", "ada"],
        ["prod", "promote", "v1.2.0", "started", "ada"],
        ["prod", "promote", "v1.1.0", "failed", "ada"],
        ["prod", "promote", "v1.1.0", "started", "ada"],
        ["prod", "promote", "v1.0.0", "succeeded", "ada"],
        ["prod", "promote", "v1.0.0", "started", "ada"],
    ]
    assert lines[1].startswith("11-21 12:00:00")


def test_a_log_of_long_names_stays_on_the_screen() -> None:
    event = replace(
        told().ledger.log[0], stage="a-stage-of-long-name", actor="somebody-with-a-very-long-login-name-here"
    )
    assert "succeeded" in shown(log_text([event, told().ledger.log[1]]))


def of(world: World, tag: str) -> list[Event]:
    return [event for event in world.ledger.log if event.release.tag == tag]


def test_a_release_is_told_from_its_tag_to_its_end() -> None:
    world = told()
    trailers = {"Release-Manifest": "2" * 64, "Release-Reason": "", "Release-Actor": "ada"}
    text = shown(release_text("v1.0.0", trailers, of(world, "v1.0.0")))
    assert text.splitlines()[0] == "v1.0.0"
    assert f"  manifest  {'2' * 64}" in text
    assert "  actor     ada" in text
    assert "reason    " not in text  # an empty trailer is none
    assert "2026-11-21T12:00:00Z  promote to prod: succeeded by ada" in text
    assert text.count("reason: prices are wrong") == 1  # said once, at the start
    for region in ("us-east-1", "us-west-2"):
        assert f"prices-api   {region}  1        " in text


def test_a_release_that_failed_says_why() -> None:
    text = words(shown(release_text("v1.1.0", {}, of(told(), "v1.1.0"))))
    assert "promote to prod: failed by ada because: the smoke test of " in text
    assert "in us-west-2 failed: statusCode 503" in text


def test_a_release_that_left_the_stage_half_way_says_what_is_where() -> None:
    event = replace(
        of(told(), "v1.1.0")[-1],
        outcome="stranded",
        report=("prices-api in us-east-1: live is at version 7, set by somebody else",),
    )
    assert "left: prices-api in us-east-1: live is at version 7" in words(
        shown(release_text("v1.1.0", {}, [event]))
    )


def test_an_event_as_json_is_the_record_with_its_path() -> None:
    for event in told().ledger.log:
        data = event_json(event)
        canonical.dumps(data)
        assert data.pop("path") == event.path
        assert Event.from_json(data) == event
