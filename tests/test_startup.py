"""What a start of the CLI costs: nothing is imported that the command at hand does not need."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import release

HEAVY = frozenset({"boto3", "botocore", "git", "jinja2", "rich", "pydantic"})
START = "import sys; from release.cli.main import main; sys.argv[0] = 'release'; sys.exit(main())"


def started(arguments: Sequence[str], folder: Path, program: str = START) -> tuple[str, frozenset[str]]:
    """What the CLI printed, and the top-level names of all that it imported."""
    process = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    modules = re.findall(r"^import time:.*\|\s*(\S+)$", process.stderr, re.MULTILINE)
    return process.stdout, frozenset(name.split(".")[0] for name in modules)


def test_version_is_shown_without_importing_anything_heavy(tmp_path: Path) -> None:
    output, imported = started(["--version"], tmp_path)

    assert release.__version__ in output
    assert "click" in imported
    assert not imported & HEAVY


def test_a_heavy_import_at_start_would_be_seen(tmp_path: Path) -> None:
    _, imported = started([], tmp_path, "import pydantic, jinja2")

    assert imported & HEAVY == {"pydantic", "jinja2"}


def test_what_only_failures_and_verbs_need_is_not_imported_at_start(tmp_path: Path) -> None:
    """Together they take half as long as click, which no start can do without."""
    process = subprocess.run(
        [sys.executable, "-I", "-c", "import click, sys; before = set(sys.modules); import release.cli.main;"
         "print(*sorted(set(sys.modules) - before))"],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    added = set(process.stdout.split())
    assert "release.cli.output" in added
    assert not added & {"json", "pathlib", "shutil", "tempfile", "textwrap", "traceback", "difflib"}
