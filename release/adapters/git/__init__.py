"""The git repository and its remote. GitPython runs the commands; its object model is never used.

https://git-scm.com/docs names every command used here as plumbing, but for fetch, push and ls-remote.
"""

import contextlib
import getpass
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from release.adapters.git import objects, trees
from release.adapters.git.branch import OwnBranch
from release.adapters.git.command import Commands
from release.adapters.git.failures import failure
from release.adapters.git.history import History
from release.adapters.git.memory import Memory
from release.adapters.git.remote import Remote
from release.errors import Misconfigured
from release.ports import CommitInfo, Difference, RefUpdate, RemoteRefs, RemoteTag, TreeEntry

_COMMIT = re.compile(r"([0-9a-f]{40,64}) commit [0-9]+")


class GitRepo:
    """One clone (work tree, linked work tree, submodule or bare) and the remote that is the truth."""

    def __init__(self, top: Path, git: Commands, remote: str, common: Path) -> None:
        self._top = top
        self._git = git
        self._common = common
        self._branches: dict[str, OwnBranch] = {}
        self._memory = Memory(common / "release")
        self._remote = Remote(git, remote)
        self._history = History(git, self._remote)

    @classmethod
    def open(cls, start: Path, remote: str | None = None) -> "GitRepo":
        """The repository that holds this folder.

        Its remote is the one given, else RELEASE_REMOTE of the environment, else origin.
        Raises Misconfigured outside a repository, or when git is not installed.
        """
        name = remote or os.environ.get("RELEASE_REMOTE") or "origin"
        if name.startswith("-"):
            raise Misconfigured(f"{name!r} names no remote", fix="set RELEASE_REMOTE to the name of a remote")
        if not start.is_dir():
            raise Misconfigured(f"{start} is no folder", fix="name a folder inside a git repository")
        finder = Commands(start.absolute())
        found = finder.answer("rev-parse", "--absolute-git-dir")
        if found.status:
            if "not a git repository" in found.err:
                raise Misconfigured(
                    f"{start.absolute()} is not inside a git repository",
                    fix="run it inside the repository, or say where it is with -C DIR",
                )
            raise failure("the repository cannot be opened", found.err)
        git_dir = _path(found.out)
        inside = finder.answer("rev-parse", "--show-toplevel")
        top = git_dir if inside.status else _path(inside.out)
        return cls(top, Commands(top, git_dir), name, _common(git_dir))

    @property
    def top(self) -> Path:
        """Of the work tree; of a bare repository, its folder."""
        return self._top

    def remote(self) -> RemoteRefs:
        return self._remote.refs()

    def local_tags(self) -> Mapping[str, RemoteTag]:
        fields = "%(objectname) %(objecttype) %(*objectname) %(*objecttype) %(refname)"
        out = self._git.out("for-each-ref", f"--format={fields}", "refs/tags/")
        tags: dict[str, RemoteTag] = {}
        nested: list[str] = []
        for line in out.decode("utf-8", "surrogateescape").split("\n")[:-1]:
            object_id, kind, commit, kind_of_it, ref = line.split(" ")
            name = ref.removeprefix("refs/tags/")
            tags[name] = RemoteTag(name, object_id, commit or object_id, kind == "tag")
            if kind_of_it == "tag":  # a tag of a tag: before 2.45 git peels but once here
                nested.append(name)
        if nested:
            asked = "".join(f"{tags[name].object}^{{}}\n" for name in nested).encode()
            answers = self._git.out("cat-file", "--batch-check=%(objectname)", stdin=asked).decode().split()
            for name, commit in zip(nested, answers, strict=True):
                tags[name] = RemoteTag(name, tags[name].object, commit, True)
        return tags

    def resolve(self, ref: str) -> str:
        if not ref or not ref.isprintable():
            raise Misconfigured(f"{ref!r} names no commit", fix="name a branch, a tag or a commit id")
        names = (ref, f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/remotes/{self._remote.name}/{ref}")
        asked = "".join(f"{name}^{{commit}}\n" for name in names).encode()
        answers = self._git.out("cat-file", "--batch-check", stdin=asked).decode("utf-8", "replace")
        shapes = [_COMMIT.fullmatch(line) for line in answers.split("\n")]
        here, branch, tag, tracked = (shape[1] if shape else None for shape in shapes[:4])
        if branch and tag and branch != tag:
            raise Misconfigured(
                f"{ref} is a branch and a tag, on different commits",
                fix=f"say refs/heads/{ref} or refs/tags/{ref}",
            )
        # A detached checkout, as GitHub makes it, has no branches of its own.
        if found := here or tracked:
            return found
        what = "more than one object" if f"{names[0]}^{{commit}} ambiguous" in answers else "no commit here"
        raise Misconfigured(
            f"{ref} names {what}", fix="check the spelling, use more of the commit id, or `git fetch` first"
        )

    def uncommitted(self, *under: str) -> Sequence[str]:
        if self._git.out("rev-parse", "--is-inside-work-tree").strip() != b"true":
            return ()
        shown = self._git.out("status", "--porcelain=v1", "-z", "--no-renames", "--", *under)
        lines = shown.decode("utf-8", "surrogateescape").split("\0")[:-1]
        return sorted(line[3:] for line in lines)

    def has(self, object_id: str) -> bool:
        return not objects.missing(self._git, [object_id])

    def ensure(self, object_ids: Iterable[str], *, refs: Sequence[str] = ()) -> None:
        # What shares no history cannot hold them: all branches may be named, and no ledger comes along.
        own = {f"refs/heads/{name}" for name in self._branches}
        self._history.ensure(list(object_ids), [ref for ref in refs if ref not in own])

    def merged_tags(self, commit: str, tags: Mapping[str, RemoteTag]) -> frozenset[str]:
        return self._history.merged_tags(commit, tags)

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        return self._history.is_ancestor(ancestor, commit)

    def commits(self, *, since: str | None, until: str) -> Sequence[CommitInfo]:
        """Those in `until` and not in `since`, newest first; merges among them."""
        return self._history.commits(since, until)

    def tree(self, commit: str, *under: str, matching: str | None = None) -> Sequence[TreeEntry]:
        return objects.tree(self._git, commit, under, matching)

    def differences(self, base: str, head: str) -> Sequence[Difference]:
        return trees.differences(self._git, base, head)

    def folders(self, commit: str, under: str) -> Mapping[str, str]:
        return trees.folders(self._git, commit, under)

    def blobs(self, ids: Iterable[str]) -> Mapping[str, bytes]:
        return objects.blobs(self._git, ids)

    def sizes(self, ids: Iterable[str]) -> Mapping[str, int]:
        return objects.sizes(self._git, ids)

    def recall(self, kind: str, key: str | None = None) -> bytes | None:
        return self._memory.recall(kind, key)

    def remember(self, kind: str, key: str, data: bytes) -> None:
        self._memory.remember(kind, key, data)

    def write_blob(self, data: bytes) -> str:
        return objects.write_blobs(self._git, [data])[0]

    def write_commit(
        self, *, base: str | None, files: Mapping[str, bytes | None], parents: Sequence[str], message: str
    ) -> str:
        return objects.write_commit(self._git, base=base, files=files, parents=parents, message=message)

    def write_tag(self, *, name: str, commit: str, message: str) -> str:
        return objects.write_tag(self._git, name=name, commit=commit, message=message)

    def tag_message(self, object_id: str) -> str:
        return objects.tag_message(self._git, object_id)

    def push(self, updates: Sequence[RefUpdate]) -> None:
        with contextlib.ExitStack() as places:
            env = [places.enter_context(branch.for_push(updates)) for branch in self._branches.values()]
            self._remote.push(updates, {name: text for each in env for name, text in each.items()})

    def branch(self, name: str) -> OwnBranch:
        if name not in self._branches:
            self._branches[name] = OwnBranch(self._git, self._remote, self._common, name)
        return self._branches[name]

    def person(self) -> str:
        configured = self._git.answer("config", "--get", "user.name").out.decode("utf-8", "replace").strip()
        # Some put their address where their name belongs; it is not ours to publish.
        if configured and configured.isprintable() and "@" not in configured:
            return configured
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a container's user may have no entry in the password file
            return "unknown"


def _common(git_dir: Path) -> Path:
    """The folder that linked work trees share (gitrepository-layout(5), commondir)."""
    try:
        return git_dir / Path(os.fsdecode((git_dir / "commondir").read_bytes().strip()))
    except OSError:
        return git_dir


def _path(out: bytes) -> Path:
    return Path(os.fsdecode(out.removesuffix(b"\n")))
