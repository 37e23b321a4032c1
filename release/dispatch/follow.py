"""Follow a run to its end, and tell what changes."""

from collections.abc import Callable
from typing import Final

from release.core.forge.ending import Ending, ending
from release.core.forge.facts import RunFacts
from release.errors import Unavailable
from release.ports import Clock, Forge, Ledger, LedgerState

_FIRST: Final = (1.0,) * 10  # seconds between two looks, while people still watch closely
_LATER: Final = 5.0
_PATIENCE: Final = 60  # looks in vain, one after another, before we give up
_EVENTS: Final = 100  # of the stage, of which the run's are the newest
Say = Callable[[str, str], None]  # what it is about, and what it does now


def follow(
    forge: Forge,
    ledger: Ledger,
    clock: Clock,
    run: RunFacts,
    *,
    pipeline: str,
    stage: str,
    say: Say,
    read: Callable[[], LedgerState],
) -> Ending:
    """Returns when the run has ended. `read`: the ledger as it is then. Raises Unavailable, Misconfigured."""
    last = _watch(forge, clock, run, say)
    state = read()
    events = ledger.events(state, limit=_EVENTS, pipeline=pipeline, stage=stage)
    return ending(last, events, state.head(pipeline, stage).running)


def _watch(forge: Forge, clock: Clock, run: RunFacts, say: Say) -> RunFacts:
    told: dict[str, str] = {}
    pauses, in_vain = iter(_FIRST), 0

    def tell(about: str, what: str) -> None:
        if told.get(about) != what:
            told[about] = what
            say(about, what)

    while True:
        try:
            now = forge.runs.run(run.id)
            if now is None:
                raise Unavailable(
                    "the run is not to be seen any more", fix="look whether somebody deleted it"
                )
            for job in forge.runs.jobs(run.id):
                tell(job.name, job.conclusion or job.status.replace("_", " "))
            if now.status == "waiting":
                names = ", ".join(forge.runs.waiting(run.id))
                tell("run", f"waits for the approval of {names}: {now.url}")
            else:
                tell("run", now.conclusion or now.status.replace("_", " "))
            in_vain = 0
        except Unavailable as error:
            in_vain += 1
            if in_vain >= _PATIENCE:
                raise
            tell("run", f"goes on, and is not seen: {error.cause}")
        else:
            if now.status == "completed":
                return now
        clock.sleep(next(pauses, _LATER))
