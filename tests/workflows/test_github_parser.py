"""GitHub's own parser (npm `@actions/languageservice`) reads every workflow and action without a word.

It knows `$/`, `queue: max` and `deployment: false`: nothing that it says is accepted.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from release.core.recipients import Recipient
from release.views.workflows import WEBHOOKS
from tests.npm import installed
from tests.workflows.rendered import ROOT, SHARED, made_up, of_this_repository, texts_of

pytestmark = pytest.mark.xdist_group("languageservice")  # or two workers would install it

LOCK = Path(__file__).parent / "languageservice"
Parser = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def parser() -> Parser:
    """What it says of all workflows and actions in a folder; installed by hash, once for this lock."""
    node, folder = installed(LOCK)

    def run(repository: Path) -> list[str]:
        paths = [*repository.glob(".github/workflows/*.yml"), *repository.glob("actions/*/action.yml")]
        assert paths
        done = subprocess.run(
            [node, "--no-warnings", folder / "check.mjs"],
            cwd=repository,
            input="\n".join(str(path.relative_to(repository)) for path in paths),
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said: list[str] = json.loads(done.stdout)
        return said

    return run


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    shutil.copytree(ROOT / "actions", tmp_path / "actions")
    return tmp_path


def test_it_has_nothing_to_say_of_ours_nor_of_buttons_in_another_repository(
    parser: Parser, repository: Path
) -> None:
    """The buttons of fleets are beside ours, with secrets and without: they call and use what lies here."""
    folder = repository / ".github" / "workflows"
    told = tuple(Recipient("webhook", name) for name in WEBHOOKS)
    stages = ["dev", "qa", "uat", "prod", "training"]
    fleet = made_up({"fleet": stages, "payments": stages[:2]})
    for prefix, pipelines in (("fleet", fleet), ("told", replace(of_this_repository(), recipients=told))):
        for name, text in texts_of(pipelines, SHARED).items():
            (folder / f"{prefix}-{name}").write_text(text, encoding="utf-8")
    assert len(list(folder.glob("*.yml"))) > 20

    assert parser(repository) == []


SLIPS = {
    "_release.yml": [
        ("queue: max", "queue: some", "'some'"),
        ("deployment: false", "deployment: sometimes", "'sometimes'"),
        ("needs: build", "needs: bild", "bild"),
        ("inputs.dry_run", "inputs.dryrun", "dryrun"),
        ("steps.report.outputs", "steps.raport.outputs", "raport"),
        ("$/actions/setup", "$/actions/missing", "missing"),
        ("id-token: write", "id-token: read", "'read'"),
    ],
    "promote-prod.yml": [
        ("reason: ${{", "raeson: ${{", "raeson"),
        ("uses: $/.github/workflows/_release.yml", "uses: $/.github/workflows/release.yml", "Unable to find"),
        ("type: boolean", "type: bool", "bool"),
    ],
    "watch.yml": [
        ('cron: "3-59/10 * * * *"', 'cron: "61 * * * *"', "cron"),
        ("fromJSON(", "fromJSN(", "fromJSN"),
    ],
}


def test_it_sees_slips(parser: Parser, repository: Path) -> None:
    folder = repository / ".github" / "workflows"
    wanted = {}
    for name, slips in SLIPS.items():
        text = (folder / name).read_text(encoding="utf-8")
        for number, (was, becomes, says) in enumerate(slips):
            assert was in text
            slipped = folder / f"slip-{number}-{name}"
            slipped.write_text(text.replace(was, becomes, 1), encoding="utf-8")
            wanted[slipped.name] = says

    said = parser(repository)

    unseen = {file for file, says in wanted.items() if not any(file in one and says in one for one in said)}
    assert unseen == set(), said
    assert all("/slip-" in one for one in said)
