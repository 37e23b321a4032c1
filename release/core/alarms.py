"""What CloudWatch alarms say before and during a rollout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from release.core.analysis import Fail, Inconclusive, Pass, Verdict
from release.core.blockers import Blocker

AlarmState = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

_FUNCTION: Final = "{function}"
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class AlarmFacts:
    """One alarm as CloudWatch has it now."""

    name: str
    state: AlarmState
    functions: tuple[str, ...] = ()  # FunctionName dimensions of its metrics; empty: not about a function
    resources: tuple[str, ...] = ()  # their Resource dimensions: "prices", "prices:live", "prices:7"
    since: datetime | None = None  # when it entered its state


def names(patterns: Sequence[str], functions: Sequence[str]) -> tuple[str, ...]:
    """The alarms that patterns with `{function}` name for these functions, each once."""
    return tuple(_expected(patterns, functions))


def preflight(
    patterns: Sequence[str],
    functions: Sequence[str],
    facts: Mapping[str, AlarmFacts],
    *,
    alias: str,
    where: str,
    overridden: bool = False,
) -> tuple[Blocker, ...]:
    """Why the configured alarms cannot watch over a rollout of these functions.

    `alias` is the one that serves, `where` says for people which stage and region the alarms are of, and
    `overridden` that somebody gave a reason to go on although alarms fire. An alarm that is about no function
    at all (an API, a queue, a metric of the service's own) may have any name. One on a single lambda version
    or another alias would stay silent in a rollout.
    """
    blockers: list[Blocker] = []
    for name, function in _expected(patterns, functions).items():
        alarm = facts.get(name)
        if alarm is None:
            blockers.append(_missing(name, where))
            continue
        if function is not None:
            blockers += _misplaced(alarm, function, alias, where)
        if _fires(alarm) and not overridden:
            blockers.append(_firing(alarm, where))
    return tuple(blockers)


def judge_alarms(watched: Sequence[str], facts: Mapping[str, AlarmFacts]) -> Verdict:
    """The verdict of alarms alone: fail when one fires, pass when all are OK.

    One that is gone, or has no data, says nothing. Take alarms that were overridden out of `watched`.
    """
    firing = [name for name in watched if name in facts and _fires(facts[name])]
    if firing:
        return Fail(f"{_alarms(firing)} in ALARM: {_shown(firing)}")
    gone = [name for name in watched if name not in facts]
    if gone:
        return Inconclusive(f"{_alarms(gone)} gone: {_shown(gone)}")
    silent = [name for name in watched if facts[name].state != "OK"]
    if silent:
        return Inconclusive(f"{_alarms(silent)} without data: {_shown(silent)}")
    return Pass(f"{_alarms(watched)} OK" if watched else "no alarms are configured")


def _expected(patterns: Sequence[str], functions: Sequence[str]) -> Mapping[str, str | None]:
    """Alarms by name, with the function that each must be about where its name says one."""
    named: dict[str, str | None] = {}
    for pattern in patterns:
        if _FUNCTION in pattern:
            named |= {pattern.replace(_FUNCTION, function): function for function in functions}
        else:
            named.setdefault(pattern, None)
    return named


def _fires(alarm: AlarmFacts) -> bool:
    return alarm.state == "ALARM"


def _missing(name: str, where: str) -> Blocker:
    return Blocker(
        "alarm-missing",
        f"{where} has no alarm {name}",
        "create it, or take it out of `alarms` of the rollout",
    )


def _misplaced(alarm: AlarmFacts, function: str, alias: str, where: str) -> list[Blocker]:
    if alarm.functions and function not in alarm.functions:
        return [
            Blocker(
                "alarm-of-another-function",
                f"alarm {alarm.name} of {where} watches {_shown(alarm.functions)}, not {function}",
                f"set its dimension FunctionName to {function}",
            )
        ]
    serving = (function, f"{function}:{alias}")
    if alarm.resources and not any(resource in serving for resource in alarm.resources):
        return [
            Blocker(
                "alarm-beside-the-alias",
                f"alarm {alarm.name} of {where} watches {_shown(alarm.resources)}: it does not see "
                f"the calls of the alias {alias}",
                f"set its dimension Resource to {function}:{alias}, or leave the dimension out",
            )
        ]
    return []


def _firing(alarm: AlarmFacts, where: str) -> Blocker:
    since = f" since {alarm.since:%Y-%m-%d %H:%M} UTC" if alarm.since else ""
    return Blocker(
        "alarm-firing",
        f"alarm {alarm.name} of {where} fires already{since}: it cannot tell a bad release from a good one",
        "wait until it is OK again, or give a reason to go on: "
        "then the new version is judged against the stable one alone",
    )


def _alarms(found: Sequence[str]) -> str:
    return f"{len(found)} {'alarm is' if len(found) == 1 else 'alarms are'}"


def _shown(found: Sequence[str]) -> str:
    more = len(found) - _NAMED
    return ", ".join(found[:_NAMED]) + (f" and {more} more" if more > 0 else "")
