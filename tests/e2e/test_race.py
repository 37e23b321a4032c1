"""Twelve people press the same button on the same commit."""

import time
from collections.abc import Callable

import pytest

from tests.e2e.fleet import World
from tests.e2e.processes import Ended

RACERS = 12
PROMOTE = ("promote", "qa", "--yes")


STARTS = ("their pushes together", "together", "a moment apart")


def race(world: World, start: str) -> list[Ended]:
    """Twelve processes promote at once, in one of the ways of `STARTS`.

    "their pushes together": the remote lets no push through before all twelve push. "a moment apart": the
    last ones begin when the winner may have succeeded already.
    """
    world.reset_pushes()
    gate = world.control / "gate"
    if start == STARTS[0]:
        gate.mkdir()
    racers = []
    for _ in range(RACERS):
        racers.append(world.start(*PROMOTE))
        time.sleep(0.3 if start == STARTS[2] else 0.0)
    if start == STARTS[0]:
        world.until(lambda: len(list(gate.iterdir())) == RACERS)
        (world.control / "gate-open").touch()
    pending, ended = list(racers), []
    while pending:
        # The order and time of their ends matters: none may end with 0 before the winner has succeeded.
        for racer in [racer for racer in pending if racer.ended]:
            pending.remove(racer)
            ended.append(racer.wait())
        time.sleep(0.005)
    return ended


def assert_one_winner(world: World, ended: list[Ended]) -> None:
    assert {racer.code for racer in ended} <= {0, 4}, "\n".join(map(str, ended))
    events = world.remote.assert_no_half_state()
    mine = [event for event in events if event["stage"] == "qa"]
    assert [(event["kind"], event.get("outcome")) for event in mine] == [
        ("started", None),
        ("outcome", "succeeded"),
    ]
    tag, (_object, kind, _commit) = next(iter(world.remote.tags().items()))
    assert (list(world.remote.tags()), kind) == ([tag], "tag")

    (winner,) = [racer for racer in ended if f"started, tag {tag}" in racer.err]
    assert (winner.code, mine[0]["id"]) == (0, world.remote.trailers(tag)["Release-Nonce"])
    # Pushes after the gate: `started`, then the outcome.
    sealed = world.pushes()[-1]
    for racer in (racer for racer in ended if racer is not winner):
        if racer.code == 0:
            assert "nothing to do" in racer.out, str(racer)
            assert racer.at > sealed, "a loser ended with 0 before the winner had succeeded"
        else:
            assert "error:" in racer.err and "fix:" in racer.err, str(racer)
            assert "Traceback" not in racer.err, str(racer)
    assert set(world.live("qa").values()) == {"1"}


def run_round(make: Callable[[], World], number: int, show: pytest.CaptureFixture[str]) -> None:
    world, start = make(), STARTS[number % len(STARTS)]
    begun = time.monotonic()
    ended = race(world, start)
    seconds = time.monotonic() - begun
    assert_one_winner(world, ended)
    codes = [racer.code for racer in ended]
    found = f"{codes.count(4)} ended with 4, {codes.count(0)} with 0"
    with show.disabled():
        print(f"\nrace {number}, {start}: {found}, {seconds:.1f} s")


@pytest.mark.parametrize("number", range(2))
def test_of_twelve_at_once_one_mints_the_tag(
    proven_in_dev: Callable[[], World], number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run_round(proven_in_dev, number, capsys)


@pytest.mark.prove
@pytest.mark.parametrize("number", range(20))
def test_of_twelve_at_once_one_mints_the_tag_every_time(
    proven_in_dev: Callable[[], World], number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run_round(proven_in_dev, number, capsys)
