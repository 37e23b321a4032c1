"""`release check`: what it asks, what it makes of the answers, and what it never calls green."""

import json
from pathlib import Path

import pytest

from release.check.configured import own_mypy, says_where_imports_begin
from release.check.environment import Python
from release.check.python import PythonChecks
from release.cli.main import main
from tests.check.worlds import GOOD, HANDLER, LOCK, PYPROJECT, TEST, ask, index, node_service
from tests.cli.conftest import _somebody
from tests.cli.worlds import FLEET, SERVICE, Fleet

HANDLER_PY = "services/orders/orders/handler.py"
OFFLINE = ("--skip", "audit")
QUICK = (*OFFLINE, "--skip", "types")  # mypy takes seconds
FLAW = {
    "id": "PYSEC-2026-1", "modified": "2026-01-01T00:00:00Z", "summary": "bad", "details": "bad",
    "affected": [
        {
            "package": {"name": "six", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.18.0"}]}],
        }
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    with _somebody():
        return Fleet.with_files(tmp_path_factory.mktemp("checked") / "fleet", GOOD)


@pytest.fixture
def fleet(untouched: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    # The services' pytest would load what is installed beside ours, for a second; their tests ask for none.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return untouched.copied(tmp_path / "fleet")


# -- one service


def test_a_service_in_order_passes_all_that_is_asked(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ask(fleet, capsys, "orders", *OFFLINE)

    assert found.code == 0, found.err
    assert {check: found.outcome("orders", check) for check in ("lint", "types", "tests", "audit")} == {
        "lint": "passed", "types": "passed", "tests": "passed", "audit": "skipped",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "check", "see"),
    [
        (HANDLER_PY, f"import os\n{HANDLER}", "lint", f"{HANDLER_PY}:1"),
        (HANDLER_PY, f"{HANDLER}\n\nLIMIT: int = 'many'\n", "types", f"{HANDLER_PY}:8"),
        (
            "services/orders/tests/test_handler.py",
            TEST.replace("== {}", "== {'a': 1}"),
            "tests",
            "services/orders/tests/test_handler.py:7",
        ),
    ],
    ids=["lint", "types", "tests"],
)
def test_each_check_says_no_with_its_place_and_a_way_out(
    file: str, text: str, check: str, see: str, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.write({file: text})

    found = ask(fleet, capsys, "orders", *OFFLINE)

    assert found.code == 3
    failed = [name for name in ("lint", "types", "tests") if found.outcome("orders", name) == "failed"]
    assert failed == [check]
    assert found.of("orders", check)["see"] == see and found.of("orders", check)["fix"]
    assert f"see: {see}" in found.err and "fix: " in found.err


def test_a_service_without_tests_is_named_and_not_silently_green(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.git("rm", "-r", "--quiet", "services/orders/tests")

    code = main(["-C", str(fleet.clone), "check", "orders", *QUICK])
    assert code == 0
    assert "without tests: orders" in capsys.readouterr().out

    fleet.write({"services/orders/tests/test_handler.py": "NOTHING = 1\n"})
    found = ask(fleet, capsys, "orders", *QUICK)
    assert (found.code, found.outcome("orders", "tests")) == (0, "absent")


def test_a_test_that_cannot_be_collected_is_a_no(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.write({"services/orders/tests/test_handler.py": "import nowhere\n"})

    found = ask(fleet, capsys, "orders", *QUICK)

    assert (found.code, found.outcome("orders", "tests")) == (3, "failed")


def test_the_services_own_configuration_is_the_one_that_counts(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.write({HANDLER_PY: f"import os\n{HANDLER}"})
    assert ask(fleet, capsys, "orders", *QUICK).outcome("orders", "lint") == "failed"

    fleet.write({"services/orders/pyproject.toml": "[tool.ruff.lint]\nignore = ['F401', 'I001']\n"})
    assert ask(fleet, capsys, "orders", *QUICK).outcome("orders", "lint") == "passed"


IMPORTS = f"""\
import enum

import six

from common.log import LEVEL

ALL = (enum, six, LEVEL)
{HANDLER}"""


def test_the_shared_core_counts_as_the_repositorys_own_where_nobody_says_otherwise(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.write({HANDLER_PY: IMPORTS})
    sorted_imports = "[tool.ruff.lint]\nselect = ['I']\n"
    lint_alone = (*QUICK, "--skip", "tests")

    fleet.write({"pyproject.toml": PYPROJECT + sorted_imports})
    assert ask(fleet, capsys, "orders", *lint_alone).outcome("orders", "lint") == "passed"

    fleet.write({"pyproject.toml": PYPROJECT + "[tool.ruff]\nsrc = ['elsewhere']\n" + sorted_imports})
    assert ask(fleet, capsys, "orders", *lint_alone).outcome("orders", "lint") == "failed"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, False),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"}, False),
        ({"pyproject.toml": "[tool.ruff]\nsrc = ['.']\n"}, True),
        ({"ruff.toml": "src = ['.']\n"}, True),
        ({"pyproject.toml": "[tool.ruff]\nsrc = ['.']\n", "services/orders/ruff.toml": ""}, False),
        ({"services/orders/ruff.toml": "extend = '../../ruff.toml'\n"}, True),
        ({"ruff.toml": "src = ["}, False),
    ],
)
def test_the_nearest_configuration_of_ruff_says_where_imports_begin(
    files: dict[str, str], says: bool, tmp_path: Path
) -> None:
    (tmp_path / "services" / "orders").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert says_where_imports_begin(tmp_path, "services/orders") is says


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("mypy.ini", "", True),
        ("pyproject.toml", "[tool.mypy]\nstrict = true\n", True),
        ("pyproject.toml", "[tool.ruff]\n", False),
    ],
)
def test_a_services_own_configuration_of_mypy_is_found(
    file: str, text: str, found: bool, tmp_path: Path
) -> None:
    (tmp_path / "services" / "orders").mkdir(parents=True)
    (tmp_path / "services" / "orders" / file).write_text(text)

    assert own_mypy(tmp_path, "services/orders") == (f"services/orders/{file}" if found else None)


def test_mypy_is_given_the_configuration_that_the_service_has(tmp_path: Path) -> None:
    folder = tmp_path / "services" / "orders"
    folder.mkdir(parents=True)
    (folder / "mypy.ini").write_text("[mypy]\n")
    (folder / "handler.py").write_text("")
    checks = PythonChecks(tmp_path, Python("python", "this test"), {}, tmp_path)

    (job,) = checks("orders", frozenset({"types"}))

    assert " --config-file services/orders/mypy.ini " in " ".join(job.command)


def test_tests_get_no_credentials(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "GH_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "DB_PASSWORD",
    ]
    for name in names:
        monkeypatch.setenv(name, "let me in")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    text = f"import os\n\n\ndef test_it() -> None:\n    assert not set({names}) & set(os.environ)\n"
    fleet.write({"services/orders/tests/test_handler.py": text + "    os.environ['AWS_DEFAULT_REGION']\n"})

    found = ask(fleet, capsys, "orders", *QUICK)

    assert found.outcome("orders", "tests") == "passed", found.of("orders", "tests")


# -- dependency audit


def osv(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"http://127.0.0.1:{port}/query")


AUDIT_ALONE = ("--skip", "lint", "--skip", "types", "--skip", "tests")


def test_a_package_with_a_known_flaw_is_a_no_that_names_the_version_that_mends_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with index({"vulns": [FLAW]}) as server:
        osv(monkeypatch, server.port)
        found = ask(fleet, capsys, "orders", *AUDIT_ALONE)

    assert found.code == 3
    audit = found.of("orders", "audit")
    assert audit["lines"] == ["six 1.17.0: PYSEC-2026-1 (mended in 1.18.0)"]
    assert audit["see"] == "services/orders/requirements.txt"
    assert [json.loads(data)["version"] for _, data in server.asked] == ["1.17.0"]


def test_packages_without_a_known_flaw_pass(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with index({}) as server:
        osv(monkeypatch, server.port)
        found = ask(fleet, capsys, "orders", *AUDIT_ALONE)

    assert (found.code, found.outcome("orders", "audit")) == (0, "passed")
    assert server.asked


def test_an_index_that_is_out_of_reach_is_unknown_and_never_green(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    osv(monkeypatch, 9)  # nobody listens there

    found = ask(fleet, capsys, "orders", *AUDIT_ALONE)

    assert (found.code, found.outcome("orders", "audit")) == (4, "unknown")
    assert "--skip audit" in found.err


def test_a_lock_without_hashes_cannot_be_audited_and_is_not_green(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.write({"services/orders/requirements.txt": LOCK.split(" ")[0] + "\n"})
    with index({}) as server:
        osv(monkeypatch, server.port)
        found = ask(fleet, capsys, "orders", *AUDIT_ALONE)

    assert found.code == 4 and server.asked == []


# -- Node


def test_a_node_service_is_asked_by_the_scripts_that_it_has(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.commit("feat: web", node_service())

    found = ask(fleet, capsys, "web", *OFFLINE)

    assert found.code == 0, found.err
    assert [found.outcome("web", one) for one in ("lint", "types", "tests")] == ["passed", "absent", "passed"]


def test_a_script_that_fails_is_a_no_with_the_place_that_it_names(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = "node -e \"console.log('index.js:7 is wrong'); process.exit(1)\""
    fleet.commit("feat: web", node_service(lint=failing, test="echo no test specified && exit 1"))

    found = ask(fleet, capsys, "web", *QUICK)

    assert found.code == 3
    assert found.of("web", "lint")["see"] == "services/web/index.js:7"
    assert found.outcome("web", "tests") == "absent", "what npm init writes is no test"


ADVISORY = {
    "id": 1, "url": "u", "title": "t", "severity": "high", "vulnerable_versions": "<9", "cwe": [],
    "cvss": {"score": 9, "vectorString": ""},
}  # fmt: skip


@pytest.mark.parametrize(
    ("advisories", "outcome", "code"), [({}, "passed", 0), ({"left": [ADVISORY]}, "failed", 3)]
)
def test_npm_is_asked_for_known_flaws(
    advisories: object,
    outcome: str,
    code: int,
    fleet: Fleet,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fleet.commit("feat: web", node_service(needs=True))
    with index(advisories) as server:
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.port}/")
        found = ask(fleet, capsys, "web", *AUDIT_ALONE)

    assert server.asked
    assert (found.code, found.outcome("web", "audit")) == (code, outcome), found.of("web", "audit")


def test_a_registry_that_is_out_of_reach_is_unknown(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.commit("feat: web", node_service(needs=True))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")

    found = ask(fleet, capsys, "web", *AUDIT_ALONE)

    assert (found.code, found.outcome("web", "audit")) == (4, "unknown")


# -- which services


def test_what_differs_from_the_remotes_branch_is_checked_and_what_is_not_committed_too(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fast = (*QUICK, "--skip", "tests")
    assert ask(fleet, capsys, *fast).document["services"] == {}

    fleet.write({HANDLER_PY: HANDLER.replace("{}", "{'a': 1}")})
    assert set(ask(fleet, capsys, *fast).document["services"]) == {"orders"}

    fleet.commit("feat: more")
    assert set(ask(fleet, capsys, *fast).document["services"]) == {"orders"}
    fleet.push()
    assert ask(fleet, capsys, *fast).document["services"] == {}


def test_a_change_of_the_shared_core_checks_it_as_well(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    base = fleet.git("rev-parse", "HEAD")
    fleet.commit("feat: log", {"services/common/log.py": "import os\n"})

    found = ask(fleet, capsys, "--base", base, *QUICK)

    assert (found.code, found.outcome("common", "lint")) == (3, "failed")


def test_a_base_that_is_not_known_checks_everything_and_says_why(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.git("remote", "set-url", "origin", "file:///nowhere")

    found = ask(fleet, capsys, *QUICK, "--skip", "tests")

    assert found.code == 0
    assert set(found.document["services"]) == {"common", "orders"}
    assert found.document["unknown"]


def test_each_pipeline_has_its_own_services(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    payments = FLEET.replace('["*"]', '["web"]').replace("v{version}", "payments/v{version}")
    pipelines = {
        "pipelines/fleet.yaml": FLEET.replace('["*"]', '["orders"]'),
        "pipelines/payments.yaml": payments,
    }
    base = fleet.commit("feat: payments", pipelines)
    fleet.commit("feat: both", {**node_service(), HANDLER_PY: f"{HANDLER}\n\nONE = 1\n"})

    services = {
        name: set(ask(fleet, capsys, "--pipeline", name, "--base", base, *QUICK).document["services"])
        for name in ("fleet", "payments")
    }

    assert services == {"fleet": {"orders"}, "payments": {"web"}}
    assert ask(fleet, capsys, "--base", base, *QUICK).code == 2, "which of the two?"


def test_a_node_service_whose_packages_cannot_be_had_is_unknown(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    fleet.commit("feat: web", node_service(needs=True))

    found = ask(fleet, capsys, "web", *QUICK, "--skip", "lint")

    assert (found.code, found.outcome("web", "tests")) == (4, "unknown"), found.of("web", "tests")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ordres",), "there is no service ordres"),
        (("orders", "--all"), "exclude each other"),
        (("--all", "--base", "HEAD"), "exclude each other"),
    ],
)
def test_words_that_make_no_sense_are_refused(
    words: tuple[str, ...], says: str, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ask(fleet, capsys, *words)

    assert found.code == 2 and says in found.err


def test_a_service_that_is_not_committed_is_named_and_not_passed_over(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.write({"services/fresh/service.yaml": SERVICE.replace("orders", "fresh")})

    named = ask(fleet, capsys, "fresh", *QUICK)
    assert named.code == 2 and "fix: commit it: git add services/fresh" in named.err

    found = ask(fleet, capsys, *QUICK)
    assert (found.code, found.document["left_out"]) == (0, ["fresh"])
    assert main(["-C", str(fleet.clone), "check", *QUICK]) == 0
    assert "services/fresh is in no commit, and was not looked at" in capsys.readouterr().out


def test_a_repository_without_services_is_told_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: text for name, text in GOOD.items() if not name.startswith("services/")}

    found = ask(Fleet.with_files(tmp_path / "none", files), capsys)

    assert found.code == 2
    assert "fix: make one with `release new SERVICE --kind http`" in found.err


def test_a_folder_without_configuration_is_refused_and_not_passed(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.commit("feat: a folder", {"services/notes/README.md": "none\n"})

    found = ask(fleet, capsys, "notes", *QUICK)

    assert found.code == 2 and "services/notes has no service.yaml" in found.err


def test_a_tool_that_is_not_installed_is_an_error_with_the_line_that_mends_it(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    python = fleet.clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho \'["mypy", "ruff"]\'\n')
    python.chmod(0o755)

    found = ask(fleet, capsys, "orders", *QUICK)

    assert found.code == 2
    assert "mypy, ruff are not installed in the repository's .venv" in found.err
    assert "-m pip install mypy ruff" in found.err


# -- what people see


def test_the_summary_of_a_run_says_what_each_check_has_said(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.write({HANDLER_PY: f"import os  # ~~~ </details> @everyone\n{HANDLER}"})
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    assert main(["-C", str(fleet.clone), "check", "orders", *QUICK]) == 3

    text = summary.read_text()
    assert "| orders | FAILED | skipped | ok | skipped |" in text
    assert "handler.py:1:8: F401" in text
    assert f"::error file={HANDLER_PY},line=1,title=orders%3A lint::" in capsys.readouterr().err
