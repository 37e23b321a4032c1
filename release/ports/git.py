"""The git repository, its remote, and a branch of it that shares no history with others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.core.chain import LedgerCommit
    from release.core.git_objects import Difference, TreeEntry


@dataclass(frozen=True, slots=True)
class RemoteTag:
    name: str  # without refs/tags/
    object: str  # the tag object, or the commit for a lightweight tag
    commit: str
    annotated: bool


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """One ls-remote. The remote is the truth."""

    head: str | None  # name of the default branch, without refs/heads/
    branches: Mapping[str, str]  # name -> commit
    tags: Mapping[str, RemoteTag]


@dataclass(frozen=True, slots=True)
class CommitInfo:
    id: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref of an atomic push: new on the remote, or a fast-forward there."""

    ref: str  # full name
    new: str  # object id


class Branch(Protocol):
    """A branch that shares no history with others, kept no deeper than it was asked for."""

    def ensure(self, commit: str, *, commits: int | None = 1) -> None:
        """Have a commit, and so many of its history in all (None: all of it). Writes no ref of the
        clone. Raises Unavailable.
        """

    def seen(self) -> Sequence[str]:
        """Commits that this clone has had for the newest one, without asking the remote."""

    def paths(self, commit: str) -> Sequence[str]:
        """All files of a commit's tree."""

    def files(self, commit: str, *under: str) -> Mapping[str, bytes]:
        """Files below these folders, or of these names, with what they hold."""

    def added(
        self, commit: str, *, limit: int | None = None, saying: Sequence[str] = ()
    ) -> Sequence[tuple[str, bytes]]:
        """Path and content of the files that a commit and its ancestors have added, the newest first.

        Has as much of the history as it needs. `limit`: of so many commits. `saying`: of those with a message
        that any of these basic regular expressions matches in a line.
        """

    def history(
        self, commit: str, *, saying: Sequence[str] = (), wanted: Callable[[str], bool] = ...
    ) -> Iterator[LedgerCommit]:
        """A commit and its ancestors, the oldest first, a part of them in memory at a time.

        `saying`: as `added` has it. Changes of paths that are not `wanted` are left out.
        """

    def write_commit(
        self,
        *,
        base: str | None,
        files: Mapping[str, bytes | None],
        parents: Sequence[str],
        message: str,
    ) -> str:
        """As Repo.write_commit."""


class Repo(Protocol):
    """The git repository and its remote, over plumbing. Raises Misconfigured and Unavailable."""

    @property
    def top(self) -> Path: ...

    def remote(self) -> RemoteRefs:
        """Read the remote's refs now. Raises Unavailable when it is out of reach,
        Misconfigured when there is none.
        """

    def remote_url(self) -> str | None:
        """The address that the remote is configured with. None: there is none, or it has several."""

    def local_tags(self) -> Mapping[str, RemoteTag]:
        """Tags of this clone, one for-each-ref: for --offline and for finding tags that exist only here."""

    def resolve(self, ref: str) -> str:
        """Commit id of a ref or abbreviated id. Raises Misconfigured when there is none."""

    def resolve_each(self, *refs: str) -> Sequence[str | None]:
        """Commit ids of these refs. None: there is none, and `resolve` says why."""

    def uncommitted(self, *under: str) -> Sequence[str]:
        """Paths below these folders of the work tree that differ from HEAD or are new there, sorted."""

    def ensure(self, object_ids: Iterable[str], *, refs: Sequence[str] = ()) -> None:
        """Have these objects here, fetching without writing any ref. Raises Unavailable."""

    def merged_tags(self, commit: str, tags: Mapping[str, RemoteTag]) -> frozenset[str]:
        """Names among `tags` whose commit is the commit or an ancestor of it. Deepens a
        shallow clone or raises.
        """

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Deepens a shallow clone or raises: it never answers `no` for `do not know`."""

    def commits(self, *, since: str | None, until: str) -> Sequence[CommitInfo]: ...

    def tree(self, commit: str, *under: str, matching: str | None = None) -> Sequence[TreeEntry]:
        """All blobs and submodules below these folders (or the whole tree), sorted by path in UTF-8 bytes.

        `matching`: only paths in which this regular expression is found.
        """

    def differences(self, base: str, head: str) -> Sequence[Difference]:
        """What two commits do not have alike: their trees, whatever lies between them."""

    def folders(self, commit: str, *under: str) -> Sequence[Mapping[str, str]]:
        """Right below each of these folders of the top ("": the top): name of a folder -> object id of
        its tree. Empty where there is none.
        """

    def blobs(self, ids: Iterable[str]) -> Mapping[str, bytes]: ...

    def sizes(self, ids: Iterable[str]) -> Mapping[str, int]:
        """Bytes of each blob, without reading it."""

    def recall(self, kind: str, key: str | None = None) -> bytes | None:
        """What was remembered by this key, or the newest of its kind; None whenever there is no telling."""

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """Keep what can be had again from the repository, beside it, for a while. Never fails."""

    def branch(self, name: str) -> Branch:
        """A branch of the remote that shares no history with others."""

    def write_commit(
        self,
        *,
        base: str | None,
        files: Mapping[str, bytes | None],
        parents: Sequence[str],
        message: str,
    ) -> str:
        """A commit whose tree is `base`'s with these files put in, or taken out (None). Touches no ref,
        index or work tree.
        """

    def write_tag(self, *, name: str, commit: str, message: str) -> str:
        """An annotated tag object (mktag; signed when git is configured for it). Touches no ref."""

    def tag_message(self, object_id: str) -> str: ...

    def push(self, updates: Sequence[RefUpdate]) -> None:
        """One atomic push; every ref is new or a fast-forward. Raises Conflict when the
        remote refused any of them.
        """

    def person(self) -> str:
        """Who runs this: the configured user name, never an e-mail address."""
