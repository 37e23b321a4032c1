"""Commits, tags, refs and files of the bare repository that stands behind a repository of the forge."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Ref:
    """`name` in full, refs/tags/v1.0.0; `kind` of the object that it names: commit or tag."""

    name: str
    sha: str
    kind: str


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    tree: str
    message: str
    author: tuple[str, str, str]  # name, e-mail address, time
    committer: tuple[str, str, str]


class GitObjects:
    """The repository in the folder `remote`. Nothing is kept: a push is seen at once."""

    def __init__(self, remote: str) -> None:
        self._remote = remote

    def default_branch(self) -> str:
        return self._ask("symbolic-ref", "--short", "HEAD")

    def resolve(self, name: str) -> str | None:
        """The commit of a branch, a tag, a full ref or a commit, in this order of GitHub's; None: there is
        none.
        """
        if not name or name.startswith("-") or any(letter in name for letter in "\n\0^~:?*[\\ "):
            return None
        tried = [name] if name.startswith("refs/") or _COMMIT.fullmatch(name) else []
        for full in (*tried, f"refs/heads/{name}", f"refs/tags/{name}"):
            if found := self._try("rev-parse", "--verify", "--quiet", f"{full}^{{commit}}"):
                return found
        return None

    def tag(self, name: str) -> str | None:
        """The commit of a tag; None: there is no such tag."""
        return self.resolve(f"refs/tags/{name}")

    def is_tag_name(self, name: str) -> bool:
        return self._try("check-ref-format", f"refs/tags/{name}") is not None and not name.startswith("-")

    def create_tag(self, name: str, commit: str) -> bool:
        """A lightweight tag. False: a hook or a ref in its way refuses it."""
        return self._try("update-ref", f"refs/tags/{name}", commit, "0" * 40) is not None

    def refs(self, prefix: str) -> list[Ref]:
        """The refs whose full names begin so."""
        form = "--format=%(objectname) %(objecttype) %(refname)"
        lines = self._ask("for-each-ref", form).splitlines()
        split = (line.split(" ", 2) for line in lines)
        return [Ref(name, sha, kind) for sha, kind, name in split if name.startswith(prefix)]

    def commit(self, sha: str) -> Commit:
        form = "%H%x00%T%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"
        fields = self._ask("log", "-1", f"--format={form}", sha).split("\0")
        author, committer = fields[2:5], fields[5:8]
        return Commit(
            fields[0],
            fields[1],
            fields[8].strip(),
            (author[0], author[1], _utc(author[2])),
            (committer[0], committer[1], _utc(committer[2])),
        )

    def contains(self, descendant: str, ancestor: str) -> bool:
        return self._try("merge-base", "--is-ancestor", ancestor, descendant) is not None

    def file(self, commit: str, path: str) -> str | None:
        """The text of a file in a commit; None: there is none."""
        return self._try("show", f"{commit}:{path}")

    def _ask(self, *arguments: str) -> str:
        done = self._run(arguments)
        done.check_returncode()
        return done.stdout.strip()

    def _try(self, *arguments: str) -> str | None:
        done = self._run(arguments)
        return None if done.returncode else done.stdout.strip()

    def _run(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_OPTIONAL_LOCKS": "0",
        }
        return subprocess.run(
            # safe.directory: the server may run as another user than the one who made the repository
            ["git", "-c", f"safe.directory={self._remote}", f"--git-dir={self._remote}", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )


def is_bare_repository(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def _utc(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
