"""What rows are made from: a folder that is kept, peers, repositories, the environment of what is timed."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import peers
from bench.model import Absent, Command, Contender, Kind
from release import __version__

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(__file__).resolve().parent / "programs"

# Kept of the caller's: how to find programs and reach the network. What says that this is CI, whose
# credentials to take, or that bytecode is not to be written, would change what is measured.
_KEPT = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_GIT_CONFIG = "[user]\n\tname = Bench\n\temail = bench@example.invalid\n[init]\n\tdefaultBranch = main\n"


@dataclass(frozen=True, slots=True)
class Workshop:
    """`cache` keeps peers and repositories between runs. `offline`: what is not there is not fetched."""

    cache: Path
    offline: bool
    progress: Callable[[str], None]

    @property
    def home(self) -> Path:
        return self.cache / "home"

    @property
    def version(self) -> str:
        return __version__

    def environment(self) -> Mapping[str, str]:
        """The same for every contender."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / ".gitconfig").write_text(_GIT_CONFIG)
        return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
        }

    def ours(
        self, *arguments: str, folder: Path, shows: str, name: str = "release", **more: str
    ) -> Contender:
        """The CLI of this checkout, as its console script starts it."""
        script = Path(sys.executable).with_name("release")
        command = Command((str(script), *arguments), folder, more)
        return Contender(name, "ours", self.version, (command,), shows)

    def program(self, name: str, *arguments: str, folder: Path, **more: str) -> Command:
        """A file of bench/programs, by the interpreter that runs `release`."""
        return Command((sys.executable, str(PROGRAMS / f"{name}.py"), *arguments), folder, more)

    def peer(
        self, lock: str, *arguments: str, folder: Path, shows: str, script: str = "", name: str = ""
    ) -> Contender | Absent:
        """A command of a peer, which is installed first. Absent with the reason where that cannot be done."""
        label = name or script or lock
        try:
            installed = peers.install(
                lock, self.cache / "peers", offline=self.offline, progress=self.progress
            )
        except peers.NotInstallable as reason:
            return Absent(label, "peer", str(reason))
        command = Command((*installed.start(script or lock), *arguments), folder)
        return Contender(label, "peer", installed.version, (command,), shows)

    def kept(self, key: str, make: Callable[[Path], None]) -> Path:
        """A folder that is made once and kept. One that was not finished is made again."""
        return made_once(self.cache / "data" / key, make)


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    stamp = folder / ".complete"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        stamp.touch()
    return folder


def floor(name: str, *commands: Command, version: str, shows: str = "", kind: Kind = "floor") -> Contender:
    return Contender(name, kind, version, commands, shows)
