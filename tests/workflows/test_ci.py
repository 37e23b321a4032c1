"""What ci.yml does with a pull request: which gates, what each of them may, and how their scripts end."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.rendered import SHARED, jobs_of, made_up, of_this_repository, parsed, steps_of, texts_of

OWN = parsed(texts_of(of_this_repository())["ci.yml"])
FLEET = parsed(texts_of(made_up({"fleet": ["dev", "qa"]}), SHARED)["ci.yml"])
TWO = parsed(texts_of(made_up({"fleet": ["dev", "qa"], "payments": ["dev", "qa"]}), SHARED)["ci.yml"])
EVERYWHERE = {"workflows", "changed", "check", "infra", "comment", "secrets", "dependencies"}


def script(workflow: dict[str, Any], says: str) -> str:
    (found,) = [step["run"] for _, step in steps_of(workflow) if says in step.get("run", "")]
    return str(found)


def test_a_fleet_gets_every_gate_and_this_repository_its_own_tests_beside() -> None:
    assert set(jobs_of(FLEET)) == EVERYWHERE
    assert set(jobs_of(OWN)) == EVERYWHERE | {"repository"}


@pytest.mark.parametrize("verb", ["changed", "check", "infra lint", "infra diff"])
def test_every_pipeline_is_looked_at(verb: str) -> None:
    one, two = script(FLEET, f"release {verb} "), script(TWO, f"release {verb} ")

    assert "--pipeline" not in one
    called = [line for line in two.splitlines() if f"release {verb} " in line]
    assert [re.findall(r"--pipeline=(\S+)", line) for line in called] == [["fleet"], ["payments"]]


@pytest.mark.parametrize("verb", ["check", "infra lint"])
@pytest.mark.parametrize(
    ("codes", "ends"), [((0, 0), 0), ((3, 0), 3), ((0, 3), 3), ((4, 3), 3), ((3, 4), 4)], ids=str
)
def test_a_pipeline_that_says_no_fails_the_job_and_the_next_one_is_asked_all_the_same(
    verb: str, codes: tuple[int, int], ends: int, tmp_path: Path
) -> None:
    asked, done = ran(
        script(TWO, f"release {verb} "), tmp_path, dict(zip(("fleet", "payments"), codes, strict=True))
    )

    assert len(asked) == 2
    assert done == ends


@pytest.mark.parametrize(("differs", "only_update"), [("true", False), ("", True)])
def test_where_nothing_differs_no_comment_is_made_but_one_that_is_there_is_brought_up_to_date(
    differs: str, only_update: bool, tmp_path: Path
) -> None:
    words = {"DIFFERS": differs, "PULL": "7", "RUNNER_TEMP": str(tmp_path)}
    asked, code = ran(script(OWN, "workflows comment"), tmp_path, {}, words)

    assert code == 0
    assert ("--only-update" in asked[0]) is only_update
    assert "--pull=7" in asked[0] and "--marker=infra" in asked[0]


def ran(
    text: str, folder: Path, codes: dict[str, int], words: dict[str, str] | None = None
) -> tuple[list[str], int]:
    """The calls of `release` in a script run as GitHub runs it, and how the script ended."""
    log = folder / "asked"
    cases = "\n".join(f"*--pipeline={name}*) exit {code};;" for name, code in codes.items())
    stub = folder / "bin" / "release"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{log}"\ncase "$*" in\n{cases}\nesac\n')
    stub.chmod(0o755)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder,
        env={"PATH": f"{stub.parent}{os.pathsep}{os.environ['PATH']}", "BASE": "b", "HEAD": "h"}
        | (words or {}),
        check=False,
        timeout=30,
    )
    return log.read_text().splitlines(), done.returncode


# -- secrets

KINGFISHER = pytest.mark.prove  # it compiles its rules for ten seconds
LEAK = 'TOKEN = "ghp_' + "1a2B3c4D5e6F7g8H9i0J" + 'kLmNoPqRsTuVwXyZ"\n'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    for words in (["init", "--quiet", str(folder)], *commits(folder, "first", {"a.py": "A = 1\n"})):
        subprocess.run(["git", *words], check=True)
    return folder


def commits(folder: Path, subject: str, files: dict[str, str | None]) -> list[list[str]]:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).unlink(missing_ok=True)
        if text is not None:
            (folder / name).write_text(text)
    here = ["-C", str(folder)]
    return [[*here, "add", "--all"], [*here, "commit", "--quiet", "--allow-empty", "--message", subject]]


def commit(folder: Path, subject: str, files: dict[str, str | None]) -> str:
    for words in commits(folder, subject, files):
        subprocess.run(["git", *words], check=True)
    done = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where kingfisher keeps its rules, which take it ten seconds to read."""
    return tmp_path_factory.mktemp("kingfisher")


def looked_for_secrets(folder: Path, base: str, rules: Path) -> tuple[int, str]:
    """The step of ci.yml itself, with the kingfisher that is locked."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script(OWN, "kingfisher scan")],
        cwd=folder,
        env={**os.environ, "PATH": path, "BASE": base, "KF_RULE_CACHE_DIR": str(rules)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


@KINGFISHER
def test_a_secret_is_found_that_a_later_commit_has_taken_out_again_and_never_shown(
    clone: Path, rules: Path
) -> None:
    base = commit(clone, "base", {})
    commit(clone, "leak", {"b.py": LEAK})
    commit(clone, "gone", {"b.py": None})

    code, said = looked_for_secrets(clone, base, rules)

    assert code != 0
    assert "b.py" in said and "ghp_1a2B" not in said


@KINGFISHER
def test_what_was_there_before_is_not_this_pull_requests_fault(clone: Path, rules: Path) -> None:
    base = commit(clone, "leak", {"b.py": LEAK})
    commit(clone, "more", {"c.py": "C = 1\n"})

    assert looked_for_secrets(clone, base, rules)[0] == 0
