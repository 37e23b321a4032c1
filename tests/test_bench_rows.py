"""The fleet that changes are measured on, who counts as having answered, and rows without a network."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.repositories import Repository, git, make_history
from bench.rows import all_rows
from bench.rows.changed import answer
from bench.workspaces import CHANGED_LIBRARY, affected, changed_services, commits, libraries_of, names

ROOT = Path(__file__).resolve().parent.parent
FEW = 60


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("fleet")
    make_history(folder, commits(FEW))
    return Repository(folder)


# -- the answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("service-00002\nservice-00010\n", True),
        ("service-00010, lib-07,\n service-00002 and service-00010 again", True),
        ("service-00002\n", False),
        ("service-00002\nservice-00010\nservice-00011\n", False),
        ("service-00002\nservice-000101\n", False),
        ("", False),
    ],
)
def test_only_who_names_exactly_the_affected_services_has_answered(said: str, counts: bool) -> None:
    assert bool(re.search(answer(["service-00002", "service-00010"]), said)) is counts


@pytest.mark.parametrize(
    ("changed", "counts"),
    [(["service-00002"], True), (["service-00002", "service-00003"], False), ([], False)],
)
def test_services_that_are_listed_as_unchanged_are_no_part_of_our_answer(
    changed: Sequence[str], counts: bool
) -> None:
    document = json.dumps({"changed": changed, "unchanged": ["service-00002", "service-00009"]})

    assert bool(re.search(answer(["service-00002"], r'"changed": \[', r"[^\]]*"), document)) is counts


# -- the fleet ----------------------------------------------------------------------------------------


def test_release_names_the_services_that_the_generator_says_are_affected(fleet: Repository) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "release", "changed", "--base", "HEAD~1", "--head", "HEAD", "--json"],
        cwd=fleet.clone,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changed"] == list(affected(FEW))
    assert CHANGED_LIBRARY not in {one for number in changed_services(FEW) for one in libraries_of(number)}
    assert 3 < len(affected(FEW)) < FEW / 4


def test_packages_of_npm_depend_on_what_the_python_of_their_service_imports(fleet: Repository) -> None:
    for name in names(FEW):
        folder = fleet.clone / "services" / name
        package = json.loads((folder / "package.json").read_text())
        imported = {
            str(node.module).split(".")[1].replace("_", "-")
            for path in folder.rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("common.")
        }
        assert set(package["dependencies"]) == imported
        assert 1 <= len(imported) <= 3


def test_a_service_of_the_fleet_has_ten_files(fleet: Repository) -> None:
    files = git(fleet.clone, "ls-files", "services/service-00007/").splitlines()

    assert len(files) == 10


# -- rows ---------------------------------------------------------------------------------------------


def test_the_best_peer_is_beaten_only_where_each_of_them_is() -> None:
    goals = {row.name: [str(goal) for goal in row.goals] for row in all_rows()}

    assert goals["changed-5000"] == [
        "≤ 4 x git diff and imports",
        "≤ 0.3 x turbo",
        "≤ 0.3 x nx",
        "≤ 0.3 x nx with its daemon",
        "≤ 0.3 x moon",
    ]
    assert goals["changed-1000"][0] == "≤ 1 x turbo"
    assert len(goals["changed-1000"]) == 5
    assert goals["build-service"] == ["≤ 0.25 x sam build", "≤ 0.35 x chalice package"]
    assert goals["build-unchanged"] == ["≤ 0.1 s"]


@pytest.mark.prove  # it measures, for seconds
def test_without_a_network_the_fleet_is_measured_and_what_is_missing_for_a_build_is_told(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "changed-1000-cold", "build-service", "--quick", "--offline",
         "--cache", str(tmp_path / "cache"), "--json", str(out)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row["contenders"] for row in json.loads(out.read_text())["rows"]}
    told = {one["name"]: one.get("not_measured") for one in rows["changed-1000-cold"]}
    assert {name for name, reason in told.items() if reason is None} == {
        "release changed", "git diff", "git diff and imports", "git diff and python -c pass",
    }  # fmt: skip
    assert {told[name] for name in ("turbo", "nx", "moon")} == {
        "not installed yet, and --offline was asked for"
    }
    assert "there is no pip to fetch wheels with" in rows["build-service"][0]["not_measured"]
