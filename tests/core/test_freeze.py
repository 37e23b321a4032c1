"""Windows of the week in the time of a zone: over the end of the week, and when the clocks change."""

from datetime import UTC, datetime, time, timedelta

import pytest

from release.config.values import freeze_window
from release.core.freeze import Frozen, frozen

WEEKEND = "Fri 16:00 - Mon 08:00 America/New_York"
NEW_YORK = "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def until(now: str, *windows: str) -> str | None:
    """When it opens (UTC). None: it is open."""
    closed = frozen([freeze_window(window) for window in windows], at(now))
    if closed is None:
        return None
    return f"{closed.until:%Y-%m-%dT%H:%M}" if closed.until else "never"


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-20T20:59:59", None),  # Fri 15:59:59 in New York
        ("2026-11-20T21:00", "2026-11-23T13:00"),
        ("2026-11-22T12:00", "2026-11-23T13:00"),
        ("2026-11-23T12:59:59", "2026-11-23T13:00"),
        ("2026-11-23T13:00", None),
        ("2026-11-25T12:00", None),
    ],
)
def test_a_window_runs_over_the_end_of_the_week(now: str, opens: str | None) -> None:
    assert until(now, WEEKEND) == opens


def test_the_window_keeps_its_local_time_when_the_clocks_change_within_it() -> None:
    # Back on Sunday 2026-11-01, forward on Sunday 2026-03-08: an hour longer, an hour shorter in UTC.
    assert until("2026-10-30T20:00", WEEKEND) == "2026-11-02T13:00"
    assert until("2026-10-30T19:59", WEEKEND) is None
    assert until("2026-03-06T21:00", WEEKEND) == "2026-03-09T12:00"
    assert until("2026-03-06T20:59", WEEKEND) is None


def test_an_hour_that_comes_twice_is_closed_both_times() -> None:
    window = f"Sun 01:15 - Sun 01:45 {NEW_YORK}"  # 05:15 UTC in summer time, 06:45 in standard time
    assert until("2026-11-01T05:14", window) is None
    assert until("2026-11-01T05:15", window) == "2026-11-01T06:45"
    assert until("2026-11-01T06:44", window) == "2026-11-01T06:45"
    assert until("2026-11-01T06:45", window) is None


def test_an_hour_that_is_missing_makes_a_window_no_shorter() -> None:
    # 02:00 to 03:00 does not happen on 2026-03-08, where 06:59 UTC is followed by 03:00 summer time.
    assert until("2026-03-08T07:29", f"Sun 00:00 - Sun 02:30 {NEW_YORK}") == "2026-03-08T07:30"
    assert until("2026-03-08T06:30", f"Sun 02:30 - Sun 12:00 {NEW_YORK}") == "2026-03-08T16:00"
    assert until("2026-03-08T06:29", f"Sun 02:30 - Sun 12:00 {NEW_YORK}") is None


def test_windows_that_follow_each_other_are_one() -> None:
    assert until("2026-11-21T10:00", "Sat 08:00 - Sun 00:00 UTC", "Sun 00:00 - Sun 09:00 UTC") == (
        "2026-11-22T09:00"
    )


def test_a_window_in_another_one_does_not_end_it() -> None:
    assert until("2026-11-21T10:00", "Sat 00:00 - Mon 00:00 UTC", "Sat 09:00 - Sat 11:00 UTC") == (
        "2026-11-23T00:00"
    )


def test_the_zone_is_that_of_the_window_that_ends_last() -> None:
    windows = [freeze_window("Sat 00:00 - Sat 12:00 UTC"), freeze_window("Sat 09:00 - Sat 18:00 Asia/Tokyo")]
    assert frozen(windows, at("2026-11-21T01:00")) == Frozen(at("2026-11-21T12:00"), "UTC")
    windows.append(freeze_window("Sat 00:00 - Sat 23:00 Asia/Tokyo"))
    assert frozen(windows, at("2026-11-21T01:00")) == Frozen(at("2026-11-21T14:00"), "Asia/Tokyo")


@pytest.mark.parametrize(
    "windows",
    [
        ("Mon 00:00 - Thu 00:00 UTC", "Thu 00:00 - Mon 00:00 UTC"),
        ("Mon 09:00 - Mon 08:00 UTC", "Mon 07:00 - Mon 10:00 UTC"),
    ],
)
def test_windows_that_fill_the_week_never_open(windows: tuple[str, ...]) -> None:
    assert until("2026-11-21T10:00", *windows) == "never"


def test_nearly_a_whole_week_leaves_its_one_hour() -> None:
    window = "Mon 09:00 - Mon 08:00 UTC"
    assert until("2026-11-21T10:00", window) == "2026-11-23T08:00"
    assert until("2026-11-23T08:30", window) is None


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC"])
def test_over_a_year_it_is_closed_when_the_clock_on_the_wall_says_so(zone: str) -> None:
    """Against a reading of the wall clock; the quarter hours of a change of clocks are the cases above."""
    from zoneinfo import ZoneInfo

    window = freeze_window(f"Fri 16:00 - Mon 08:00 {zone}")
    moment, checked = at("2026-01-01T00:07"), 0
    while moment < at("2027-01-01T00:00"):
        wall = moment.astimezone(ZoneInfo(zone))
        day, clock = wall.weekday(), wall.time()
        closed = (day, clock) >= (4, time(16)) or (day, clock) < (0, time(8))
        found = frozen([window], moment)
        assert (found is not None) == closed, wall
        if found is not None and found.until is not None:
            end = found.until.astimezone(ZoneInfo(zone))
            assert (end.weekday(), end.time(), found.until > moment) == (0, time(8), True)
        moment += timedelta(hours=1, minutes=3)
        checked += 1
    assert checked > 8000
