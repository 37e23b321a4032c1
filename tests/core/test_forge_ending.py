"""What a run has done is what the ledger says of it."""

from typing import Any

import pytest

from release.core.forge.ending import ending
from release.core.forge.facts import RunFacts
from release.core.records import Event, Holder, ReleaseRef, Running
from release.errors import ExitCode

RELEASE = ReleaseRef("c" * 40, "d" * 64, "v1.0.0", "e" * 40)


def run(conclusion: str | None = "success") -> RunFacts:
    return RunFacts(
        77, 2, "w", "e", "completed", conclusion, "c", "main", "t", "ana", "2026", "https://run/77"
    )


def event(kind: Any, id: str = "p1", run: str | None = "77.1", **more: Any) -> Event:
    return Event(
        kind=kind, id=id, at="2026-11-21T12:00:00Z", pipeline="fleet", stage="prod", verb="promote",
        release=RELEASE, actor="ana", tool="t", fence=1, run=run, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ("succeeded", ExitCode.DONE),
        ("failed", ExitCode.ROLLED_BACK),
        ("errored", ExitCode.ROLLED_BACK),
        ("aborted", ExitCode.ROLLED_BACK),
        ("stranded", ExitCode.STRANDED),
    ],
)
@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_the_outcome_counts_and_not_the_conclusion(outcome: Any, code: ExitCode, conclusion: str) -> None:
    ended = ending(
        run(conclusion), [event("outcome", outcome=outcome, failure="why"), event("started")], None
    )

    assert ended.code == code
    assert "v1.0.0" in ended.says
    assert ended.record is not None and bool(ended.fix) == (code != ExitCode.DONE)


def test_what_the_run_began_and_another_one_ended_is_still_what_became_of_it() -> None:
    events = [event("outcome", run="99.1", outcome="succeeded"), event("started")]

    assert ending(run(), events, None).code == ExitCode.DONE


def test_the_promotion_of_another_run_is_none_of_ours() -> None:
    others = [event("outcome", "p2", run="770.1", outcome="failed"), event("started", "p2", run=None)]

    assert ending(run("success"), others, None).code == ExitCode.DONE
    assert ending(run("failure"), others, None).code == ExitCode.CLOSED
    assert "https://run/77" in ending(run("failure"), others, None).fix


@pytest.mark.parametrize("conclusion", ["cancelled", "timed_out", "stale", "startup_failure"])
def test_what_never_came_to_anything_may_be_tried_again(conclusion: str) -> None:
    assert ending(run(conclusion), [], None).code == ExitCode.TRY_AGAIN


def test_what_still_holds_the_stage_is_under_way() -> None:
    holder = Holder("h", 1, "1")
    running = Running(
        "p1", "promote", RELEASE, "ana", "2026-11-21T12:00:00Z", "r", holder, "2026-11-21T13:00:00Z"
    )

    assert ending(run(), [event("started")], running).code == ExitCode.UNDER_WAY
    assert ending(run(), [event("started")], None).code == ExitCode.TRY_AGAIN
