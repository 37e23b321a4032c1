"""Whom nobody tells of a failure finds it by chance."""

from release.errors import Unavailable
from tests.apply.test_baking import canary
from tests.fakes.world import World, fleet


def test_a_rollout_that_succeeds_tells_nobody() -> None:
    world = fleet().live("v1.0.0")
    world.promote("v1.1.0")
    assert world.alerts == []


def test_a_failure_says_what_why_and_where_to_look() -> None:
    world = fleet().live("v1.0.0")
    world.fails_smoke("v1.1.0")
    applied = world.promote("v1.1.0")
    ((subject, text),) = world.alerts
    assert subject == "release: promote v1.1.0 to prod is failed"
    assert applied.event.failure is not None and applied.event.failure in text
    assert f"record: {applied.event.path}" in text
    assert "next: release status prod" in text


def test_what_is_stranded_says_what_is_left() -> None:
    world = fleet().live("v1.0.0")
    world.fails_smoke("v1.1.0", through="alias")
    with world.hooked(before=_refusing_undo):
        applied = world.promote("v1.1.0")
    assert applied.event.outcome == "stranded"
    assert all(f"left: {line}" in world.alerts[0][1] for line in applied.event.report)


def test_what_is_left_of_a_large_fleet_still_fits_into_a_message() -> None:
    world = fleet(prices=tuple(f"f{number}" for number in range(30))).live("v1.0.0")
    world.fails_smoke("v1.1.0", through="alias")
    with world.hooked(before=_refusing_undo):
        applied = world.promote("v1.1.0")
    text = world.alerts[0][1]
    left = len(applied.event.report)
    assert left > 20 and text.count("left: ") == 21
    assert f"left: {left - 20} more, all of them in the record" in text


def _refusing_undo(call: object) -> None:
    if getattr(call, "undo", False) and getattr(call, "operation", "") == "update_alias":
        raise Unavailable("the region is out", fix="wait")


def test_a_rollout_that_is_held_for_want_of_a_verdict_asks_for_a_person() -> None:
    world, _ = canary(per_second=0)
    world.promote("v1.1.0")
    ((subject, text),) = world.alerts
    assert subject.endswith("is held") and "no verdict on 10 %" in text


def test_an_alert_that_cannot_be_sent_changes_nothing() -> None:
    world = fleet().live("v1.0.0")
    world.fails_smoke("v1.1.0")
    world.send = _unreachable  # type: ignore[method-assign]
    applied = world.promote("v1.1.0")
    assert applied.event.outcome == "failed"
    assert ("alert", {"cause": "SNS cannot be reached"}) in world.said


def _unreachable(subject: str, text: str) -> None:
    raise Unavailable("SNS cannot be reached", fix="wait")


def test_a_subject_is_one_line_of_ascii_and_no_longer_than_sns_takes() -> None:
    world: World = fleet().live("v1.0.0")
    world.fails_smoke("v1.1.0+grün" + "x" * 200)
    world.promote("v1.1.0+grün" + "x" * 200)
    ((subject, _),) = world.alerts
    assert len(subject) == 100 and subject.isascii()
