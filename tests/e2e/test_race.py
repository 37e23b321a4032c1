"""Twelve people press the same button on the same commit."""

import time
from collections.abc import Callable

import pytest

from tests.e2e.fleet import World
from tests.e2e.processes import Ended

RACERS = 12
PROMOTE = ("promote", "qa", "--yes")


LATE = 2
STARTS = ("their pushes together", "together", "two of them late")


def race(world: World, start: str) -> list[Ended]:
    """Twelve processes promote at once, in one of the ways of `STARTS`.

    "their pushes together": the remote lets no push through before all twelve push. "two of them late": they
    begin when the winner has succeeded.
    """
    world.reset_pushes()
    gate = world.control / "gate"
    if start == STARTS[0]:
        gate.mkdir()
    early = RACERS - LATE if start == STARTS[2] else RACERS
    racers = [world.start(*PROMOTE) for _ in range(early)]
    if start == STARTS[0]:
        world.until(lambda: len(list(gate.iterdir())) == RACERS)
        (world.control / "gate-open").touch()
    if start == STARTS[2]:
        world.until(lambda: len(world.pushes()) == 2)  # `started`, then the outcome
        racers += [world.start(*PROMOTE) for _ in range(LATE)]
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


def run_round(make: Callable[[], World], number: int, proof: Callable[[str], None]) -> None:
    world, start = make(), STARTS[number % len(STARTS)]
    begun = time.monotonic()
    ended = race(world, start)
    seconds = time.monotonic() - begun
    assert_one_winner(world, ended)
    codes = [racer.code for racer in ended]
    assert codes.count(0) > (LATE if start == STARTS[2] else 0)
    found = f"one won, {codes.count(4)} ended with 4, {codes.count(0) - 1} with 0"
    proof(f"race {number:2d}, {RACERS} processes, {start}: {found}, {seconds:.1f} s")


@pytest.mark.prove
@pytest.mark.parametrize("number", range(20))
def test_of_twelve_at_once_one_mints_the_tag_every_time(
    proven_in_dev: Callable[[], World], number: int, proof: Callable[[str], None]
) -> None:
    run_round(proven_in_dev, number, proof)
