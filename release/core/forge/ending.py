"""What state a run has left the world in: the ledger says it, not the colour of the run."""

from collections.abc import Sequence
from dataclasses import dataclass

from release.core.forge.facts import RunFacts
from release.core.records import Event, Running
from release.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Ending:
    code: ExitCode
    says: str
    fix: str  # empty: there is nothing to do
    record: str | None = None  # path in the ledger


def ending(run: RunFacts, events: Sequence[Event], running: Running | None) -> Ending:
    """`events`: the newest of the stage, newest first; `running`: what holds the stage now."""
    ours = {event.id for event in events if (event.run or "").partition(".")[0] == str(run.id)}
    ended = next((one for one in events if one.id in ours and one.kind == "outcome"), None)
    if ended is not None:
        return _ended(ended)
    begun = next((one for one in events if one.id in ours), None)
    if begun is None:
        return _unchanged(run)
    if running is not None and running.id == begun.id:
        return Ending(
            ExitCode.UNDER_WAY,
            f"{begun.verb} of {begun.label} is under way in {begun.stage}",
            f"watch.yml goes on with it; release status {begun.stage} shows how far, "
            f"and release abort {begun.stage} --reason TEXT takes it back",
            begun.path,
        )
    return Ending(
        ExitCode.TRY_AGAIN,
        f"somebody else has ended what the run began with {begun.label}",
        f"release status {begun.stage} shows where things stand",
        begun.path,
    )


def _ended(event: Event) -> Ending:
    what = f"{event.verb} of {event.label} in {event.stage}"
    why = f": {event.failure}" if event.failure else ""
    match event.outcome:
        case "succeeded":
            return Ending(ExitCode.DONE, f"{event.stage} serves {event.label}", "", event.path)
        case "stranded":
            return Ending(
                ExitCode.STRANDED,
                f"{what} failed, and not everything went back{why}",
                f"a person must look: release status {event.stage}",
                event.path,
            )
        case _:
            return Ending(
                ExitCode.ROLLED_BACK,
                f"{what} has {event.outcome}{why}; what served before serves now",
                f"release audit show {event.label}",
                event.path,
            )


def _unchanged(run: RunFacts) -> Ending:
    match run.conclusion:
        case "success":
            return Ending(ExitCode.DONE, "the run had nothing to change", "")
        case "cancelled" | "timed_out" | "stale" | "startup_failure":
            says = f"the run was {run.conclusion.replace('_', ' ')} before it changed anything"
            return Ending(ExitCode.TRY_AGAIN, says, f"start it again; {run.url} says why")
        case _:
            return Ending(
                ExitCode.CLOSED,
                f"the run ended before it changed anything ({run.conclusion or run.status})",
                f"look at its plan and its log: {run.url}",
            )
