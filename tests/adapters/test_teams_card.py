"""Microsoft's own reader of Adaptive Cards has nothing to say about our cards, and does about broken ones."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.adapters.notifications import teams
from release.core.notices import Link
from tests.adapters.notices import a_notice
from tests.npm import installed

pytestmark = pytest.mark.prove

LOCK = Path(__file__).parent / "adaptivecards"
SCRIPT = """
const cards = require("./node_modules/adaptivecards/dist/adaptivecards.js");
const card = new cards.AdaptiveCard(), context = new cards.SerializationContext();
card.parse(JSON.parse(require("fs").readFileSync(0, "utf8")), context);
const said = [...Array(context.eventCount).keys()].map(number => context.getEventAt(number).message);
console.log(JSON.stringify({said, read: card.toJSON()}));
"""
Reader = Callable[[Any], tuple[list[str], Any]]


@pytest.fixture(scope="module")
def read() -> Reader:
    """What the reader complains of, and what it has understood."""
    node, folder = installed(LOCK)

    def run(card: Any) -> tuple[list[str], Any]:
        asked = json.dumps(card)
        ran = subprocess.run(
            [node, "-e", SCRIPT],
            cwd=folder,
            input=asked,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        answer = json.loads(ran.stdout)
        return answer["said"], answer["read"]

    return run


def card() -> dict[str, Any]:
    link = Link("run 77.1", "https://github.com/acme/fleet/actions/runs/77/attempts/1")
    content: dict[str, Any] = teams.payload(a_notice(left=("f1 is on version 2",), links=(link,)))[
        "attachments"
    ][0]["content"]
    return content


def test_the_card_is_read_whole_with_every_word_in_it(read: Reader) -> None:
    said, understood = read(card())
    assert said == []
    assert words(understood) == words(card()) and len(understood["actions"]) == 1


def words(card: Any) -> list[list[str]]:
    return [[run["text"] for run in block["inlines"]] for block in card["body"]]


def test_a_broken_card_is_noticed(read: Reader) -> None:
    broken = card()
    broken["body"][0]["type"] = "RichText"
    broken["body"][1]["inlines"][0]["color"] = "Loud"
    said, _ = read(broken)
    assert len(said) == 2 and "RichText" in said[0] and "Loud" in said[1]
