"""A bare git remote of the sandbox, and how git is told of it without touching anybody's configuration."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from release.errors import Misconfigured

REMOTE_NAME = "sandbox"


def create(folder: Path, seed: Path | None) -> Path:
    """A new bare repository in `folder` with HEAD on main; the HEAD of the work tree `seed` becomes its main.

    Raises Misconfigured when `seed` is not a repository with a commit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="remote-", suffix=".git", dir=folder))
    _git("init", "--quiet", "--bare", str(path))
    _git("-C", str(path), "symbolic-ref", "HEAD", "refs/heads/main")
    if seed is not None:
        # What CI checks out is shallow; the remote then has no more history than it.
        _git("-C", str(path), "config", "receive.shallowUpdate", "true")
        _git(
            "-C",
            str(seed),
            "push",
            "--quiet",
            "--no-follow-tags",
            "--no-verify",
            str(path),
            "HEAD:refs/heads/main",
        )
    return path


def environment(remote: Path, base: Mapping[str, str]) -> dict[str, str]:
    """Additions to `base` that define the remote "sandbox" for git, after what `base` defines already.

    https://git-scm.com/docs/git-config#ENVIRONMENT
    """
    count = int(base.get("GIT_CONFIG_COUNT") or 0)
    settings = (
        (f"remote.{REMOTE_NAME}.url", str(remote)),
        (f"remote.{REMOTE_NAME}.fetch", f"+refs/heads/*:refs/remotes/{REMOTE_NAME}/*"),
    )
    additions = {"GIT_CONFIG_COUNT": str(count + len(settings)), "RELEASE_REMOTE": REMOTE_NAME}
    for index, (key, value) in enumerate(settings, start=count):
        additions[f"GIT_CONFIG_KEY_{index}"] = key
        additions[f"GIT_CONFIG_VALUE_{index}"] = value
    return additions


def _git(*arguments: str) -> None:
    # A GIT_DIR or GIT_INDEX_FILE of a hook that we run in would name another repository.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments], env=inherited, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise Misconfigured(
            f"git {' '.join(arguments)} failed: {done.stderr.strip()}",
            fix="run it in a git work tree with at least one commit",
        )
