"""What must hold before traffic moves, gate by gate. What cannot be checked is closed, never ignored.

Gates stand before a deployment and a promotion. No gate stops a rollback.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from release.core import eyes
from release.core.blockers import Blocker
from release.core.eyes import NOBODY, Asker, Starters
from release.core.freeze import frozen
from release.core.models import Gate, Stage
from release.core.records import Known

_FIX = "take it out of the pipeline until this version of release can act on it"
_NO_STARTERS: Final = Starters()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """That a person has signed a release off in the stage before."""

    actor: str
    run: str | None  # workflow run
    at: str = ""  # UTC, as records have it
    record: str = ""  # path of the event
    known: Known | None = None  # how the login is known without a run; neither: it is no login


@dataclass(frozen=True, slots=True)
class GateFacts:
    """All that the gates of one stage ask, of one release that is to enter it."""

    now: datetime  # UTC
    release: str  # as people call it
    since: datetime | None = None  # when the stage before has begun to run it; None: it does not run it now
    beside: str | None = None  # what else the stage before may serve now, beside it: said of the stage
    asker: Asker = NOBODY
    starters: Starters = _NO_STARTERS
    missing: tuple[str, ...] = ()  # earlier stages that have not run it with success
    older_than: str | None = None  # what the stage runs, where that is newer
    loses: str | None = None  # what the stage runs, where the release lacks its commit
    acceptance: Acceptance | None = None
    # What follows closes no gate: it is for the record of what they went by.
    commit: str = ""  # that is to enter
    runs: str | None = None  # what the stage runs, as people call it
    runs_commit: str | None = None
    record: str | None = None  # path of the success in the stage before
    passed: tuple[tuple[str, str], ...] = ()  # earlier stages and the records of its success there


def closed_gates(stage: Stage, facts: GateFacts) -> tuple[Blocker, ...]:
    """Why the gates of a stage do not let a release in, in the order of the configuration.

    Without `alarms_clear`, which is asked by who reads AWS.
    """
    found: list[Blocker] = []
    for gate in stage.gates:
        if gate.name != "alarms_clear":
            found += _GATES.get(gate.name, _unknown)(gate, stage, facts)
    return tuple(found)


def closed_by_time(stage: Stage, now: datetime) -> tuple[Blocker, ...]:
    """What may close while somebody makes up their mind: asked once more just before the start."""
    facts = GateFacts(now=now, release="")
    return tuple(
        blocker for gate in stage.gates if gate.name == "freeze" for blocker in _freeze(gate, stage, facts)
    )


def alarms_clear(stage: Stage, firing: Sequence[str]) -> tuple[Blocker, ...]:
    """The gate of that name. `firing`: alarms of the stage's functions that are on, with their regions."""
    if not firing or not has_gate(stage, "alarms_clear"):
        return ()
    more = f" and {len(firing) - 3} more" if len(firing) > 3 else ""
    return (
        Blocker(
            "alarms-on",
            f"{stage.name} has an alarm on: {', '.join(firing[:3])}{more}",
            "mend what it tells of: the gate opens when no alarm is on",
        ),
    )


def has_gate(stage: Stage, name: str) -> bool:
    return any(gate.name == name for gate in stage.gates)


def _soak(gate: Gate, stage: Stage, facts: GateFacts) -> list[Blocker]:
    before = stage.after or "a stage before"
    if not isinstance(gate.value, timedelta) or facts.since is None:
        return [
            Blocker(
                "soak",
                f"{stage.name} wants a soak of {gate.setting} in {before},"
                f" which does not run {facts.release} now",
                f"bring it to {before}, and wait",
            )
        ]
    if facts.beside is not None:
        return [
            Blocker(
                "soak",
                f"{stage.name} wants a soak of {gate.setting} of {facts.release} alone:"
                f" {before} {facts.beside}",
                f"`release status {before}` says whether to wait, or how {before} comes to one release again",
            )
        ]
    opens = facts.since + gate.value
    if facts.now >= opens:
        return []
    passed = max(facts.now - facts.since, timedelta())
    return [
        Blocker(
            "soak",
            f"{facts.release} has run in {before} for {_length(passed)} of {gate.setting};"
            f" the soak ends on {_at(opens)}",
            f"promote it after that, in {_length(opens - facts.now, up=True)}",
        )
    ]


def _freeze(gate: Gate, stage: Stage, facts: GateFacts) -> list[Blocker]:
    if not isinstance(gate.value, tuple):
        return _unknown(gate, stage, facts)
    closed = frozen(gate.value, facts.now)
    if closed is None:
        return []
    what = f"{stage.name} is frozen ({gate.setting})"
    if closed.until is None:
        fix = "leave some time between the windows: they close the whole week"
        return [Blocker("freeze", f"{what}, and the windows leave no open time: {gate.source}", fix)]
    from zoneinfo import ZoneInfo  # only a pipeline with a freeze pays for importing it

    there = closed.until.astimezone(ZoneInfo(closed.zone))
    return [
        Blocker(
            "freeze",
            f"{what} until {there:%a %Y-%m-%d %H:%M} {closed.zone}, which is {_at(closed.until)}",
            f"wait until then, {_length(closed.until - facts.now, up=True)}; a freeze stops no rollback",
        )
    ]


def _four_eyes(gate: Gate, stage: Stage, facts: GateFacts) -> list[Blocker]:
    why = eyes.objection(facts.asker, facts.starters)
    if why is None:
        return []
    where = f" (there: {stage.after})" if stage.after and "there" in why else ""
    return [
        Blocker(
            "four-eyes",
            f"four eyes are not proven for {facts.release}: {why}{where}",
            "let somebody else start or approve the workflow: not who started it in the stage before",
        )
    ]


def _order(gate: Gate, stage: Stage, facts: GateFacts) -> list[Blocker]:
    found = []
    if facts.missing:
        found.append(
            Blocker(
                "order",
                f"{facts.release} has not passed every stage before {stage.name}:"
                f" not {', '.join(facts.missing)}",
                f"bring it through {facts.missing[0]} first",
            )
        )
    if facts.older_than is not None:
        found.append(
            Blocker(
                "older",
                f"{facts.release} is older than {facts.older_than}, which {stage.name} runs;"
                " the gate order lets no option change that",
                f"to go back: release rollback {stage.name} --to TAG --reason TEXT",
            )
        )
    return found


def _no_lost_commits(gate: Gate, stage: Stage, facts: GateFacts) -> list[Blocker]:
    if facts.loses is None:
        return []
    return [
        Blocker(
            "lost-commits",
            f"{stage.name} runs {facts.loses}, which is not in the history of {facts.release}:"
            " its changes would be lost",
            "merge it, and take the merge through every stage",
        )
    ]


def _signed_off(gate: Gate, stage: Stage, facts: GateFacts) -> list[Blocker]:
    before = stage.after or "the stage before"
    fix = f"let somebody who has tested it there say: release accept {before} --reason TEXT"
    accepted = facts.acceptance
    if accepted is None:
        return [Blocker("not-signed-off", f"nobody has accepted {facts.release} in {before}", fix)]
    if not has_gate(stage, "four_eyes"):
        return []
    if accepted.run is None and accepted.known is None:
        why = f"{accepted.actor!r}, who is no login of the forge"
    elif eyes.is_bot(accepted.actor):
        why = f"{accepted.actor}, which is no person"
    elif accepted.actor.lower() in facts.asker.logins:
        why = f"{accepted.actor}, who asks"
    else:
        return []
    return [
        Blocker(
            "not-signed-off",
            f"{facts.release} was accepted in {before} by {why}: that is no second pair of eyes",
            fix.replace("say:", "say from the forge:"),
        )
    ]


def _unknown(gate: Gate, stage: Stage, facts: GateFacts) -> list[Blocker]:
    return [
        Blocker(
            "gate-not-built",
            f"the gate {gate.name} ({gate.setting}) of {stage.name} is not built yet,"
            f" so it is closed: {gate.source}",
            _FIX,
        )
    ]


_GATES: Final[Mapping[str, Callable[[Gate, Stage, GateFacts], list[Blocker]]]] = {
    "soak": _soak,
    "four_eyes": _four_eyes,
    "freeze": _freeze,
    "order": _order,
    "no_lost_commits": _no_lost_commits,
    "signed_off": _signed_off,
}


def _at(moment: datetime) -> str:
    """The minute at which it is true: a begun one is not over yet."""
    whole = moment.astimezone(UTC).replace(second=0, microsecond=0)
    return f"{whole if whole == moment else whole + timedelta(minutes=1):%a %Y-%m-%d %H:%M} UTC"


def _length(length: timedelta, *, up: bool = False) -> str:
    """`3 h 05 min`, `40 s`; `up`: never less than it is, for what is still to wait."""
    seconds = math.ceil(length.total_seconds()) if up else int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    minutes += bool(rest) and up
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
