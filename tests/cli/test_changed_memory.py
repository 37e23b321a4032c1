"""What `release changed` remembers between two trees: it saves time, and the answer is never another one."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from release.adapters.git import GitRepo
from release.build.program import program_digest
from release.changed import claims
from tests.cli.changed_worlds import FILES, ChangedFleet, answer, service
from tests.cli.conftest import Cli
from tests.cli.worlds import FLEET

START = "import sys; from release.cli.main import main; sys.argv[0] = 'release'; sys.exit(main())"
PAYMENTS = "services: [prices]\ntags: 'payments/v{version}'" + FLEET[FLEET.index("\nbranches") :]


@pytest.fixture
def fleet(changed_fleet: ChangedFleet) -> ChangedFleet:
    return changed_fleet


Changed = Callable[..., dict[str, Any]]


@pytest.fixture
def changed(fleet: ChangedFleet, capsys: pytest.CaptureFixture[str]) -> Changed:
    """The answer, the same when it is asked again, and without anything to remember."""

    def ask(*arguments: str) -> dict[str, Any]:
        first = answer(capsys, fleet.clone, *arguments)
        again = answer(capsys, fleet.clone, *arguments)
        for path in remembered(fleet):
            path.unlink()
        assert first == again == answer(capsys, fleet.clone, *arguments)
        return first

    return ask


def remembered(fleet: ChangedFleet, kind: str = "") -> list[Path]:
    return sorted((fleet.clone / ".git" / "release").glob(f"{kind}*-*"))


def text_of(fleet: ChangedFleet, path: str) -> str:
    return (fleet.clone / path).read_text()


def test_answers_follow_every_commit_whatever_was_remembered_of_the_one_before(
    fleet: ChangedFleet, changed: Changed
) -> None:
    handler = "services/auth-admin/auth_admin/handler.py"
    fleet.commit("import", {handler: "from common import log\n" + FILES[handler]})
    assert changed("--base", "HEAD~1")["changed"] == ["auth-admin"]

    fleet.commit("shared", {"services/common/log.py": "LEVEL = 'WARN'\n"})
    assert changed("--base", "HEAD~1")["changed"] == ["auth", "auth-admin", "prices"]

    fleet.commit("no import", {handler: FILES[handler]})
    fleet.commit("shared", {"services/common/log.py": "LEVEL = 'INFO'\n"})
    found = changed("--base", "HEAD~1")
    assert (found["changed"], found["unchanged"]) == (["auth", "prices"], ["auth-admin"])


def test_a_service_that_is_no_file_any_more_is_removed_and_one_that_becomes_one_is_new(
    fleet: ChangedFleet, changed: Changed
) -> None:
    path = fleet.clone / "services/auth-admin/service.yaml"
    path.unlink()
    path.symlink_to("../auth/service.yaml")
    fleet.commit("a link")
    assert changed("--base", "HEAD~1")["removed"] == ["auth-admin"]

    fleet.commit("another", service("rates"))
    found = changed("--base", "HEAD~1")
    assert (found["changed"], found["services"][0]["what"]) == (["rates"], ["new"])


def test_patterns_of_pipelines_count_as_the_commit_has_them(
    fleet: ChangedFleet, changed: Changed, cli: Cli
) -> None:
    changed("--base", "HEAD")
    fleet.commit(
        "feat: payments",
        {"pipelines/fleet.yaml": FLEET.replace('["*"]', '["auth*"]'), "pipelines/payments.yaml": PAYMENTS},
    )

    assert cli("changed", "--base", "HEAD", at=fleet.clone).lines("fix:") == [
        "add --pipeline with one of: fleet, payments"
    ]
    assert changed("--base", "HEAD", "--pipeline", "fleet")["unchanged"] == ["auth", "auth-admin"]
    assert changed("--base", "HEAD", "--pipeline", "payments")["unchanged"] == ["prices"]
    assert changed("--base", "HEAD~1", "--pipeline", "fleet")["removed"] == ["prices"]
    for _ in range(2):
        ran = cli("changed", "--base", "HEAD", "--pipeline", "fees", at=fleet.clone)
        assert ran.lines("fix:") == ["name one of: fleet, payments"]


def test_two_pipelines_that_claim_a_service_are_refused_every_time(
    fleet: ChangedFleet, changed: Changed, cli: Cli
) -> None:
    changed("--base", "HEAD")
    fleet.commit("feat: payments", {"pipelines/payments.yaml": PAYMENTS})

    for _ in range(3):
        ran = cli("changed", "--base", "HEAD", "--pipeline", "fleet", at=fleet.clone)
        assert ran.code == 2
        assert "the service prices is in payments and in fleet" in ran.err


def test_pipelines_with_an_error_are_told_every_time(fleet: ChangedFleet, changed: Changed, cli: Cli) -> None:
    changed("--base", "HEAD")
    fleet.commit("oops", {"pipelines/fleet.yaml": FLEET + "nonsense: 1\n"})

    for _ in range(3):
        ran = cli("changed", "--base", "HEAD", at=fleet.clone)
        assert ran.code == 2 and "nonsense" in ran.err


def test_pipelines_of_the_work_tree_are_not_remembered_for_a_commit_that_has_none(
    fleet: ChangedFleet, changed: Changed, cli: Cli
) -> None:
    """Nor for one whose pipelines/ holds nothing that configures."""
    fleet.git("rm", "--quiet", "--cached", "-r", "pipelines")
    (fleet.clone / ".gitignore").write_text("/pipelines/*.yaml\n")
    fleet.commit("not here", {"pipelines/README.md": "elsewhere"})
    assert changed("--base", "HEAD")["unchanged"] == ["auth", "auth-admin", "prices"]

    (fleet.clone / "pipelines/fleet.yaml").write_text(FLEET.replace('["*"]', "[auth]"))
    assert changed("--base", "HEAD")["unchanged"] == ["auth"]


@pytest.mark.parametrize("kind", ["claims", "demands", "shared"])
@pytest.mark.parametrize("damage", ["other program", "no JSON", "a list", "torn", "of others"])
def test_what_is_remembered_badly_is_as_if_it_were_not_there(
    fleet: ChangedFleet, capsys: pytest.CaptureFixture[str], kind: str, damage: str
) -> None:
    fleet.commit("shared", {"services/common/log.py": "LEVEL = 'WARN'\n"})
    right = answer(capsys, fleet.clone, "--base", "HEAD~1")
    path = max(remembered(fleet, kind), key=lambda path: path.stat().st_mtime_ns)
    document = json.loads(path.read_bytes()[32:])
    lies = json.dumps(poisoned(document))
    match damage:
        case "other program":
            lies = json.dumps({**poisoned(document), "reader": "0" * 64})
        case "no JSON":
            lies = "{"
        case "a list":
            lies = "[]"
    key = path.name.partition("-")[2]
    GitRepo.open(fleet.clone).remember(kind, key, lies.encode())
    match damage:
        case "torn":
            path.write_bytes(path.read_bytes()[:-1])
        case "of others":
            path.chmod(0o666)

    assert answer(capsys, fleet.clone, "--base", "HEAD~1") == right


def poisoned(document: dict[str, Any]) -> dict[str, Any]:
    """That no service is there, asks anything or imports anything: an answer that nobody could miss."""
    if "trees" in document:
        return {**document, "trees": {tree: {"fleet": []} for tree in document["trees"]}}
    if "rows" in document:
        return {**document, "rows": [[False, False, []] for _ in document["rows"]]}
    return {**document, "files": {name: [] for name in document["files"]}}


def test_a_lie_in_the_memory_would_be_seen(fleet: ChangedFleet, capsys: pytest.CaptureFixture[str]) -> None:
    right = answer(capsys, fleet.clone, "--base", "HEAD")
    for kind in ("claims", "demands"):
        (path,) = remembered(fleet, kind)
        lies = poisoned(json.loads(path.read_bytes()[32:]))
        GitRepo.open(fleet.clone).remember(kind, path.name.partition("-")[2], json.dumps(lies).encode())
        assert answer(capsys, fleet.clone, "--base", "HEAD") != right
        path.unlink()


def test_many_at_once_all_answer_right(fleet: ChangedFleet) -> None:
    fleet.commit("shared", {"services/common/log.py": "LEVEL = 'WARN'\n"})

    def ask(_: int) -> list[str]:
        command = [sys.executable, "-c", START, "changed", "--base", "HEAD~1", "--json"]
        done = subprocess.run(command, cwd=fleet.clone, capture_output=True, check=True, timeout=120)
        found: list[str] = json.loads(done.stdout)["changed"]
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(8))) == [["auth", "prices"]] * 8


def test_a_comparison_of_two_trees_that_is_asked_again_imports_little(fleet: ChangedFleet) -> None:
    fleet.commit("shared", {"services/common/log.py": "LEVEL = 'WARN'\n"})
    command = [sys.executable, "-X", "importtime", "-c", START, "changed", "--base", "HEAD~1", "--json"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(2):
        done = subprocess.run(
            command, cwd=fleet.clone, env=environ, capture_output=True, text=True, check=True, timeout=120
        )
    assert json.loads(done.stdout)["changed"] == ["auth", "prices"]

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "release.build.demands" in imported
    heavy = {"git", "yaml", "jinja2", "botocore", "rich", "tempfile", "logging"}
    ours = {"release.ports", "release.core.models", "release.core.records", "release.config"}
    assert not imported & (heavy | ours)


def test_whatever_reads_pipelines_is_named_by_what_is_remembered_of_them() -> None:
    """A rule that another version of the tool has must not go unheard because an older one was content."""
    top = Path(claims.__file__).parent.parent
    imported = {
        f"core/{name}.py"
        for path in (top / "config").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("release.core")
        for name in ((node.module or "").split(".")[2:3] or [alias.name for alias in node.names])
    }
    assert "core/models.py" in imported
    assert imported <= set(claims.PROGRAM)


def test_a_file_that_is_gone_is_no_part_of_a_program() -> None:
    with pytest.raises(AssertionError, match=r"core/gone\.py"):
        program_digest("core/models.py", "core/gone.py")
