"""What every test gets: a home, a git identity and an environment of its own, and none of the caller's."""

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from _pytest.nodeid import coerce_node_id

GIT_CONFIG = """\
[user]
    name = Test Person
    email = test.person@example.invalid
[init]
    defaultBranch = main
[commit]
    gpgSign = false
[tag]
    gpgSign = false
"""

# A person's shell, a git hook and a CI job each say things that the tool under test would listen to. What
# tells it how to reach the network (certificates, proxies) stays.
CALLERS_OWN = ("GIT_", "AWS_", "GITHUB_", "RUNNER_", "ACTIONS_", "RELEASE_")
CALLERS_OWN_NAMES = frozenset(
    {"CI", "GH_TOKEN", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "XDG_CONFIG_HOME"}
)
KEPT = frozenset({"GIT_SSL_CAINFO", "AWS_CA_BUNDLE"})

# A shell starts what it runs in the background with SIGINT ignored, and every process below inherits that: no
# Ctrl-C would reach what the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# jsonschema compiles the grammar of IRIs where that is installed, for more than a second in every worker; no
# schema of ours has one.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# Read before any test changes HOME: tests share downloads, or every build would fetch its wheels again.
UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(
    Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "uv"
)


@pytest.fixture(autouse=True)
def isolated_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The test's own HOME, with a git identity, main as first branch, UTC, and nobody's credentials.

    Everything is said through the environment, so that processes which a test starts are isolated as well.
    """
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(GIT_CONFIG)
    for name in os.environ:
        if (name.startswith(CALLERS_OWN) or name in CALLERS_OWN_NAMES) and name not in KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # or botocore asks the network who it is
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)
    # A pytest that a test starts would, as it ends, remove what earlier runs left beside this one, which are
    # 270,000 files after a run of all tests: 28 s on a quiet machine, more than a minute on a busy one.
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(tmp_path_factory.getbasetemp()))
    yield home


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: looking for garbage in it takes every worker nearly as long again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Proofs that say how long they take begin first, so that no core is idle while the last one waits."""
    items.sort(key=_seconds, reverse=True)
    if getattr(config.option, "loadgroup", False):
        for item in items:
            _group(item)


def _group(item: pytest.Item) -> None:
    """What xdist 3.8 does in vain with pytest 9.2, which keeps the id of a test elsewhere: without it every
    worker makes the worlds of a group anew, and a story is told out of order.
    """
    group = item.get_closest_marker("xdist_group")
    if group is not None and not item.nodeid.endswith(f"@{group.args[0]}"):
        item._id = coerce_node_id(f"{item.nodeid}@{group.args[0]}")


def _seconds(item: pytest.Item) -> int:
    proof = item.get_closest_marker("prove")
    seconds: int = proof.kwargs.get("seconds", 0) if proof else 0
    return seconds


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests say as properties, which come through xdist: measured by proofs, shown by contract cases."""
    proofs = _said(terminalreporter, "proof")
    if proofs:
        terminalreporter.section("proofs")
        for text in sorted(proofs):
            terminalreporter.line(text)
    if cases := set(_said(terminalreporter, "contract")):
        _contract_summary(terminalreporter, cases)


def _said(terminalreporter: pytest.TerminalReporter, name: str) -> list[str]:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("xfailed")]
    return [str(text) for report in reports for key, text in report.user_properties if key == name]


def _contract_summary(terminalreporter: pytest.TerminalReporter, cases: set[str]) -> None:
    """Where the grounds that everything is tested on differ from AWS: known, and not hidden."""
    from release.sandbox.leniences import LENIENCES

    by_plane = {
        plane: {case for case in cases if case.endswith(f" {plane}")} for plane in ("sandbox", "model")
    }
    names = {case.rpartition(" ")[0] for case in cases}
    terminalreporter.section("contract with AWS")
    terminalreporter.line(
        f"{len(names)} cases: {len(by_plane['sandbox'])} on the sandbox, "
        f"{len(by_plane['model'])} on the model behind the port `Functions`"
    )
    for lenience in LENIENCES:
        terminalreporter.line(f"the sandbox is lenient: {lenience.sandbox} (AWS: {lenience.aws})")
    for text in sorted(set(_said(terminalreporter, "lenient"))):
        terminalreporter.line(f"lenient in a case: {text}")
