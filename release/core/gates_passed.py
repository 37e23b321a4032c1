"""What the gates of a stage went by when they let a release in: facts for the record, gate by gate. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from release.core.gates import GateFacts, has_gate
from release.core.models import Stage
from release.core.records import Passed, Seen, stamp


def passed_gates(stage: Stage, facts: GateFacts) -> tuple[Passed, ...]:
    """Every gate that is open, in the order of the configuration, with what it saw.

    Without `alarms_clear`, which is asked by who reads AWS.
    """
    return tuple(
        Passed(gate.name, gate.setting, tuple(_SEEN[gate.name](stage, facts)))
        for gate in stage.gates
        if gate.name in _SEEN
    )


def let_in_before(stage: Stage, record: str) -> tuple[Passed, ...]:
    """Of a release that entered earlier and is brought in again: the record that its gates are in."""
    seen = (Seen("let_in_before", record),)
    return tuple(Passed(gate.name, gate.setting, seen) for gate in stage.gates if gate.name in _SEEN)


def passed_alarms(
    stage: Stage, states: Sequence[tuple[str, str]], *, despite: str | None = None
) -> tuple[Passed, ...]:
    """The gate alarms_clear. `states`: alarm with its region -> state; `despite`: why nobody looked."""
    if not has_gate(stage, "alarms_clear"):
        return ()
    setting = next(gate.setting for gate in stage.gates if gate.name == "alarms_clear")
    seen = [Seen("despite", despite)] if despite is not None else [Seen(*one) for one in sorted(states)]
    return (Passed("alarms_clear", setting, tuple(seen)),)


def gates_json(gates: Sequence[Passed] | None) -> list[dict[str, Any]] | None:
    """As plans, audits and exports write them. None: none was asked, or it is not recorded."""
    if gates is None:
        return None
    return [
        {
            "gate": passed.gate,
            "setting": passed.setting,
            "seen": [{"what": seen.what, "value": seen.value} for seen in passed.seen],
        }
        for passed in gates
    ]


def _soak(stage: Stage, facts: GateFacts) -> Iterable[Seen]:
    yield Seen("stage", stage.after or "")
    if facts.since is not None:
        yield Seen("since", stamp(facts.since))
    if facts.record is not None:
        yield Seen("record", facts.record)


def _freeze(stage: Stage, facts: GateFacts) -> Iterable[Seen]:
    yield Seen("no_window_open_at", stamp(facts.now))


def _four_eyes(stage: Stage, facts: GateFacts) -> Iterable[Seen]:
    yield from _people("asked_by", facts.asker.logins)
    yield from _people("started_before_by", facts.starters.logins)
    yield from _people("approved_by", facts.asker.approvers)


def _order(stage: Stage, facts: GateFacts) -> Iterable[Seen]:
    yield from (Seen(f"passed {name}", record) for name, record in facts.passed)
    yield Seen("not_older_than", facts.runs or "nothing")


def _no_lost_commits(stage: Stage, facts: GateFacts) -> Iterable[Seen]:
    yield Seen("from", facts.runs_commit or "nothing")
    yield Seen("to", facts.commit)


def _signed_off(stage: Stage, facts: GateFacts) -> Iterable[Seen]:
    accepted = facts.acceptance
    if accepted is None:
        return
    yield Seen("by", accepted.actor)
    yield Seen("at", accepted.at)
    if accepted.run is not None:
        yield Seen("run", accepted.run)
    if accepted.known is not None:
        yield Seen("login_known_by", accepted.known)
    yield Seen("record", accepted.record)


def _people(what: str, logins: Iterable[str]) -> Iterable[Seen]:
    return (Seen(what, login) for login in sorted(logins))


_SEEN: Final[Mapping[str, Callable[[Stage, GateFacts], Iterable[Seen]]]] = {
    "soak": _soak,
    "freeze": _freeze,
    "four_eyes": _four_eyes,
    "order": _order,
    "no_lost_commits": _no_lost_commits,
    "signed_off": _signed_off,
}
