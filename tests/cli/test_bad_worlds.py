"""Every command in every world in which something that it needs is wrong: one error, one way out, no harm."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from release.sandbox.session import Sandbox
from tests.cli.commands import commands
from tests.cli.conftest import SANDBOXED, Cli, Ran
from tests.cli.rows import ROWS, plan_file
from tests.cli.worlds import FLEET, Fleet, git
from tests.e2e.fleet import FORKS, ROOT
from tests.e2e.forks import Starter
from tests.e2e.processes import Running

PATIENCE = 15.0  # seconds: nobody looks longer at a command that says nothing
BROKEN = FLEET.replace("after: dev", "aftr: dev").replace("channel: rc", "channel: gamma")


def outside(fleet: Fleet) -> Path:
    folder = fleet.folder / "nowhere"
    folder.mkdir()
    return folder


def missing(fleet: Fleet) -> Path:
    return fleet.folder / "missing"


def a_file(fleet: Fleet) -> Path:
    return fleet.clone / "pipelines" / "fleet.yaml"


def torn_repository(fleet: Fleet) -> Path:
    """Where .git stands but git finds nothing behind it, as after a moved linked work tree."""
    folder = outside(fleet)
    (folder / ".git").write_text("gitdir: ../gone\n")
    return folder


def no_commit(fleet: Fleet) -> Path:
    """Somebody ran `git init` and has not committed yet; the remote is in order."""
    folder = outside(fleet)
    git(folder, "init", "--quiet")
    git(folder, "remote", "add", "origin", fleet.url)
    return folder


def nothing_but_a_repository(fleet: Fleet) -> Path:
    folder = outside(fleet)
    git(folder, "init", "--quiet")
    return folder


def without_pipelines(fleet: Fleet) -> Path:
    fleet.git("rm", "-r", "--quiet", "pipelines")
    fleet.commit("chore: no pipelines")
    fleet.push()
    return fleet.clone


def pipelines_are_a_file(fleet: Fleet) -> Path:
    without_pipelines(fleet)
    fleet.commit("chore: a file in the place of a folder", {"pipelines": FLEET})
    fleet.push()
    return fleet.clone


def services_are_a_file(fleet: Fleet) -> Path:
    fleet.git("rm", "-r", "--quiet", "services")
    fleet.commit("chore: a file in the place of a folder", {"services": "orders\n"})
    fleet.push()
    return fleet.clone


def holding(files: Mapping[str, str | bytes]) -> Callable[[Fleet], Path]:
    def prepare(fleet: Fleet) -> Path:
        fleet.write(dict(files))
        fleet.commit("chore: break it")
        fleet.push()
        return fleet.clone

    return prepare


def without_remote(fleet: Fleet) -> Path:
    fleet.git("remote", "remove", "origin")
    return fleet.clone


def remote_at(url: str) -> Callable[[Fleet], Path]:
    def prepare(fleet: Fleet) -> Path:
        fleet.git("config", "remote.origin.url", url)
        return fleet.clone

    return prepare


def ledger_of_somebody_else(fleet: Fleet) -> Path:
    """A branch of the ledger's name that is none: its head is no JSON, its record of tomorrow."""
    fleet.git("checkout", "--quiet", "--orphan", "foreign")
    fleet.commit("chore: x", {"heads/fleet/qa.json": "{", "2026/11/x.json": '{"kind": "ascension"}'})
    fleet.push("+HEAD:refs/heads/release-ledger")
    fleet.git("checkout", "--quiet", "main")
    return fleet.clone


def as_it_is(fleet: Fleet) -> Path:
    return fleet.clone


@dataclass(frozen=True)
class World:
    """What is wrong, which need of the commands it concerns, and how all that have it must end."""

    name: str
    breaks: str
    ends: int
    prepare: Callable[[Fleet], Path]
    says: str
    environment: Mapping[str, str] = field(default_factory=dict)


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


NO_CREDENTIALS = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
WORLDS = [
    World("no such folder", "folder", 2, missing, "there is no folder"),
    World("a file in place of the folder", "folder", 2, a_file, "there is no folder"),
    World("outside a repository", "repository", 2, outside, "not inside a git repository"),
    World("a torn repository", "repository", 2, torn_repository, "git"),
    World("no commit", "commit", 2, no_commit, "HEAD names no commit"),
    World("nothing but git init", "remote", 2, nothing_but_a_repository, "no remote named origin"),
    World("no pipelines", "configuration", 2, without_pipelines, "there is no pipelines/"),
    World("pipelines a file", "configuration", 2, pipelines_are_a_file, "there is no pipelines/"),
    World(
        "broken pipelines",
        "pipelines",
        2,
        holding({"pipelines/fleet.yaml": BROKEN}),
        "the configuration has 2 errors in 1 file",
    ),
    World(
        "pipelines of bytes",
        "pipelines",
        2,
        holding({"pipelines/fleet.yaml": b"\xff\x00\xfe", "pipelines/b.yaml": "&a [*a, *a]"}),
        "the configuration has",
    ),
    World(
        "a broken service",
        "services",
        2,
        holding({"services/orders/service.yaml": "runtime: [\n"}),
        "the configuration has",
    ),
    World("services a file", "services", 2, services_are_a_file, "there are no services"),
    World("no remote", "remote", 2, without_remote, "no remote named origin"),
    World("the remote is gone", "remote", 4, remote_at("file:///nonexistent/r.git"), "cannot be read"),
    World("no network", "remote", 4, remote_at(f"https://127.0.0.1:{closed_port()}/r.git"), "cannot be read"),
    World("a foreign ledger", "ledger", 2, ledger_of_somebody_else, "the ledger's file"),
    World("no credentials", "aws", 2, as_it_is, "credentials", NO_CREDENTIALS),
    World("no sandbox", "sandbox", 2, as_it_is, "there is no sandbox here", {"AWS_ENDPOINT_URL": ""}),
    World("an unknown profile", "aws", 2, as_it_is, "nobody", {"AWS_PROFILE": "nobody"}),
    World("an endpoint that is none", "aws", 2, as_it_is, "nonsense", {"AWS_ENDPOINT_URL": "nonsense"}),
]


def refs(fleet: Fleet) -> dict[Path, bytes]:
    """Every ref of the remote and of the clone, as git keeps it."""
    kept: dict[Path, bytes] = {}
    for folder in (fleet.remote, fleet.clone / ".git"):
        files = [path for path in (folder / "refs").rglob("*") if path.is_file()]
        kept |= {path: path.read_bytes() for path in (*files, folder / "HEAD")}
        if (packed := folder / "packed-refs").exists():
            kept[packed] = packed.read_bytes()
    return kept


@pytest.fixture(scope="session")
def world_of(
    untouched: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[World], tuple[Fleet, Path]]:
    """Each world is made once: no command may change it."""
    made: dict[str, tuple[Fleet, Path]] = {}

    def world_of(world: World) -> tuple[Fleet, Path]:
        if world.name not in made:
            fleet = untouched.copied(tmp_path_factory.mktemp("world") / "fleet")
            made[world.name] = fleet, world.prepare(fleet)
        return made[world.name]

    return world_of


def concerned() -> Iterator[tuple[World, tuple[str, ...]]]:
    for world in WORLDS:
        for path, row in ROWS.items():
            if world.breaks in row.needs:
                yield world, path


def assert_one_error(ran: Ran, ends: int, says: str) -> None:
    assert ran.code == ends, ran.err
    assert len(ran.lines("error:")) == 1 and len(ran.lines("fix:")) == 1, ran.err
    assert says in ran.lines("error:")[0]
    assert "Traceback" not in ran.err and ran.lines("fix:") != [""]


@pytest.mark.parametrize(
    ("world", "path"), list(concerned()), ids=[f"{w.name}: {' '.join(path)}" for w, path in concerned()]
)
def test_every_command_ends_with_one_error_and_a_way_out(
    world: World,
    path: tuple[str, ...],
    world_of: Callable[[World], tuple[Fleet, Path]],
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet, folder = world_of(world)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    before = refs(fleet)
    begun = time.monotonic()

    ran = cli(*path, *ROWS[path].arguments(plan=plan_file(tmp_path)), at=folder)

    assert_one_error(ran, world.ends, world.says)
    assert time.monotonic() - begun < PATIENCE
    assert refs(fleet) == before


def test_no_command_is_left_out() -> None:
    assert sorted(path for path, _ in commands()) == sorted(ROWS)


OFFLINE = [
    path
    for path, row in ROWS.items()
    if "aws" not in row.needs
    and path[0] != "sandbox"
    and path != ("audit", "import")  # it asks for a journal
    and path != ("local", "up")  # it starts a server: tests/local
]


@pytest.mark.parametrize("path", OFFLINE, ids=" ".join)
def test_a_command_that_needs_no_aws_works_without_credentials(
    path: tuple[str, ...], fleet: Fleet, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value)

    ran = cli(*path, *ROWS[path].arguments(plan=tmp_path), at=fleet.clone)

    assert ran.code == ROWS[path].ends, ran.err


STAGED = [path for path, row in ROWS.items() if "STAGE" in row.words]


@pytest.mark.parametrize("path", STAGED, ids=" ".join)
def test_an_unknown_stage_is_answered_with_the_known_ones(
    path: tuple[str, ...], fleet: Fleet, cli: Cli, tmp_path: Path
) -> None:
    ran = cli(*path, *ROWS[path].arguments(plan=tmp_path, stage="quality"), at=fleet.clone)

    assert_one_error(ran, 2, "stage quality")
    assert "dev, qa" in ran.lines("fix:")[0]


PIPELINED = [
    path for path, command in commands() if any("--pipeline" in option.opts for option in command.params)
]


@pytest.mark.parametrize("path", PIPELINED, ids=" ".join)
def test_an_unknown_pipeline_is_answered_with_the_known_ones(
    path: tuple[str, ...], fleet: Fleet, cli: Cli, tmp_path: Path
) -> None:
    words = ROWS[path].arguments(plan=tmp_path)

    ran = cli(*path, "--pipeline", "payments", *words, at=fleet.clone)

    assert_one_error(ran, 2, "pipeline payments")
    assert "fleet" in ran.lines("fix:")[0]


def test_every_verb_that_reads_a_repository_takes_a_pipeline() -> None:
    without = {path for path in ROWS if path not in PIPELINED and path[0] != "sandbox"}

    # a plan file and a journal name their own; workflows are of all pipelines, or none would be in step;
    # what is asked of a run or a pull request has none, nor has an account
    assert without == {
        *(("apply",), ("audit", "import"), ("doctor",), ("workflows", "render"), ("workflows", "report")),
        *(("workflows", "approvers"), ("workflows", "comment"), ("workflows", "waiting")),
        ("infra", "bootstrap"),
        # its names have to fit the stages of all pipelines
        ("new",),
        # what is up knows its own, and an event has none
        *(("local", verb) for verb in ("api", "down", "invoke", "logs", "seed")),
        *(("local", "event", kind) for kind in ("apigateway", "sqs", "stream")),
    }


def test_every_error_of_the_configuration_is_named_with_its_place(
    cli: Cli, world_of: Callable[[World], tuple[Fleet, Path]]
) -> None:
    world = next(world for world in WORLDS if world.name == "broken pipelines")

    ran = cli("status", at=world_of(world)[1])

    assert "pipelines/fleet.yaml:6: " in ran.err and "did you mean" in ran.err.lower()
    assert "pipelines/fleet.yaml:7: " in ran.err
    assert ran.lines("see:") == ["pipelines/fleet.yaml:6"]


# -- AWS ----------------------------------------------------------------------------------------------------

CLOUD = {path: row for path, row in ROWS.items() if "aws" in row.needs}


def test_every_command_that_needs_aws_gives_up_on_one_that_is_out_of_reach(
    fleet: Fleet, tmp_path: Path
) -> None:
    """As processes side by side: each waits for some seconds between its tries, all together not longer."""
    environment = os.environ | NO_CREDENTIALS
    environment |= {
        "AWS_ACCESS_KEY_ID": "222222222222",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{closed_port()}",
    }
    starter = Starter(environment, ROOT) if FORKS else None
    started = {}
    try:
        for number, (path, row) in enumerate(CLOUD.items()):
            words = [*path, *row.arguments(plan=plan_file(tmp_path))]
            log = tmp_path / f"command-{number}"
            started[path] = Running(words, fleet.clone, environment, log, starter)
        ended = [running.wait(4 * PATIENCE) for running in started.values()]
    finally:
        for running in started.values():
            running.end()
        if starter is not None:
            starter.end()

    for one in ended:
        assert_one_error(Ran(one.code, one.out, one.err), 4, "cannot be reached")


@SANDBOXED
@pytest.mark.parametrize(
    "path", [path for path in CLOUD if path[0] not in ("artifacts", "audit", "build")], ids=" ".join
)
def test_credentials_of_another_account_are_refused_before_anything_is_changed(
    path: tuple[str, ...],
    cli: Cli,
    tmp_path: Path,
    fleet_in_a_folder: Fleet,
    account: Callable[[str], None],
) -> None:
    account("555555555555")
    fleet = fleet_in_a_folder
    if path == ("plan", "deploy"):
        assert cli("build", at=fleet.clone).code == 0  # or it is not built, and AWS is not asked
    before = git(fleet.remote, "for-each-ref")

    ran = cli(*path, *ROWS[path].arguments(plan=plan_file(tmp_path)), at=fleet.clone)

    assert_one_error(ran, 2, "these credentials belong to account 555555555555")
    assert git(fleet.remote, "for-each-ref") == before


@SANDBOXED
@pytest.mark.parametrize("path", [("build",), ("deploy",), ("promote",)], ids=" ".join)
def test_a_bucket_of_another_account_is_refused(
    path: tuple[str, ...],
    sandbox: Sandbox,
    fleet: Fleet,
    cli: Cli,
    tmp_path: Path,
    account: Callable[[str], None],
) -> None:
    sandbox.provision(
        environments=[("111111111111", ("us-east-1",), None)],
        artifact_account="999999999999",
        bucket_pattern="acme-artifacts-{region}",
    )
    account("555555555555")

    ran = cli(*path, *ROWS[path].arguments(plan=tmp_path), at=fleet.clone)

    assert_one_error(ran, 2, "acme-artifacts-us-east-1")
