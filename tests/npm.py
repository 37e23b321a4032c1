"""Packages of npm that proofs read our output with: by the hashes of a lock file, and once for each lock."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.absent import absent

ROOT = Path(__file__).resolve().parents[1]


def installed(locked: Path) -> tuple[str, Path]:
    """Node, and a folder with the files of `locked` and what their `package-lock.json` names.

    Skips, and in CI fails, where there is no Node or the packages cannot be had.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        absent("there is no Node here")
    files = sorted(path for path in locked.iterdir() if path.is_file())
    key = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    folder = ROOT / ".pytest_cache" / f"{locked.name}-{key}"
    if folder.exists():
        return node, folder
    making = folder.with_name(f"{folder.name}-{os.getpid()}")
    making.mkdir(parents=True)
    for path in files:
        shutil.copy(path, making)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=making, capture_output=True, text=True, check=False, timeout=200)
    if done.returncode:
        shutil.rmtree(making)
        absent(f"the packages of {locked.name} cannot be installed: {done.stderr[-200:]}")
    try:
        making.rename(folder)
    except OSError:  # another process was quicker
        shutil.rmtree(making)
    return node, folder
