"""Real repositories for tests: a bare remote, and clones of it of every kind."""

import subprocess
from pathlib import Path

from release.adapters.git import GitRepo


def git(folder: Path, *arguments: str, stdin: bytes | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, f"git {arguments}: {done.stderr.decode()}"
    return done.stdout.decode(errors="surrogateescape").strip()


def has(clone: Path, object_id: str) -> bool:
    """Whether a clone holds an object."""
    looked = ["git", "-C", str(clone), "cat-file", "-e", object_id]
    return subprocess.run(looked, capture_output=True, check=False).returncode == 0


class World:
    """`remote` is bare and has main; `clone` is a work tree of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote.git"
        self.clone = folder / "clone"
        folder.mkdir(exist_ok=True)
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        git(folder, "clone", "--quiet", self.url, str(self.clone))
        self.commit("first")
        self.push()

    @property
    def url(self) -> str:
        return f"file://{self.remote}"  # a plain path would share objects and ignore --depth

    def repo(self, folder: Path | None = None) -> GitRepo:
        return GitRepo.open(folder or self.clone)

    def git(self, *arguments: str) -> str:
        return git(self.clone, *arguments)

    def commit(self, message: str, files: dict[str, str] | None = None) -> str:
        for name, content in (files or {}).items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        self.git("push", "--quiet", "origin", *(refs or ("HEAD:refs/heads/main",)))

    def another_clone(self, name: str, *how: str) -> Path:
        path = self.folder / name
        git(self.folder, "clone", "--quiet", *how, self.url, str(path))
        return path

    def refs(self, folder: Path | None = None) -> str:
        """All refs, HEAD and index of a clone: equal before and after, when nothing was written."""
        place = folder or self.clone
        state = git(place, "for-each-ref") + git(place, "rev-parse", "HEAD")
        git_dir = Path(git(place, "rev-parse", "--absolute-git-dir"))
        index = git_dir / "index"
        return (
            state
            + (index.read_bytes().hex() if index.exists() else "")
            + str((git_dir / "FETCH_HEAD").exists())
        )
