"""Proof that the schedules see: with any one safeguard taken out, a few hundred of them show a violation."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SEEDS = 800  # at most; most safeguards are missed within fifty
SEARCH = """
import sys
from tests.fakes.schedules import tried
for first in range(0, int(sys.argv[1]), 20):
    wrong = tried(range(first, first + 20)).wrong
    if wrong:
        print(wrong[0])
        sys.exit(3)
"""


@dataclass(frozen=True)
class Mutation:
    """In `file` of the tool `old` becomes `new`."""

    what: str
    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return self.what


MUTATIONS = (
    Mutation("nothing is taken back", "apply/__init__.py", "report = go_back(work)", "report = ()"),
    Mutation(
        "what others wrote is taken back",
        "apply/undo.py",
        "return facts.revision == revision if revision else work.journal.wrote(facts)",
        "return True",
    ),
    Mutation(
        "what a dead process moved counts as what served before",
        "core/holding.py",
        "before.get(now.where, now) if now.where in moved else now for",
        "now for",
    ),
    Mutation(
        "a version is not smoke-tested before it serves",
        "apply/steps.py",
        "    _smoke(work, action, version, version)\n",
        "",
    ),
    Mutation(
        "a version that is there is published again",
        "apply/steps.py",
        "if (version.code, version.configuration) == (action.artifact, latest.configuration):",
        "if False:",
    ),
    Mutation(
        "an alias is moved whatever its revision",
        "adapters/lambda_functions.py",
        "                            RevisionId=revision,\n                            # Said",
        "                            # Said",
    ),
    Mutation(
        "weights are not ended",
        "adapters/lambda_functions.py",
        'RoutingConfig={"AdditionalVersionWeights": shares},',
        '**({"RoutingConfig": {"AdditionalVersionWeights": shares}} if shares else {}),',
    ),
    Mutation(
        "a late read is believed",
        "adapters/lambda_functions.py",
        "if not self._revisions.is_over(key, revision):",
        "if True:",
    ),
    Mutation(
        "a lost hold goes unnoticed",
        "apply/work.py",
        "if head.running is None or head.running.id != self.journal.id or head.fence != self.journal.fence:",
        "if False:",
    ),
    Mutation(
        "a bake ends with its first good look",
        "apply/waves.py",
        "                case Pass(reason):\n                    if now >= decision:",
        "                case Pass(reason):\n                    if True:",
    ),
    Mutation(
        "too few calls pass",
        "apply/waves.py",
        "decision = self._extend(reason, now, length, last)",
        "return",
    ),
    Mutation(
        "nothing is looked at through its alias",
        "apply/steps.py",
        "_smoke(work, action, action.alias, work.journal.versions[action.place, action.function])",
        "pass",
    ),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_the_safeguard_of_a_mutation_is_where_it_says(mutation: Mutation) -> None:
    assert (TOP / "release" / mutation.file).read_text().count(mutation.old) == 1


@pytest.mark.prove
@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_the_schedules_notice_a_safeguard_that_is_gone(mutation: Mutation, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for folder in ("release", "tests/fakes"):
        shutil.copytree(TOP / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    broken = copy / "release" / mutation.file
    broken.write_text(broken.read_text().replace(mutation.old, mutation.new))
    ran = subprocess.run(
        [sys.executable, "-c", SEARCH, str(SEEDS)],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3, ran.stdout + ran.stderr  # 3: a violation was found and told
    assert ran.stdout.startswith("seed ")
