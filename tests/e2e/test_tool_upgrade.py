"""The tool is upgraded between QA and PROD: what was rendered and built is what PROD gets, to the byte."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import ROOT, Fleet, World
from tests.e2e.processes import Ended
from tests.e2e.texts import PRIMARY, REGIONS, SERVICES, SHORT, TEMPLATE

pytestmark = pytest.mark.prove  # a copy of the tool whose every command starts from nothing

# The logical id comes from a macro of the tool: another macro would replace every function.
WITH_MACRO = '{% import "names.j2" as names %}\n' + TEMPLATE.replace(
    "{{ key | title }}Function:", "{{ names.camel(key) }}Function:"
).replace("${ {{- key | title -}} Function.Arn}", "${ {{- names.camel(key) -}} Function.Arn}")


@pytest.fixture(scope="module")
def world(fleet: Fleet) -> World:
    """QA runs what the tool of today has built; prod has never run anything."""
    world = fleet.world(SHORT)
    world.merge("feat: with a macro", {f"services/{name}/template.yaml.j2": WITH_MACRO for name in SERVICES})
    world.release("deploy", "dev", "--yes")
    world.release("promote", "qa", "--yes")
    return world


@pytest.fixture
def upgraded(tmp_path: Path) -> Path:
    """The tool of tomorrow: its macro gives other names."""
    for name in ("release", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    macro = tmp_path / "templates/cloudformation/names.j2"
    text = macro.read_text(encoding="utf-8")
    assert "macro camel(" in text
    macro.write_text(
        text + "{% macro camel(name) %}Tomorrows{{ name | title }}{% endmacro %}\n", encoding="utf-8"
    )
    return tmp_path


def with_tool(world: World, tool: Path, *words: str) -> Ended:
    ended = world.start(*words, PYTHONPATH=str(tool)).wait()
    assert ended.code == 0, str(ended)
    return ended


def stack(world: World, service: str, region: str) -> str:
    """The template of a stack in prod, as CloudFormation has it."""
    client = world.fleet.client("cloudformation", world.accounts["prod"], region)
    body: Any = client.get_template(StackName=f"{service}-prod")["TemplateBody"]
    assert isinstance(body, str)
    return body


def test_a_tool_that_is_upgraded_between_qa_and_prod_changes_nothing_in_prod(
    world: World, upgraded: Path
) -> None:
    in_qa = world.manifest(world.remote.head("qa")["serves"]["release"]["manifest"])
    with_tool(world, upgraded, "promote", "prod", "--yes")

    released = world.remote.head("prod")["serves"]["release"]
    assert world.manifest(released["manifest"]) == in_qa
    for service in SERVICES:
        entry = in_qa["services"][service]
        for region in REGIONS:
            assert world.code(service, "prod", region) == entry["artifact"]
            assert (
                hashlib.sha256(stack(world, service, region).encode()).hexdigest()
                == (entry["stages"]["prod"]["template"])
            )
    assert "Tomorrows" not in stack(world, "orders", PRIMARY)

    again = json.loads(with_tool(world, upgraded, "build", "--json").out)
    assert (again["known"], again["manifest"]) == (True, released["manifest"])


def test_a_commit_that_the_upgraded_tool_builds_has_what_its_macros_say(world: World, upgraded: Path) -> None:
    """Or the test above would prove nothing."""
    before = world.manifest(world.remote.head("qa")["serves"]["release"]["manifest"])
    world.merge("docs: words", {"README.md": "words\n"})
    built = json.loads(with_tool(world, upgraded, "build", "--json").out)
    after = world.manifest(built["manifest"])
    for service in SERVICES:
        was, now = (manifest["services"][service] for manifest in (before, after))
        assert now["artifact"] == was["artifact"]
        assert now["stages"]["prod"]["template"] != was["stages"]["prod"]["template"]
