"""The git repository and its remote. GitPython runs the commands; its object model is never used.

https://git-scm.com/docs names every command used here as plumbing, but for fetch, push and ls-remote.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from release.adapters.git import objects, trees
from release.adapters.git.command import Commands
from release.adapters.git.memory import Memory
from release.errors import Misconfigured, ReleaseError

# What a question about two trees does not need is imported where it is: it is to take no time.
if TYPE_CHECKING:
    from release.adapters.git.branch import OwnBranch
    from release.adapters.git.history import History
    from release.adapters.git.remote import Remote
    from release.core.git_objects import Difference, TreeEntry
    from release.ports import CommitInfo, RefUpdate, RemoteRefs, RemoteTag

_COMMIT = re.compile(r"([0-9a-f]{40,64}) commit [0-9]+")


class GitRepo:
    """One clone (work tree, linked work tree, submodule or bare) and the remote that is the truth."""

    def __init__(self, top: Path, git: Commands, remote: str, common: Path) -> None:
        self._top = top
        self._git = git
        self._common = common
        self._remote_name = remote
        self._branches: dict[str, OwnBranch] = {}
        self._memory = Memory(common / "release")

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
        both = finder.answer("rev-parse", "--absolute-git-dir", "--show-toplevel")
        if both.status == 0 and both.out.count(b"\n") == 2:
            git_dir, top = map(_path, both.out.split(b"\n")[:2])
            return cls(top, Commands(top, git_dir), name, _common(git_dir))
        # Bare, or with a name that has a line break, or none at all
        found = finder.answer("rev-parse", "--absolute-git-dir")
        if found.status:
            if "not a git repository" in found.err:
                raise Misconfigured(
                    f"{start.absolute()} is not inside a git repository",
                    fix="run it inside the repository, or say where it is with -C DIR",
                )
            from release.adapters.git.failures import failure

            raise failure("the repository cannot be opened", found.err)
        git_dir = _path(found.out)
        inside = finder.answer("rev-parse", "--show-toplevel")
        top = git_dir if inside.status else _path(inside.out)
        return cls(top, Commands(top, git_dir), name, _common(git_dir))

    @cached_property
    def _remote(self) -> "Remote":
        from release.adapters.git.remote import Remote

        return Remote(self._git, self._remote_name)

    @cached_property
    def _history(self) -> "History":
        from release.adapters.git.history import History

        return History(self._git, self._remote)

    @property
    def top(self) -> Path:
        """Of the work tree; of a bare repository, its folder."""
        return self._top

    def remote(self) -> "RemoteRefs":
        return self._remote.refs()

    def remote_url(self) -> str | None:
        """With `insteadOf` of the user's configuration carried out (git-remote(1), get-url)."""
        urls = self._git.answer("remote", "get-url", self._remote_name)
        lines = urls.out.decode("utf-8", "replace").splitlines() if urls.status == 0 else []
        return lines[0] if len(lines) == 1 else None

    def local_tags(self) -> "Mapping[str, RemoteTag]":
        from release.ports import RemoteTag

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
        found = self._resolve([ref])[0]
        if isinstance(found, Misconfigured):
            raise found
        return found

    def resolve_each(self, *refs: str) -> Sequence[str | None]:
        try:
            return [one if isinstance(one, str) else None for one in self._resolve(refs)]
        except ReleaseError:  # a partial clone whose remote is out of reach: of one of them perhaps
            return [None for _ in refs]

    def _resolve(self, refs: Sequence[str]) -> Sequence[str | Misconfigured]:
        """One process for all."""
        asked = list(dict.fromkeys(ref for ref in refs if ref and ref.isprintable()))
        starts = ("", "refs/heads/", "refs/tags/", f"refs/remotes/{self._remote_name}/")
        names = "".join(f"{start}{ref}^{{commit}}\n" for ref in asked for start in starts).encode()
        out = self._git.out("cat-file", "--batch-check", stdin=names) if asked else b""
        lines = iter(out.decode("utf-8", "replace").split("\n"))
        answers = {ref: _commit(ref, [next(lines) for _ in starts]) for ref in asked}
        unnamed = "name a branch, a tag or a commit id"
        return [answers.get(ref) or Misconfigured(f"{ref!r} names no commit", fix=unnamed) for ref in refs]

    def uncommitted(self, *under: str) -> Sequence[str]:
        if self._git.out("rev-parse", "--is-inside-work-tree").strip() != b"true":
            return ()
        shown = self._git.out("status", "--porcelain=v1", "-z", "--no-renames", "--", *under)
        lines = shown.decode("utf-8", "surrogateescape").split("\0")[:-1]
        return sorted(line[3:] for line in lines)

    def ensure(self, object_ids: Iterable[str], *, refs: Sequence[str] = ()) -> None:
        # What shares no history cannot hold them: all branches may be named, and no ledger comes along.
        own = {f"refs/heads/{name}" for name in self._branches}
        self._history.ensure(list(object_ids), [ref for ref in refs if ref not in own])

    def merged_tags(self, commit: str, tags: "Mapping[str, RemoteTag]") -> frozenset[str]:
        return self._history.merged_tags(commit, tags)

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        return self._history.is_ancestor(ancestor, commit)

    def commits(self, *, since: str | None, until: str) -> "Sequence[CommitInfo]":
        """Those in `until` and not in `since`, newest first; merges among them."""
        return self._history.commits(since, until)

    def tree(self, commit: str, *under: str, matching: str | None = None) -> "Sequence[TreeEntry]":
        return objects.tree(self._git, commit, under, matching)

    def differences(self, base: str, head: str) -> "Sequence[Difference]":
        return trees.differences(self._git, base, head)

    def folders(self, commit: str, *under: str) -> Sequence[Mapping[str, str]]:
        return trees.folders(self._git, commit, under)

    def blobs(self, ids: Iterable[str]) -> Mapping[str, bytes]:
        return objects.blobs(self._git, ids)

    def sizes(self, ids: Iterable[str]) -> Mapping[str, int]:
        return objects.sizes(self._git, ids)

    def recall(self, kind: str, key: str | None = None) -> bytes | None:
        return self._memory.recall(kind, key)

    def remember(self, kind: str, key: str, data: bytes) -> None:
        self._memory.remember(kind, key, data)

    def write_commit(
        self, *, base: str | None, files: Mapping[str, bytes | None], parents: Sequence[str], message: str
    ) -> str:
        return objects.write_commit(self._git, base=base, files=files, parents=parents, message=message)

    def write_tag(self, *, name: str, commit: str, message: str) -> str:
        return objects.write_tag(self._git, name=name, commit=commit, message=message)

    def tag_message(self, object_id: str) -> str:
        return objects.tag_message(self._git, object_id)

    def push(self, updates: "Sequence[RefUpdate]") -> None:
        with contextlib.ExitStack() as places:
            env = [places.enter_context(branch.for_push(updates)) for branch in self._branches.values()]
            self._remote.push(updates, {name: text for each in env for name, text in each.items()})

    def branch(self, name: str) -> "OwnBranch":
        if name not in self._branches:
            from release.adapters.git.branch import OwnBranch

            self._branches[name] = OwnBranch(self._git, self._remote, self._common, name)
        return self._branches[name]

    def person(self) -> str:
        configured = self._git.answer("config", "--get", "user.name").out.decode("utf-8", "replace").strip()
        # Some put their address where their name belongs; it is not ours to publish.
        if configured and configured.isprintable() and "@" not in configured:
            return configured
        import getpass

        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a container's user may have no entry in the password file
            return "unknown"


def _commit(ref: str, answers: Sequence[str]) -> str | Misconfigured:
    """`answers`: to the ref as it is, as a branch, as a tag and as a branch of the remote."""
    shapes = [_COMMIT.fullmatch(line) for line in answers]
    here, branch, tag, tracked = (shape[1] if shape else None for shape in shapes)
    if branch and tag and branch != tag:
        return Misconfigured(
            f"{ref} is a branch and a tag, on different commits",
            fix=f"say refs/heads/{ref} or refs/tags/{ref}",
        )
    # A detached checkout, as GitHub makes it, has no branches of its own.
    if found := here or tracked:
        return found
    what = "more than one object" if f"{ref}^{{commit}} ambiguous" in answers else "no commit here"
    if ref == "HEAD":  # nothing to misspell: the branch that is checked out has none yet
        return Misconfigured(
            f"{ref} names {what}", fix="commit something first, or check out a branch that has a commit"
        )
    return Misconfigured(
        f"{ref} names {what}", fix="check the spelling, use more of the commit id, or `git fetch` first"
    )


def _common(git_dir: Path) -> Path:
    """The folder that linked work trees share (gitrepository-layout(5), commondir)."""
    try:
        return git_dir / Path(os.fsdecode((git_dir / "commondir").read_bytes().strip()))
    except OSError:
        return git_dir


def _path(out: bytes) -> Path:
    return Path(os.fsdecode(out.removesuffix(b"\n")))
