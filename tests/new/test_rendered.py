"""What is rendered for a new service, before anybody has touched it."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from release.adapters.packaged import packaged_macros
from release.adapters.template_reader import read_template
from release.adapters.templates import CloudFormationTemplates
from release.build.documents import template_context
from release.config import load_services
from release.core.policies import judge
from release.core.scaffold import KindName
from release.new.shared_core import lacking, without_foreign
from tests.new.worlds import ROOT, rendered, templates

KINDS = get_args(KindName)
# Where imports of the package stand hangs on its name: before `common`, after it, and as long as names get.
NAMES = ("accounts", "zoo", "one-of-the-longest-names-that-a-service-can-have")
PIN = re.compile(r"^(\S+==\S+) \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)


def pins(text: str) -> dict[str, frozenset[str]]:
    return {pin: frozenset(re.findall(r"--hash=(\S+)", hashes)) for pin, hashes in PIN.findall(text)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_loads_and_its_stack_keeps_every_policy_in_every_stage(kind: KindName) -> None:
    files = rendered(kind)
    stages = ("dev", "prod")
    own = {"services/orders/service.yaml": files["service.yaml"].encode()}
    service = load_services(own, stages)["orders"]

    for stage in stages:
        text = CloudFormationTemplates(packaged_macros()).render(
            files["template.yaml.j2"],
            file="services/orders/template.yaml.j2",
            macros={},
            context=template_context(service, stage, "live"),
        )
        assert [one for one in judge(read_template(text, kind)) if not one.reason] == []
    said = service.settings_for("dev").environment.get("HEALTH_CRITICAL", "")
    assert tuple(filter(None, said.split(","))) == service.smoke.critical


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_imports_of_the_shared_core_what_there_is(kind: KindName) -> None:
    texts = [text for path, text in rendered(kind).items() if path.endswith(".py")]

    assert lacking(ROOT / "services" / "common", texts) == []


def test_of_the_shared_core_comes_what_works_with_the_packages_of_a_new_service() -> None:
    source = templates()
    brought = without_foreign(source.shared_core(), source.packages())

    assert {"logger.py", "dynamodb.py", "middleware/routing.py", "tests/conftest.py"} <= set(brought)
    assert "database.py" not in brought  # it needs SQLAlchemy
    assert "middleware/database.py" not in brought and "tests/test_database.py" not in brought


def test_what_imports_something_foreign_through_others_stays_away_too() -> None:
    files = {
        "__init__.py": b"",
        "a.py": b"import json\nfrom common import b\n",
        "b.py": b"from common.c import d\n",
        "c.py": b"def f():\n    import sqlalchemy.exc\n",
        "e.py": b"import aws_lambda_powertools.logging, botocore\n",
        "notes.md": b"import nothing",
    }

    assert set(without_foreign(files, ["aws-lambda-powertools"])) == {"__init__.py", "e.py", "notes.md"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_has_the_layers_events_tests_and_papers_of_the_others(kind: KindName) -> None:
    files = rendered(kind)

    for path in ("handler.py", "service.py", "schema.py", "parts.py"):
        assert ast.get_docstring(ast.parse(files[f"orders/{path}"]))
    assert {"README.md", "requirements.in", "requirements.txt", "service.yaml", "template.yaml.j2"} <= set(
        files
    )
    assert "tests/test_handler.py" in files
    events = [text for path, text in files.items() if path.startswith("events/")]
    assert events and all(json.loads(event) for event in events)
    assert not [
        path for path, text in files.items() if "<<" in text or "<%" in text or path.endswith(".j2.j2")
    ]


def test_python_of_every_kind_passes_lint_and_format_of_this_repository_whatever_its_name(
    tmp_path: Path,
) -> None:
    # That the shared core has these modules, ruff tells by their names.
    modules = [path.relative_to(ROOT) for path in (ROOT / "services" / "common").rglob("*.py")]
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    for kind in KINDS:
        files = {"pyproject.toml": pyproject, **dict.fromkeys(map(str, modules), "")}
        for name in NAMES:
            python = {path: text for path, text in rendered(kind, name).items() if path.endswith(".py")}
            files |= {f"services/{name}/{path}": text for path, text in python.items()}
        for path, text in files.items():
            (tmp_path / kind / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / kind / path).write_text(text, "utf-8")

    for words in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--output-format=concise", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_lock_of_a_new_service_is_that_of_the_fleet() -> None:
    new = pins(rendered("http")["requirements.txt"])
    fleet = {}
    for lock in (ROOT / "services").glob("*/requirements.txt"):
        fleet |= pins(lock.read_text("utf-8"))

    assert len(new) >= 5 and all(new.values())
    assert {pin: fleet.get(pin) for pin in new} == new, (
        "copy the pins of services/config-service/requirements.txt"
    )


def test_the_lock_has_all_that_is_asked_for_and_names_no_place_to_get_it() -> None:
    files = rendered("queue")
    asked = re.findall(r"^([a-z][\w-]*)", files["requirements.in"], re.MULTILINE)

    assert set(asked) <= {pin.partition("==")[0] for pin in pins(files["requirements.txt"])}
    assert "://" not in files["requirements.txt"] and "index" not in files["requirements.txt"]
