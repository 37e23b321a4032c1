"""Texts with a meaning: durations, shares, freeze windows, and the grammars of names. They know no places."""

import re
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Final

from release.core import names
from release.core.freeze import FreezeWindow

_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_FINE_DURATION = re.compile(r"([0-9]{1,6})(ms|s|m)")
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)%")
_FREEZE = re.compile(
    r"(?P<from_day>[A-Z][a-z]{2}) (?P<from_time>[0-9]{2}:[0-9]{2}) - "
    r"(?P<to_day>[A-Z][a-z]{2}) (?P<to_time>[0-9]{2}:[0-9]{2}) (?P<zone>[A-Za-z0-9_+/-]+)"
)
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONGEST: Final = timedelta(days=366)


def duration(text: str) -> timedelta:
    """`90s`, `5m`, `24h`, `1d`. Raises ValueError that says what is wrong."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            "is not a duration: write a whole number and one of s, m, h, d, as in 90s, 5m, 24h, 1d"
        )
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if length > LONGEST:
        raise ValueError(f"is longer than {LONGEST.days} days")
    return length


def fine_duration(text: str) -> timedelta:
    """`1500ms`, `2s`, `5m`: how long one call takes. Raises ValueError that says what is wrong."""
    match = _FINE_DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            "is not the duration of a call: write a whole number and one of ms, s, m, as in 1500ms, 2s"
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def share(text: str) -> float:
    """`1%` is 0.01: a fraction between 0 and 1. Raises ValueError that says what is wrong."""
    match = _PERCENT.fullmatch(text)
    if match is None or float(match[1]) > 100:
        raise ValueError("is not a percentage: write 0% to 100%, as in 1% or 0.5%")
    return float(match[1]) / 100


def freeze_window(text: str) -> FreezeWindow:
    """`Fri 16:00 - Mon 08:00 America/New_York`. Raises ValueError that says what is wrong."""
    match = _FREEZE.fullmatch(text)
    if match is None:
        raise ValueError(
            "is not a freeze window: write `Day HH:MM - Day HH:MM Zone`, as in Fri 16:00 - Mon 08:00 UTC"
        )
    window = FreezeWindow(
        _day(match["from_day"]),
        _time(match["from_time"]),
        _day(match["to_day"]),
        _time(match["to_time"]),
        _zone(match["zone"]),
    )
    if (window.from_day, window.from_time) == (window.to_day, window.to_time):
        raise ValueError("ends when it starts")
    return window


def _day(text: str) -> int:
    if text not in DAYS:
        raise ValueError(f"has the day {text!r}, which is none of {', '.join(DAYS)}")
    return DAYS.index(text)


def _time(text: str) -> time:
    hour, minute = int(text[:2]), int(text[3:])
    if hour > 23 or minute > 59:
        raise ValueError(f"has the time {text!r}; times are 00:00 to 23:59")
    return time(hour, minute)


def _zone(text: str) -> str:
    if not _is_zone(text) and _is_zone(
        "Etc/UTC"
    ):  # a machine without a zone database knows none, not even this
        raise ValueError(
            f"has the zone {text!r}, which is no name of the IANA database, as in America/New_York"
        )
    return text


def _is_zone(text: str) -> bool:
    from zoneinfo import ZoneInfo  # only a pipeline with a freeze pays for importing it

    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # not found; not a relative name; a folder of zones
        return False
    return True


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a text must look like: matched whole, ASCII only."""

    pattern: re.Pattern[str]
    what: str  # "is not a region"
    fix: str


def _grammar(pattern: str, what: str, fix: str) -> Grammar:
    return Grammar(re.compile(pattern, re.ASCII), what, fix)


NAME = Grammar(names.PATTERN, names.WHAT, names.FIX)
LONGEST_NAME: Final = names.LONGEST
WORD = _grammar(
    r"[A-Za-z][A-Za-z0-9_-]*", "is not a name", "use letters, digits, '-' and '_', starting with a letter"
)
ACCOUNT = _grammar(
    r"[0-9]{12}", "is not an AWS account", 'write its 12 digits in quotes, as in "111111111111"'
)
REGION = _grammar(
    r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", "is not a region", "write it as AWS does, as in us-east-1"
)
ROLE = _grammar(
    r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+",
    "is not the ARN of a role",
    "write it as in arn:aws:iam::111111111111:role/release-deploy",
)
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 128 characters at most
POLICY = _grammar(
    r"[\w+=,.@-]{1,128}",
    "is not the name of a policy",
    "write its name alone, as in release-boundary, which `release infra bootstrap` makes",
)
# SNS CreateTopic, Name: letters, digits, _ and -, up to 256; FIFO topics take no alert without a group
TOPIC = _grammar(
    r"arn:aws[a-z-]*:sns:[a-z]{2}(-[a-z]+)+-[0-9]:[0-9]{12}:[A-Za-z0-9_-]{1,256}",
    "is not the ARN of a topic",
    "write it as in arn:aws:sns:us-east-1:999999999999:release-alerts",
)
# Lambda CreateAlias, Name: (?!^[0-9]+$)([a-zA-Z0-9-_]+), 1 to 128 characters
ALIAS = _grammar(
    r"(?![0-9]+$)[a-zA-Z0-9_-]{1,128}",
    "is not an alias name",
    "use letters, digits, '-' and '_', not digits alone, as in live",
)
# S3 "Bucket naming rules", without dots: they break TLS to the bucket's own host name
BUCKET = _grammar(
    r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    "is not a bucket name",
    "use 3 to 63 lower-case letters, digits and '-'",
)
FOLDER = _grammar(r"[^\x00-\x1f\x7f]+", "is not a folder", "write a path")
# Tag values (AWS tag naming limits): the words of a service become tags of all of its resources
TAG_VALUE = _grammar(
    r"[A-Za-z0-9_.:/=+@-](?:[A-Za-z0-9 _.:/=+@-]{0,254}[A-Za-z0-9_.:/=+@-])?",
    "cannot be the value of an AWS tag",
    "use up to 256 letters, digits, spaces and _ . : / = + - @",
)
SERVICE_GLOB = _grammar(
    r"[a-z0-9*?\[\]!-]+", "is not a pattern of service names", "write names with * and ?, as in price-*"
)
BRANCH_GLOB = _grammar(
    r"(?![/.-])(?!.*(//|\.\.|@\{|/\.|\.lock(/|$)))[A-Za-z0-9._/*?@{}+=#%,-]*[A-Za-z0-9_*?-]",
    "is not a pattern of branch names",
    "write names with * and ?, as in main or hotfix/*",
)
ALARM = _grammar(
    r"(?:[^{}\x00-\x1f\x7f]|\{function\}){1,255}",
    "is not an alarm name",
    "write the alarm's name; {function} stands for the function's name, no other braces",
)
# AWS docs, "Using Lambda environment variables": start with a letter, at least two characters
VARIABLE = _grammar(
    r"[A-Za-z][A-Za-z0-9_]+",
    "is not the name of an environment variable",
    "use a letter, then letters, digits and '_'; at least two characters",
)
ARN = _grammar(r"arn:\S+", "is not an ARN", "write the secret's ARN, as in arn:aws:secretsmanager:…")
