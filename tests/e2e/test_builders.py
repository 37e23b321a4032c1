"""Services that are not Python, from a commit to an answer: built, smoke-tested, served by the alias."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.absent import absent
from tests.build.sources import LOCK, PACKAGE, node_files
from tests.e2e.fleet import Fleet, World
from tests.e2e.processes import Ended
from tests.e2e.texts import SERVICE, SHORT, TEMPLATE

HANDLER = """\
import { RELEASE } from "../../common/version";

interface Answer { statusCode: number; body: string }

export const handler = async (event: Record<string, unknown>): Promise<Answer> => {
  return { statusCode: 200, body: RELEASE };
};
"""
BUILT_BY_COMMAND = """\
build: {command: [sh, build.sh, made], output: dist, timeout: 30s}
"""
BUILD = """\
mkdir -p dist/$1
touch dist/$1/__init__.py
printf 'def handler(event, context):\\n    return {"body": "%s"}\\n' "$(cat says)" > dist/$1/app.py
"""


@pytest.fixture
def world(fleet: Fleet) -> World:
    return fleet.world(SHORT)


def deploy(world: World) -> Ended:
    """As the user who runs the tests, whose cache of npm is warm, would: the world's HOME is empty."""
    settings = {name: value for name, value in os.environ.items() if name.lower().startswith("npm_config_")}
    settings.setdefault("npm_config_cache", str(Path.home() / ".npm"))
    return world.start("deploy", "dev", "--yes", **settings).wait()


@pytest.mark.prove
def test_a_typescript_service_answers_and_follows_the_shared_core(world: World) -> None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            absent(f"{program} is not on this machine")
    text = SERVICE.format(name="price").replace("python3.13", "nodejs22.x")
    files = {
        "services/price/service.yaml": text.replace("price.handler.handler", "src/price.handler"),
        "services/price/template.yaml.j2": TEMPLATE,
        "services/price/src/price.ts": HANDLER,
        "services/common/version.ts": 'export const RELEASE: string = "1";\n',
        **{path: str(node_files()[path]) for path in (PACKAGE, LOCK)},
    }
    world.merge("feat: a service in TypeScript", files)
    ended = deploy(world)
    if ended.code == 4:
        absent(f"esbuild is not in npm's cache, and cannot be fetched: {ended}")
    assert ended.code == 0, str(ended)
    assert world.says("price", "dev") == "1"

    world.merge("feat: two", {"services/common/version.ts": 'export const RELEASE: string = "2";\n'})
    ended = deploy(world)
    assert ended.code == 0, str(ended)
    assert world.says("price", "dev") == "2"


def test_a_service_that_a_command_builds_answers(world: World) -> None:
    text = SERVICE.format(name="made").replace("made.handler.handler", "made.app.handler")
    files = {
        "services/made/service.yaml": text + BUILT_BY_COMMAND,
        "services/made/template.yaml.j2": TEMPLATE,
        "services/made/build.sh": BUILD,
        "services/made/says": "built by a shell",
    }
    world.merge("feat: a service with a builder of its own", files)
    ended = deploy(world)
    assert ended.code == 0, str(ended)
    assert world.says("made", "dev") == "built by a shell"


def test_ctrl_c_ends_a_build_with_the_command_and_all_that_it_started(world: World) -> None:
    alive = world.control / "alive"
    files = {
        "services/made/service.yaml": SERVICE.format(name="made") + BUILT_BY_COMMAND,
        "services/made/template.yaml.j2": TEMPLATE,
        "services/made/build.sh": f"(while :; do touch {alive}; sleep 0.05; done) & wait\n",
    }
    world.merge("feat: a service that takes long to build", files)
    building = world.start("build")
    world.until(alive.exists)
    building.interrupt()
    ended = building.wait(seconds=20)
    assert ended.code == 130, str(ended)
    alive.unlink(missing_ok=True)
    time.sleep(0.3)
    assert not alive.exists()
