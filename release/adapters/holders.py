"""This process as a holder of stages, and whether another holder is provably dead."""

import os
import re
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from release.core.forge.facts import RunFacts
from release.core.holding import run_has_ended
from release.core.records import Holder
from release.errors import ReleaseError


class ProcessHolders:
    """Knows processes of this machine since its last boot, and workflow runs as far as GitHub tells.

    What it cannot prove dead, it takes for alive.
    """

    def __init__(
        self, environ: Mapping[str, str], ask: Callable[[int], RunFacts | None] = lambda run: None
    ) -> None:
        """`ask`: of a workflow run by its id, without patience. None, or a ReleaseError: it is not known."""
        self._run = _run_of(environ)
        self._ask = ask
        self._told: dict[str, Literal[True] | None] = {}

    def current(self) -> Holder:
        pid = os.getpid()
        return Holder(host=_host(), pid=pid, started=_started(pid) or "unknown", run=self._run)

    def is_dead(self, holder: Holder) -> bool | None:
        """True for a process of this machine that is gone, or whose pid is another process's now.

        False for one that lives. Of another machine: True where its workflow run has ended, else None, since
        a run goes on when one of its machines is lost.
        """
        if holder.host != _host() or holder.started == "unknown":
            return self._run_is_over(holder.run) if holder.run is not None else None
        started = _started(holder.pid)
        return started != holder.started and not (started is None and _hidden(holder.pid))

    def _run_is_over(self, named: str) -> Literal[True] | None:
        """Asks once for each run: a rollback looks at its holder every few seconds."""
        if named not in self._told:
            self._told[named] = self._asked(named)
        return self._told[named]

    def _asked(self, named: str) -> Literal[True] | None:
        """None too where there is no token, no such run in this repository, or GitHub is out of reach."""
        parts = re.fullmatch(r"([0-9]{1,18})\.([0-9]{1,9})", named)
        if parts is None:
            return None
        try:
            run = self._ask(int(parts[1]))
        except ReleaseError:
            return None
        return True if run is not None and run_has_ended(int(parts[2]), run) else None


def _run_of(environ: Mapping[str, str]) -> str | None:
    run = environ.get("GITHUB_RUN_ID")
    return f"{run}.{environ.get('GITHUB_RUN_ATTEMPT', '1')}" if run else None


def _host() -> str:
    """Name, boot and pid namespace: after a reboot, or in another container, pids mean other processes."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    parts = [socket.gethostname()]
    if boot.exists():
        parts.append(boot.read_text().strip()[:8])
    if namespace.is_symlink():
        parts.append(str(namespace.readlink()).strip("pid:[]"))
    return "/".join(parts)


def _hidden(pid: int) -> bool:
    """Whether there is a process that we may not look at (proc(5), hidepid)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _started(pid: int) -> str | None:
    """When a process started, in the system's own words. None: there is none (a zombie counts as none)."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        # proc(5): state is the third field, start time the 22nd, both counted with pid and name
        return None if fields[0] in "ZX" else fields[19]
    shown = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None
