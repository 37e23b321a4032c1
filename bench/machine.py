"""What a measurement ran on."""

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path


def facts() -> Mapping[str, str | int]:
    """Of the machine and of the programs that all contenders share. Nothing that names the machine."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "git": _answer("git", "--version").removeprefix("git version "),
        "node": _answer("node", "--version") or "none",
        "release_commit": _answer("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
    }


def load() -> float:
    """Processes that ran or waited to, on average over the last minute."""
    return round(os.getloadavg()[0], 2)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _answer(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
