"""What people type into a button reaches the command line as it was typed, quotes and all, under act."""

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.texts import SHORT
from tests.workflows.act import Act

pytestmark = [pytest.mark.prove, pytest.mark.xdist_group("act")]

TYPED = {
    "quotes": """it's "fine" $(touch hacked) `touch hacked` \\ $HOME ; exit 1 #""",
    "lines": "two\nlines\n::set-output name=go::true\n",
    "expressions": "${{ github.token }} ${{ secrets.GITHUB_TOKEN }} }} ${{",
    "options": "--yes --expect-digest=0",
    "long": "x" * 10_000,
}
# Notes its arguments, and plans nothing.
NOTES = f"""\
#!{sys.executable}
import json, sys
from pathlib import Path
with Path(__file__).with_name("calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "plan":
    Path("plan.json").write_text("{{}}")
"""


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED)
def test_what_is_typed_is_data(typed: str, program: Path, fleet: Fleet) -> None:
    world = fleet.world({"dev": SHORT["dev"], "qa": SHORT["qa"]})
    tool = world.folder / "tool" / "release"
    tool.parent.mkdir()
    tool.write_text(NOTES)
    tool.chmod(0o755)
    act = Act(program, world, tool.parent)

    promoted = act.run("promote-qa.yml", ref=typed, reason=typed)
    back = act.run("rollback.yml", stage="qa", to=typed, reason=typed)

    assert (promoted.code, back.code) == (0, 0), promoted.log + back.log
    calls = [json.loads(line) for line in tool.with_name("calls").read_text().splitlines()]
    given = ["--pipeline=fleet", "--out=plan.json"]
    report = ["workflows", "report", "plan.json"]
    assert calls == [
        ["build", "--pipeline=fleet", f"--ref={typed}"],
        ["plan", "promote", *given, "--bump=auto", f"--ref={typed}", f"--reason={typed}", "--", "qa"],
        report,
        ["plan", "rollback", *given, f"--reason={typed}", f"--to={typed}", "--", "qa"],
        report,
    ]
    assert not [*world.clone.rglob("hacked")]
