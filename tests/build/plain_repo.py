"""A throw-away git repository, and the part of ports.Repo that a build reads, by git's own commands."""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from release.ports import TreeEntry

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "Test" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "test@example.invalid" for who in ("AUTHOR", "COMMITTER")},
}


class PlainRepo:
    def __init__(self, top: Path) -> None:
        self.top = top

    @classmethod
    def create(cls, top: Path) -> "PlainRepo":
        top.mkdir(parents=True)
        repo = cls(top)
        repo.git("init", "-q", "-b", "main")
        return repo

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return subprocess.run(
            ["git", *arguments], cwd=self.top, env=_ENVIRONMENT, input=stdin, capture_output=True, check=True
        ).stdout

    def commit(self, files: Mapping[str, str | bytes], *, executable: Sequence[str] = ()) -> str:
        """Commit these files beside what is there. Returns the commit's id."""
        for path, content in files.items():
            place = self.top / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "--all")
        for path in executable:
            self.git("update-index", "--chmod=+x", path)
        return self.commit_index()

    def commit_index(self) -> str:
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD").decode().strip()

    def put_entry(self, mode: str, content: bytes, path: str) -> None:
        """Put an entry into the index that not every file system can hold: a link, a twin but for case."""
        blob = self.git("hash-object", "-w", "--stdin", stdin=content).decode().strip()
        self.git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")

    def tree(self, commit: str, *under: str) -> Sequence[TreeEntry]:
        listed = self.git("ls-tree", "-r", "-z", "--full-tree", commit, "--", *under)
        entries = []
        for line in listed.split(b"\0")[:-1]:
            facts, _, path = line.partition(b"\t")
            mode, _, blob = facts.decode().split(" ")
            entries.append(TreeEntry(path.decode(), mode, blob))
        return sorted(entries, key=lambda entry: entry.path.encode())

    def blobs(self, ids: Iterable[str]) -> Mapping[str, bytes]:
        return {blob: self.git("cat-file", "blob", blob) for blob in set(ids)}

    def recall(self, kind: str, key: str | None = None) -> bytes | None:
        return None

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """As a repository does that cannot be written to."""
