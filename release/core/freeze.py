"""Calendar windows in which a stage is left alone: whether one is open now, and when the last one ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

_WEEK: Final = timedelta(days=7)
_HORIZON: Final = timedelta(days=15)  # windows come every week: what is closed for longer never opens


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """A stretch of every week, in the local time of a zone. It may run over the end of the week."""

    from_day: int  # 0 is Monday
    from_time: time
    to_day: int
    to_time: time
    zone: str  # IANA name


@dataclass(frozen=True, slots=True)
class Frozen:
    """`until` is the first moment at which no window is open (UTC). None: the windows leave no open time."""

    until: datetime | None
    zone: str  # of the window that ends last


def frozen(windows: Sequence[FreezeWindow], now: datetime) -> Frozen | None:
    """Whether any window is open at a moment, and until when. None: none is.

    A window begins at the first instant that its local time may mean and ends at the last one: where clocks
    go back an hour comes twice, and where they go forward an hour is missing
    (https://docs.python.org/3/library/datetime.html#datetime.datetime.fold).
    """
    ends = [(end, window.zone) for window in windows if (end := _end(window, now)) is not None]
    if not ends:
        return None
    until, zone = max(ends)
    while ends:
        if until - now > _HORIZON:
            return Frozen(None, zone)
        ends = [(end, window.zone) for window in windows if (end := _end(window, until)) is not None]
        until, zone = max([(until, zone), *ends])
    return Frozen(until, zone)


def _end(window: FreezeWindow, now: datetime) -> datetime | None:
    """The end of the occurrence that holds this moment. The end itself is outside."""
    from zoneinfo import ZoneInfo  # only a pipeline with a freeze pays for importing it

    zone = ZoneInfo(window.zone)
    local = now.astimezone(zone)
    monday = datetime.combine(local.date() - timedelta(days=local.weekday()), time())
    length = (window.to_day - window.from_day) % 7
    later = window.to_time <= window.from_time
    days = timedelta(days=7 if not length and later else length)
    for week in (-_WEEK, timedelta(), _WEEK):
        day = monday + week + timedelta(days=window.from_day)
        begin = _instants(datetime.combine(day, window.from_time), zone)[0]
        end = _instants(datetime.combine(day + days, window.to_time), zone)[1]
        if begin <= now < end:
            return end
    return None


def _instants(local: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The first and the last instant (UTC) that a local time may mean."""
    both = sorted(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return both[0], both[1]
