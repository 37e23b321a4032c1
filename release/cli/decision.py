"""Show → ask → write: the same for every verb by which people decide."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from release.cli.context import (
    confirm,
    json_option,
    pipeline_option,
    reason_option,
    wiring,
    with_options,
    yes_option,
)
from release.cli.output import say, show, show_json
from release.errors import ExitCode

if TYPE_CHECKING:
    from release.core.decisions import Deciding
    from release.core.records import Event
    from release.promotion import Setup
    from release.wire import Wiring

_F = TypeVar("_F", bound=Callable[..., Any])


def decision_options(command: _F) -> _F:
    """The options that all of them have."""
    return with_options(command, reason_option(required=True), pipeline_option, yes_option, json_option)


def read_state(directory: Path, pipeline: str | None) -> "tuple[Wiring, Setup]":
    from release.promotion import read_setup

    wired = wiring(directory)
    return wired, read_setup(wired.repo, wired.ledger, pipeline)


def write(
    wired: "Wiring", setup: "Setup", decisions: "Sequence[Deciding]", reason: str, *, yes: bool, as_json: bool
) -> int:
    """Write one decision, or the same one about several stages. Exit code 0, also when it is so already."""
    from release.core.decisions import done_already, refuse
    from release.decide import decide
    from release.views.decisions import decided_text, decision_json, decision_text

    who, state = wired.who(), setup.state
    results = []
    for one in decisions:
        if not as_json:
            show(decision_text(one, reason))
        why = done_already(one, who.actor, who.proof)
        event = None
        if why is None:
            refuse(one)
            confirm(f"{one.kind} {one.about}?", yes=yes, in_ci=wired.in_ci)
            event = decide(wired.ledger, state, one, reason, who=who, clock=wired.clock)
            state = wired.ledger.read() if one is not decisions[-1] else state
            if event is not None:
                _tell(wired, setup, event)
        results.append(decision_json(one, event, why))
        if not as_json:
            show(decided_text(one, event, why))
    if as_json:
        show_json(results[0] if len(results) == 1 else results)
    return ExitCode.DONE


def _tell(wired: "Wiring", setup: "Setup", event: "Event") -> None:
    """Whoever wants to know. That somebody cannot be told changes nothing."""
    from release.core.notices import of_decision

    notice = of_decision(event)
    if notice is None:
        return
    place = setup.stage(event.stage).environment.places[0]
    for untold in wired.notifier(setup.pipelines).tell(notice, place):
        say(f"untold: {untold}", err=True)
