"""Start a workflow, and know which run that is."""

from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from release.core.forge.facts import RunFacts
from release.core.records import stamp
from release.errors import AnswerLost, Unavailable
from release.ports import Clock, Forge
from release.promotion.button import Button

_EARLIER: Final = timedelta(minutes=5)  # how far the clocks of GitHub and of this machine may differ
_TRIES: Final = 20
_PAUSE: Final = 3.0  # seconds between two looks: a run is listed some seconds after its dispatch


def start(forge: Forge, clock: Clock, button: Button, branch: str) -> RunFacts:
    """Dispatch, and find the run: by the id that GitHub answers with, where it does.

    An older GitHub tells none, and one whose answer was lost none either: then it is the one run of this
    workflow by this person that was not there before. Raises Unavailable where that is not one.
    """
    since = clock.now() - _EARLIER
    login = forge.login()
    known = {run.id for run in _recent(forge, button.file, since, login)}
    try:
        number = forge.runs.dispatch(button.file, ref=branch, inputs=button.inputs)
    except AnswerLost:
        number = None
    if number is not None:
        for _ in range(_TRIES):
            run = forge.runs.run(number)
            if run is not None:
                return run
            clock.sleep(_PAUSE)
        raise _not_found(forge, button, f"run {number} is not to be seen")
    for _ in range(_TRIES):
        new = [run for run in _recent(forge, button.file, since, login) if run.id not in known]
        if len(new) == 1:
            return new[0]
        if new:
            raise _not_found(forge, button, f"{len(new)} runs were started at the same time")
        clock.sleep(_PAUSE)
    raise _not_found(forge, button, "no run has come of it")


def _recent(forge: Forge, file: str, since: datetime, login: str | None) -> list[RunFacts]:
    runs = forge.runs.runs(file, event="workflow_dispatch")  # newest first
    recent = takewhile(lambda run: run.created_at >= stamp(since), runs)
    return [run for run in recent if login is None or run.actor == login]


def _not_found(forge: Forge, button: Button, why: str) -> Unavailable:
    return Unavailable(
        f"{button.file} was dispatched, and which run that is cannot be told: {why}",
        fix=f"look at {forge.url}/actions/workflows/{button.file} before you start it again",
    )
