"""A run is looked at until it has ended; what changes is told once, and an outage ends nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from release.core.forge.facts import JobFacts, RunFacts
from release.dispatch import follow
from release.errors import ExitCode, Unavailable
from release.ports import LedgerState

RUN = RunFacts(
    7, 1, "w", "workflow_dispatch", "queued", None, "c", "main", "t", "ana", "2026", "https://run/7"
)
OUT = Unavailable("GitHub is out of reach", fix="wait")


def seen(status: str, conclusion: str | None = None) -> RunFacts:
    return replace(RUN, status=status, conclusion=conclusion)


class Looks:
    """A forge, a clock and a ledger in one: what each look at the run sees. The last one stays."""

    def __init__(self, *looks: Any) -> None:
        self._looks: Iterator[Any] = iter(looks)
        self.last: Any = None
        self.slept: list[float] = []

    @property
    def runs(self) -> "Looks":
        return self

    def run(self, id: int, *, at_once: bool = False) -> RunFacts | None:
        self.last = next(self._looks, self.last)
        if isinstance(self.last, Unavailable):
            raise self.last
        found: RunFacts | None = self.last
        return found

    def jobs(self, run: int) -> Sequence[JobFacts]:
        return [JobFacts(1, "PROD / Plan", "in_progress", None, "u")]

    def waiting(self, run: int) -> Sequence[str]:
        return ["prod-approval"]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def events(self, state: LedgerState, **asked: Any) -> Sequence[Any]:
        assert (asked["pipeline"], asked["stage"]) == ("fleet", "prod")
        return []


def followed(looks: Looks) -> tuple[ExitCode, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    ended = follow(
        looks,  # type: ignore[arg-type] - all that is used of it
        looks,  # type: ignore[arg-type]
        looks,  # type: ignore[arg-type]
        RUN,
        pipeline="fleet",
        stage="prod",
        say=lambda about, what: told.append((about, what)),
        read=lambda: LedgerState(None, {}),
    )
    return ended.code, told


def test_what_changes_is_told_and_what_does_not_is_told_once() -> None:
    looks = Looks(
        seen("queued"), seen("queued"), seen("waiting"), seen("waiting"), seen("completed", "failure")
    )

    assert followed(looks) == (
        ExitCode.CLOSED,
        [
            ("PROD / Plan", "in progress"),
            ("run", "queued"),
            ("run", "waits for the approval of prod-approval: https://run/7"),
            ("run", "failure"),
        ],
    )


def test_people_who_just_began_to_watch_see_more_often_what_happens() -> None:
    looks = Looks(*[seen("in_progress")] * 12, seen("completed", "success"))

    followed(looks)

    assert looks.slept == [1.0] * 10 + [5.0] * 2


def test_an_outage_is_waited_out_and_told_once() -> None:
    looks = Looks(seen("in_progress"), OUT, OUT, seen("in_progress"), seen("completed", "success"))

    code, told = followed(looks)

    assert code == ExitCode.DONE
    assert [what for about, what in told if about == "run"] == [
        "in progress", "goes on, and is not seen: GitHub is out of reach", "in progress", "success",
    ]  # fmt: skip


@pytest.mark.parametrize("nothing", [OUT, None])
def test_a_run_that_is_never_seen_again_is_not_looked_for_for_ever(nothing: Any) -> None:
    looks = Looks(seen("in_progress"), nothing)

    with pytest.raises(Unavailable):
        followed(looks)

    assert 60 <= len(looks.slept) < 120
