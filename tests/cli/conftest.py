"""The CLI as a test calls it: in this process, which takes milliseconds, with all that it said."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.cli.main import main
from tests.cli.worlds import Fleet, healthy


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


@pytest.fixture(scope="session")
def _healthy(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Built once; a session's fixture runs before a test's own HOME is there, so it says who commits."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("GIT_AUTHOR", "GIT_COMMITTER"):
            patch.setenv(f"{variable}_NAME", "Test Person")
            patch.setenv(f"{variable}_EMAIL", "test.person@example.invalid")
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        return healthy(tmp_path_factory.mktemp("healthy") / "fleet")


@pytest.fixture
def fleet(_healthy: Fleet, tmp_path: Path) -> Fleet:
    """A copy of the healthy world, for this test alone."""
    return _healthy.copied(tmp_path / "fleet")
