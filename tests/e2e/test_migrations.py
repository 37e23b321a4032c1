"""What runs before and after traffic moves, with real functions, real programs and real kills."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import Fleet, World
from tests.e2e.texts import HANDLER, PRIMARY, REPLICA, SERVICE, pipelines

SERVICE_WITH_TWO = SERVICE.replace(
    "settings:", '  migrate: {{name: "{name}-migrate-{{stage}}", handler: {name}.migrate.handler}}\nsettings:'
)
FUNCTION = "migrations: {function: migrate, payload: {up: head}}\n"
COMMAND = "migrations: {command: [sh, migrate.sh, head], timeout: 1m}\n"
FREEZE = "no_auto_rollback: freeze\n"

# What it does stands in a file that the test can read: the sandbox runs functions on this machine.
MIGRATE = '''\
"""Says that it ran, waits while it is told to, and fails when it is told to."""

import os
import time
from pathlib import Path

CONTROL = Path({control!r})


def handler(event, context):
    if event.get("health_check"):
        return {{"statusCode": 200}}
    with (CONTROL / "migrated").open("a") as said:
        said.write(f"{{os.environ['AWS_REGION']}} {{event['up']}} {{context.function_version}}\\n")
    while (CONTROL / "wait").exists():
        time.sleep(0.02)
    return {{"statusCode": 500 if (CONTROL / "fail").exists() else 200}}
'''
SCRIPT = """\
echo "migrating to $1 with password=hunter22"
cat ../common/schema > {control}/schema
env > {control}/environment
ls .. > {control}/services
pwd > {control}/folder
echo $$ > {control}/pid
echo run >> {control}/migrated
while [ -e {control}/wait ]; do sleep 0.02; done
[ ! -e {control}/fail ]
"""
CHECK = """\
echo "looking at $RELEASE_STAGE"
cp "$RELEASE_OUTPUTS" {control}/outputs
env > {control}/environment
echo "$RELEASE_TAG $RELEASE_COMMIT $RELEASE_REGIONS" >> {control}/verified
[ ! -e {control}/fail ]
"""


@pytest.fixture(scope="module")
def _serving(fleet: Fleet) -> World:
    made = fleet.world({"prod": "{name: prod, on: push, rollout: all-at-once}"})
    merge(made, "", release="0")
    made.release("deploy", "prod", "--yes")
    return made


@pytest.fixture
def world(_serving: World) -> World:
    """One stage of two regions; orders has a function for migrations. Each test merges its own releases."""
    for left in ("migrated", "verified", "pid", "wait", "fail"):
        (_serving.control / left).unlink(missing_ok=True)
    _serving.release("unhold", "prod", "--reason", "the next test", "--yes", ends=None)
    return _serving


def merge(world: World, more: str, *, release: str, verify: bool = False) -> str:
    """A new release of orders, with these lines in its service.yaml."""
    control = str(world.control)
    verified = ", verify: ['sh e2e/check.sh']" if verify else ""
    files = {
        "services/orders/service.yaml": SERVICE_WITH_TWO.format(name="orders") + more,
        "services/orders/orders/handler.py": HANDLER.replace('"1"', f'"{release}"'),
        "services/orders/orders/migrate.py": MIGRATE.format(control=control),
        "services/orders/migrate.sh": SCRIPT.format(control=control),
        "services/common/schema": "patients",
        "e2e/check.sh": CHECK.format(control=control),
        **pipelines(world.accounts, {"prod": f"{{name: prod, on: push, rollout: all-at-once{verified}}}"}),
    }
    return world.merge(f"feat: orders {release}", files)


def said(world: World, name: str) -> list[str]:
    """Lines of a file that a migration or a verification has left."""
    path = world.control / name
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def outcome(world: World) -> dict[str, Any]:
    """The newest event of the ledger."""
    world.git("fetch", "--quiet", "origin", "refs/heads/release-ledger")
    names = ("diff-tree", "--root", "--no-commit-id", "--name-only", "--diff-filter=A", "-r", "FETCH_HEAD")
    (event,) = [name for name in world.git(*names).split() if not name.startswith("heads/")]
    found: dict[str, Any] = json.loads(world.git("show", f"FETCH_HEAD:{event}"))
    return found


def serves(world: World, release: str) -> bool:
    return {world.says("orders", "prod", region) for region in (PRIMARY, REPLICA)} == {release}


def revisions(world: World) -> list[str]:
    """Of the aliases of orders: equal before and after when nobody has written them."""
    aliases = [world.alias("orders", "prod", region) for region in (PRIMARY, REPLICA)]
    return [str(alias["RevisionId"]) for alias in aliases if alias is not None]


def now(world: World) -> str:
    """The release of orders that serves."""
    return world.says("orders", "prod")


def environment(world: World) -> dict[str, str]:
    """What a program was given."""
    return dict(line.split("=", 1) for line in said(world, "environment") if "=" in line)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc/self").exists() else True


def test_a_migration_function_runs_once_by_its_new_version_and_then_traffic_moves(world: World) -> None:
    before = now(world)
    merge(world, FUNCTION.replace("}}", "}, destructive: true}"), release="a1")
    closed = world.release("deploy", "prod", "--yes", ends=3)
    assert "the migration of orders is destructive" in closed.err
    assert "--approve-destructive" in closed.err and said(world, "migrated") == []

    why = "the column is empty since May"
    ended = world.release("deploy", "prod", "--yes", "--approve-destructive", why)
    alias = world.alias("orders-migrate", "prod")
    assert alias is not None
    assert said(world, "migrated") == [f"{PRIMARY} head {alias['FunctionVersion']}"]
    assert serves(world, "a1")
    assert "us-east-1: migrate orders (destructive), 5 min at most: invoke orders-migrate-prod" in ended.out
    (note,) = outcome(world)["notes"]
    assert note.startswith(
        f"migration of orders in us-east-1: function orders-migrate-prod (destructive, approved: {why}), "
    )

    world.release("rollback", "prod", "--reason", "the table is wrong", "--yes")
    assert serves(world, before)
    assert len(said(world, "migrated")) == 1


@pytest.mark.prove
def test_a_migration_that_fails_stops_the_line_with_nothing_moved_and_may_be_tried_again(
    world: World,
) -> None:
    merge(world, FUNCTION, release="b1")
    (world.control / "fail").touch()
    before = revisions(world)
    failed = world.release("deploy", "prod", "--yes", ends=5)
    assert "the migration of orders (orders-migrate-prod:" in failed.err and "statusCode 500" in failed.err
    assert revisions(world) == before
    assert outcome(world)["outcome"] == "failed"
    (world.control / "fail").unlink()
    world.release("deploy", "prod", "--yes")
    assert serves(world, "b1") and len(said(world, "migrated")) == 2


@pytest.mark.prove
def test_after_a_kill_in_the_migration_it_runs_once_more_and_succeeds(world: World) -> None:
    before = now(world)
    merge(world, FUNCTION, release="c1")
    (world.control / "wait").touch()
    running = world.start("deploy", "prod", "--yes")
    world.until(lambda: len(said(world, "migrated")) == 1)
    assert running.kill().code == -9
    assert serves(world, before)
    (world.control / "wait").unlink()
    world.release("deploy", "prod", "--yes")
    once, again = said(world, "migrated")
    assert once == again
    assert serves(world, "c1")


@pytest.mark.prove
def test_a_command_runs_in_a_clean_checkout_with_the_roles_credentials_and_little_else(world: World) -> None:
    commit = merge(world, COMMAND, release="d1")
    (world.clone / "services/orders/untracked").touch()
    settings = {"GITHUB_TOKEN": "not for you", "DATABASE_URL": "nor this"}
    ended = world.start("deploy", "prod", "--yes", **settings).wait()
    assert ended.code == 0, str(ended)
    assert said(world, "schema") == ["patients"]
    assert said(world, "services") == ["common", "orders"]
    given = environment(world)
    assert not given.keys() & settings.keys()
    assert {name: given[name] for name in given if name.startswith("RELEASE_")} == {
        "RELEASE_STAGE": "prod",
        "RELEASE_PIPELINE": "fleet",
        "RELEASE_COMMIT": commit,
        "RELEASE_TAG": "",
        "RELEASE_SERVICE": "orders",
        "RELEASE_REGIONS": PRIMARY,
    }
    assert given["AWS_REGION"] == PRIMARY and given["AWS_SESSION_TOKEN"]
    assert given["HOME"] != world.fleet.environment["HOME"] and not Path(given["HOME"]).exists()
    assert not Path(said(world, "folder")[0]).exists()
    assert "migrating to head with [a password]" in ended.err
    assert "hunter22" not in ended.err


@pytest.mark.prove
def test_a_command_dies_with_the_process_that_runs_it_and_runs_again(world: World) -> None:
    merge(world, COMMAND, release="e1")
    (world.control / "wait").touch()
    running = world.start("deploy", "prod", "--yes")
    world.until(lambda: len(said(world, "pid")) == 1)
    pid = int(said(world, "pid")[0])
    assert is_alive(pid)
    running.kill()
    world.until(lambda: not is_alive(pid), seconds=10)
    (world.control / "wait").unlink()
    world.release("deploy", "prod", "--yes")
    assert len(said(world, "migrated")) == 2 and serves(world, "e1")


@pytest.mark.prove
def test_a_stage_is_looked_at_when_everything_serves_and_goes_back_when_the_look_says_no(
    world: World,
) -> None:
    commit = merge(world, "", verify=True, release="f1")
    ended = world.release("deploy", "prod", "--yes")
    assert said(world, "verified") == [f" {commit} {PRIMARY},{REPLICA}"]
    assert json.loads((world.control / "outputs").read_text()).keys() == {"orders", "stock"}
    assert "looking at prod" in ended.err and "verify, 30 min at most: sh e2e/check.sh" in ended.out
    assert serves(world, "f1")

    (world.control / "fail").touch()
    merge(world, "", verify=True, release="f2")
    failed = world.release("deploy", "prod", "--yes", ends=5)
    assert "verify of prod: sh e2e/check.sh failed: exit code 1" in failed.err
    assert serves(world, "f1") and outcome(world)["outcome"] == "failed"


@pytest.mark.prove
def test_a_frozen_service_stays_where_it_is_and_going_back_is_for_a_person_to_say(world: World) -> None:
    before = now(world)
    text = CHECK.format(control=world.control) + "exit 1\n"
    merge(world, FUNCTION + FREEZE, verify=True, release="g1")
    world.merge("test: a check that says no", {"e2e/check.sh": text})
    ended = world.release("deploy", "prod", "--yes", ends=6)
    assert "orders will not be rolled back automatically" in ended.out
    assert "orders-prod in us-west-2: live stays at version " in ended.err
    assert serves(world, "g1") and outcome(world)["outcome"] == "stranded"
    assert "is held" in world.release("deploy", "prod", "--yes", ends=3).err
    world.release("rollback", "prod", "--reason", "nothing was written yet", "--yes")
    assert serves(world, before)
