"""us-east-1 is gone: the drill of docs/accounts.md, command by command as the page has it."""

import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import World
from tests.e2e.processes import Ended
from tests.e2e.texts import PRIMARY, REGIONS, REPLICA

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "accounts.md").read_text(encoding="utf-8")
ASKS = ("promote", "rollback", "unhold")  # a person says yes to what is shown
PARTS = (
    "the region is gone",
    "a fix goes out without it",
    "it is back",
    "a release is taken back without it",
)


def drill() -> Iterator[tuple[str, list[tuple[list[str], int]]]]:
    """Headings of the drill, with the words and the exit code of each command."""
    text = PAGE.partition("## The drill: us-east-1 is gone\n")[2].partition("\n## ")[0]
    for heading, block in re.findall(r"^### (.+?)\n.*?^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        commands = []
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            assert words[0] == "release", line
            code = re.search(r"# exit code (\d+)", line)
            commands.append((words[1:], int(code[1]) if code else 0))
        yield heading.lower(), commands


class Drill:
    def __init__(self, world: World) -> None:
        self.world, self.parts = world, dict(drill())
        self.seconds: dict[str, float] = {}

    def play(self, part: str) -> list[Ended]:
        begun = time.monotonic()
        done = [
            self.world.release(*words, *(["--yes"] if words[0] in ASKS else []), ends=code)
            for words, code in self.parts[part]
        ]
        self.seconds[part] = time.monotonic() - begun
        return done

    def serves(self, *regions: str) -> set[Any]:
        """Which release the handlers of these regions say that they are."""
        return {self.world.says(name, "prod", region) for name in self.world.services for region in regions}


def test_the_page_has_the_parts_of_the_drill_in_their_order() -> None:
    assert tuple(name for name, _ in drill()) == PARTS


@pytest.fixture
def updating(_proven_in_qa_and_newer_in_dev: World) -> World:
    """Prod serves v1.0.0 in both regions and QA runs v1.1.0-qa.1; what is recorded of dev is there, too."""
    world = _proven_in_qa_and_newer_in_dev.copy("qa", "prod")
    world.release("promote", "prod", "--yes")
    world.release("promote", "qa", "--yes")
    return world


@pytest.mark.prove  # twenty commands
def test_the_drill_of_a_lost_region_loses_nothing(updating: World, proof: Callable[[str], None]) -> None:
    played = Drill(updating)
    before = [(one["verb"], one["outcome"]) for one in history(updating) if one["kind"] == "outcome"]
    gone, fixed, back, taken = PARTS

    (_, status) = played.play(gone)
    assert f"{PRIMARY} of prod cannot be reached" in status.err and REPLICA in status.out
    played.play(fixed)
    updating.fleet.sandbox.faults([])  # to look at what the lost region serves, which the tool cannot
    assert (played.serves(PRIMARY), played.serves(REPLICA)) == ({"1"}, {"2"})
    assert "partial" in updating.remote.head("prod")

    played.play(back)
    assert played.serves(*REGIONS) == {"2"}
    assert "partial" not in updating.remote.head("prod")

    played.play(taken)
    assert played.serves(*REGIONS) == {"1"}
    assert {updating.code(name, "prod", REPLICA) for name in updating.services} == {
        updating.code(name, "prod", PRIMARY) for name in updating.services
    }
    head = updating.remote.head("prod")
    assert "partial" not in head and "held" not in head
    endings = [(one["verb"], one["outcome"]) for one in history(updating) if one["kind"] == "outcome"]
    assert endings[: -len(before)] == [("rollback", "succeeded")] * 2 + [("promote", "succeeded")] * 2
    assert endings[-len(before) :] == before
    updating.remote.assert_no_half_state()
    told = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in played.seconds.items())
    proof(f"drill, {PRIMARY} is gone: {told}; nothing lost")


def history(world: World) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = world.release("audit", "log", "--stage", "prod", "--json").json
    return found
