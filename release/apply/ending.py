"""How a promotion leaves its stage: sealed with an outcome, paused, or let go."""

import contextlib
from dataclasses import dataclass, replace

from release.apply.record import event, write
from release.apply.tell import tell
from release.apply.work import Aborted, LostHold, Paused, Work
from release.core.reasons import redacted
from release.core.records import Event, Outcome, Served, restores, stamp
from release.errors import Conflict, ReleaseError, Unrecorded


@dataclass(frozen=True, slots=True)
class Applied:
    """How it ended. `failure` None: succeeded, or `paused`: it has not ended yet."""

    event: Event
    failure: ReleaseError | None
    paused: Paused | None = None


def let_go(work: Work) -> None:
    """Interrupted: the next holder, on whatever machine, can go on at once. One try; nothing hangs on it."""
    with contextlib.suppress(ReleaseError):
        left = event(work, "let-go", moved=tuple(work.journal.arrived))
        work.tools.ledger.append(work.tools.ledger.read(), left)


def pause(work: Work, paused: Paused) -> Applied:
    """Leave the stage as it is to whoever comes next. Raises Conflict, Unrecorded."""
    at = stamp(paused.next_at) if paused.next_at else None
    why = redacted(paused.why)
    note = event(
        work,
        "paused",
        failure=why,
        next_at=at,
        judged=work.journal.judged,
        moved=tuple(work.journal.arrived),
        notes=_notes(work),
    )
    try:
        write(work, note)
    except (LostHold, Aborted):
        raise
    except ReleaseError as error:
        raise Unrecorded(
            f"{paused.why}, and the pause cannot be recorded: {error.cause}",
            fix=f"release advance {work.plan.stage}, when the remote is back",
        ) from error
    work.say("paused", why=why, next_at=at)
    tell(work, note)
    return Applied(note, None, paused)


def _notes(work: Work) -> tuple[str, ...]:
    return tuple(redacted(note) for note in work.journal.notes)


def seal(work: Work, outcome: Outcome, failure: ReleaseError | None, report: tuple[str, ...]) -> Applied:
    """Write the outcome. Raises Unrecorded when the ledger cannot be reached for long."""
    sealed = event(
        work,
        "outcome",
        # What is left half-way may have been moved by those whom this promotion has ended.
        supersedes=work.journal.supersedes if outcome == "stranded" else (),
        after=tuple(_after(work)) if outcome == "succeeded" else (),
        outcome=outcome,
        failure=redacted(failure.cause) if failure else None,
        report=tuple(redacted(line) for line in report),
        hold=_hold(work, outcome, failure),
        judged=work.journal.judged,
        moved=tuple(work.journal.arrived) if outcome == "succeeded" else (),
        notes=_notes(work),
    )
    try:
        write(work, sealed, aborted=failure is not None)
    except (Conflict, Aborted):
        raise
    except ReleaseError as error:
        if failure is not None:
            # The world is as `failure` and `report` say; that the record is missing is one line more.
            failure.details = (*failure.details, f"the record of this could not be written: {error.cause}")
            tell(work, sealed)
            return Applied(sealed, failure)
        raise Unrecorded(
            f"the rollout {outcome}, but its record cannot be written: {error.cause}",
            fix="run the same command again when the remote is back: it only records what is done",
        ) from error
    work.say("sealed", outcome=outcome)
    tell(work, sealed)
    return Applied(sealed, failure)


def _hold(work: Work, outcome: Outcome, failure: ReleaseError | None) -> str | None:
    """What those are told who want to enter the stage after a failure, where it is to be held."""
    plan, left = work.plan, work.journal.left
    if left:
        return redacted(f"{plan.release.label} failed, and not all goes back by itself: {min(left)}")
    if not plan.hold_on_failure or restores(plan.verb) or outcome not in ("failed", "stranded"):
        return None
    return redacted(f"{plan.release.label} failed: {failure.cause if failure else outcome}")


def _after(work: Work) -> list[Served]:
    """What every function of the stage serves now; what was no part of this is as it was recorded."""
    moved = [
        replace(
            change.served,
            lambda_version=work.journal.versions[work.place(change.served), change.served.function],
            code=change.artifact,
        )
        if change.changes
        else change.served
        for change in work.plan.changes
    ]
    return [*work.plan.kept, *moved]
