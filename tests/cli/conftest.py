"""The CLI as a test calls it: in this process, which takes milliseconds, with all that it said."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.cli.main import main
from release.sandbox.session import Sandbox
from tests.cli.changed_worlds import ChangedFleet
from tests.cli.worlds import FOLDER, Fleet, healthy

SANDBOXED = pytest.mark.xdist_group("the sandbox of tests/cli")


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    def lines(self, label: str) -> list[str]:
        """What stands after this label ("error:", "fix:") on standard error."""
        return [line[len(label) + 1 :] for line in self.err.splitlines() if line.startswith(label + " ")]


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs `release ARGUMENTS`; `at` is the folder that -C names."""

    def run(*arguments: str, at: Path | None = None) -> Ran:
        capsys.readouterr()
        code = main([*(("-C", str(at)) if at else ()), *arguments])
        out, err = capsys.readouterr()
        return Ran(int(code), out, err)

    return run


@contextlib.contextmanager
def _somebody() -> Iterator[None]:
    """A session's fixture runs before a test's own HOME is there, so it says who commits."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("GIT_AUTHOR", "GIT_COMMITTER"):
            patch.setenv(f"{variable}_NAME", "Test Person")
            patch.setenv(f"{variable}_EMAIL", "test.person@example.invalid")
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        yield


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The healthy world, for what only reads."""
    with _somebody():
        return healthy(tmp_path_factory.mktemp("healthy") / "fleet")


@pytest.fixture
def fleet(untouched: Fleet, tmp_path: Path) -> Fleet:
    """A copy of the untouched world, for this test alone."""
    return untouched.copied(tmp_path / "fleet")


@pytest.fixture(scope="session")
def untouched_changed(tmp_path_factory: pytest.TempPathFactory) -> ChangedFleet:
    """What `release changed` is tried on, for what only reads."""
    with _somebody():
        return ChangedFleet.made(tmp_path_factory.mktemp("changed") / "fleet")


@pytest.fixture
def changed_fleet(untouched_changed: ChangedFleet, tmp_path: Path) -> ChangedFleet:
    """A copy of it, for this test alone."""
    return ChangedFleet(untouched_changed.copied(tmp_path / "fleet").folder)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """For tests in the group SANDBOXED, so that one process of pytest starts one."""
    with Sandbox.start() as started:
        yield started


@pytest.fixture(scope="session")
def _in_a_folder(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    with _somebody():
        return healthy(tmp_path_factory.mktemp("folder") / "fleet", artifacts=FOLDER)


@pytest.fixture
def fleet_in_a_folder(_in_a_folder: Fleet, tmp_path: Path) -> Fleet:
    """Its artifacts are in a folder, so that AWS is first met at the functions, of which it has none."""
    return _in_a_folder.copied(tmp_path / "fleet")


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the test somebody in this AWS account."""

    def be(number: str) -> None:
        for name, value in sandbox.environment(account=number, base={}).items():
            monkeypatch.setenv(name, value)

    return be
