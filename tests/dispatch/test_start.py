"""Which run a dispatch has started, also where GitHub does not say so."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from release.core.forge.facts import RunFacts
from release.dispatch import start
from release.errors import AnswerLost, Unavailable
from release.promotion.button import Button

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BUTTON = Button("promote-prod.yml", {"reason": "x"})


def run(id: int, actor: str = "ana", created_at: str = "2026-11-21T12:00:01Z") -> RunFacts:
    workflow = ".github/workflows/promote-prod.yml"
    return RunFacts(
        id, 1, workflow, "workflow_dispatch", "queued", None, "c", "main", "t", actor, created_at, f"u/{id}"
    )


class Clock:
    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class OldForge:
    """Lists a run so many looks after its dispatch, and says no id. `lost`: nor that it has been started."""

    url = "https://github.com/acme/fleet"

    def __init__(
        self, *new: RunFacts, before: tuple[RunFacts, ...] = (), late: int = 0, lost: bool = False
    ) -> None:
        self._new, self._before, self._late, self._lost = new, before, late, lost
        self.dispatched: list[tuple[str, str, Mapping[str, str]]] = []

    @property
    def runs(self) -> Any:
        return _Runs(self)

    def login(self) -> str:
        return "ana"

    def listed(self) -> Iterator[RunFacts]:
        if self.dispatched and self._late <= 0:
            yield from self._new
        self._late -= bool(self.dispatched)
        yield from self._before

    def dispatch(self, workflow: str, ref: str, inputs: Mapping[str, str]) -> None:
        self.dispatched.append((workflow, ref, inputs))
        if self._lost:
            raise AnswerLost("lost", fix="look")


class _Runs:
    def __init__(self, forge: OldForge) -> None:
        self._forge = forge

    def runs(
        self, workflow: str, *, event: str | None = None, since: str | None = None
    ) -> Iterator[RunFacts]:
        assert (workflow, event) == ("promote-prod.yml", "workflow_dispatch")
        return self._forge.listed()

    def dispatch(self, workflow: str, *, ref: str, inputs: Mapping[str, str]) -> None:
        return self._forge.dispatch(workflow, ref, inputs)


def started(forge: OldForge, clock: Clock | None = None) -> RunFacts:
    return start(forge, clock or Clock(), BUTTON, "main")  # type: ignore[arg-type] - all that it uses


@pytest.mark.parametrize("lost", [False, True])
def test_without_an_id_it_is_the_one_run_of_the_same_person_that_was_not_there_before(lost: bool) -> None:
    forge = OldForge(run(8), run(7, actor="ben"), before=(run(6),), late=3, lost=lost)

    assert started(forge).id == 8
    assert forge.dispatched == [("promote-prod.yml", "main", {"reason": "x"})]


def test_two_new_runs_are_not_guessed_between() -> None:
    with pytest.raises(Unavailable, match="2 runs were started at the same time") as caught:
        started(OldForge(run(8), run(7)))

    assert "https://github.com/acme/fleet/actions/workflows/promote-prod.yml" in caught.value.fix


def test_no_run_at_all_is_said_after_a_minute_and_nothing_is_dispatched_twice() -> None:
    forge, clock = OldForge(lost=True), Clock()

    with pytest.raises(Unavailable, match="no run has come of it"):
        started(forge, clock)

    assert len(forge.dispatched) == 1
    assert clock.slept == 60.0


def test_runs_of_long_ago_are_not_even_read() -> None:
    def long_ago() -> Iterator[RunFacts]:
        yield run(5, created_at="2026-11-20T12:00:00Z")
        raise AssertionError("read on")

    forge = OldForge(run(8))
    listed = forge.listed
    forge.listed = lambda: (one for part in (listed(), long_ago()) for one in part)  # type: ignore[method-assign]

    assert started(forge).id == 8
