"""Linters of workflows find nothing, here and in a repository with buttons only; and they do look."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from release.core.recipients import Recipient
from release.views.workflows import WEBHOOKS
from tests.absent import absent
from tests.workflows.rendered import ROOT, SHARED, made_up, of_this_repository, texts_of

BIN = Path(sys.executable).parent


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What GitHub would see of this repository."""
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    shutil.copytree(ROOT / "actions", tmp_path / "actions")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


@pytest.fixture
def only_buttons(tmp_path: Path) -> Path:
    """Two pipelines whose work is done by the workflow of another repository."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    stages = ["dev", "qa", "uat", "prod", "training"]
    for name, text in texts_of(made_up({"fleet": stages, "payments": stages[:2]}), SHARED).items():
        (folder / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


def jactionlint(folder: Path) -> str:
    """What it finds; shellcheck beside it reads the scripts."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [BIN / "jactionlint", "--no-color"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def zizmor(folder: Path) -> str:
    done = subprocess.run(
        [BIN / "zizmor", "--offline", "--persona=auditor", "--strict-collection", "--no-progress",
         "--format=plain", "--color=never", "."],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode in (0, 11, 12, 13, 14), done.stderr  # https://docs.zizmor.sh/usage/#exit-codes
    return done.stdout if done.returncode else ""


def test_jactionlint_finds_nothing(repository: Path) -> None:
    assert jactionlint(repository) == ""


def test_zizmor_finds_nothing(repository: Path) -> None:
    assert zizmor(repository) == ""


@pytest.mark.parametrize("shared", [None, SHARED], ids=["own", "only buttons"])
def test_they_find_nothing_where_notifications_need_secrets(shared: str | None, repository: Path) -> None:
    told = tuple(Recipient("webhook", name) for name in WEBHOOKS)
    folder = repository / ".github" / "workflows"
    for path in folder.glob("*.yml"):
        path.unlink()
    for name, text in texts_of(replace(of_this_repository(), recipients=told), shared).items():
        (folder / name).write_text(text, encoding="utf-8")

    assert "secrets.RELEASE_WEBHOOK" in (folder / "promote-prod.yml").read_text()
    assert jactionlint(repository) == ""
    assert zizmor(repository) == ""


def test_they_find_nothing_in_a_repository_that_only_has_buttons(only_buttons: Path) -> None:
    assert jactionlint(only_buttons) == ""
    assert zizmor(only_buttons) == ""


@pytest.mark.parametrize(
    ("linter", "was", "becomes", "says"),
    [
        (jactionlint, '"--ref=$REF"', "--ref=$REF", "SC2086"),
        (jactionlint, "needs: build", "needs: bild", "bild"),
        (jactionlint, "needs.plan.outputs.digest }}", "needs.plan.outputs.digests }}", "digests"),
        (jactionlint, "inputs.reason }}", "inputs.raeson }}", "raeson"),
        (jactionlint, "uses: $/actions/setup", "uses: $/actions/missing", "missing"),
        (
            zizmor,
            "permissions: {}\n\ndefaults",
            "permissions: write-all\n\ndefaults",
            "excessive-permissions",
        ),
        (zizmor, "persist-credentials: false", "persist-credentials: true", "artipacked"),
        (zizmor, '"--ref=$REF"', '"--ref=${{ inputs.ref }}"', "template-injection"),
        (
            zizmor,
            "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1",
            "actions/checkout@v7",
            "unpinned-uses",
        ),
    ],
)
def test_a_slip_is_seen(
    linter: Callable[[Path], str], was: str, becomes: str, says: str, repository: Path
) -> None:
    path = repository / ".github" / "workflows" / "_release.yml"
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, becomes, 1))

    assert says in linter(repository)


CHECK = "check-jsonschema==0.39.0"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], str]:
    """What the published schema of this name, which comes with the tool, says of a file."""
    folder = tmp_path_factory.mktemp("check-jsonschema")
    install = ["uv", "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder), CHECK]
    done = subprocess.run(
        [BIN / install[0], *install[1:]], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        absent(f"{CHECK} cannot be installed: {done.stderr[-200:]}")

    def check(schema: str, file: Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)],
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        return done.stdout if done.returncode else ""

    return check


@pytest.mark.prove
def test_the_published_schemas_find_nothing_and_see_a_slip(
    published: Callable[[str, Path], str], repository: Path
) -> None:
    """GitHub's own parser (test_github_parser.py) knows more of workflows, and nothing of dependabot.yml."""
    dependabot = repository / ".github" / "dependabot.yml"
    action = repository / "actions" / "setup" / "action.yml"
    assert published("dependabot", dependabot) == ""
    assert published("github-actions", action) == ""

    dependabot.write_text(dependabot.read_text().replace("interval: ", "intervall: ", 1))
    action.write_text(action.read_text().replace("using: composite", "using: composites"))
    assert "interval" in published("dependabot", dependabot)
    assert published("github-actions", action) != ""
