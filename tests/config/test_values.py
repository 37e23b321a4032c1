from datetime import time, timedelta

import pytest

from release.config.values import FreezeWindow, duration, fine_duration, freeze_window, share


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("24h", timedelta(days=1)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "m",
        "5 m",
        "5M",
        "1h30m",
        "-5m",
        "+5m",
        "5ms",
        "1.5h",
        "5m\n",
        chr(0x665) + "m",
        "1e9s",
        "9" * 9999,
    ],
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


def test_a_duration_ends_within_a_year() -> None:
    assert duration("366d") == timedelta(days=366)
    with pytest.raises(ValueError, match="longer than 366 days"):
        duration("367d")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1500ms", timedelta(milliseconds=1500)),
        ("2s", timedelta(seconds=2)),
        ("15m", timedelta(minutes=15)),
    ],
)
def test_the_duration_of_a_call_may_be_in_milliseconds(text: str, length: timedelta) -> None:
    assert fine_duration(text) == length


@pytest.mark.parametrize("text", ["", "5", "ms", "5 ms", "5MS", "1.5s", "1h", "1d", "5ms\n", "9" * 9 + "ms"])
def test_anything_else_is_no_duration_of_a_call(text: str) -> None:
    with pytest.raises(ValueError, match="is not the duration of a call"):
        fine_duration(text)


@pytest.mark.parametrize(("text", "fraction"), [("1%", 0.01), ("0.5%", 0.005), ("0%", 0.0), ("100%", 1.0)])
def test_a_share_is_a_percentage(text: str, fraction: float) -> None:
    assert share(text) == pytest.approx(fraction)


@pytest.mark.parametrize(
    "text", ["", "1", "%", "100.1%", "101%", "-1%", "1 %", "1%\n", ".5%", "1.%", "nan%", "1e2%"]
)
def test_anything_else_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match="is not a percentage"):
        share(text)


def test_a_freeze_window_may_run_over_the_end_of_the_week() -> None:
    assert freeze_window("Fri 16:00 - Mon 08:00 America/New_York") == FreezeWindow(
        4, time(16), 0, time(8), "America/New_York"
    )


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"])
def test_zones_are_those_of_the_iana_database(zone: str) -> None:
    assert freeze_window(f"Sat 00:00 - Sun 23:59 {zone}").zone == zone
