"""A branch with a history of its own, no deeper than it was asked for.

Where the clone has the commits already, they are read there. Otherwise they come into a bare repository
beside it, `release/BRANCH.git` of its git directory: a clone of its own can be shallow without making the
user's shallow, and can have a ref, which git needs to fetch no object twice, without writing one of the
user's. It may be deleted at any time. The user's configuration of the remote (URLs, credentials, ssh) is
included, not copied.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from release.adapters.git import chain, objects
from release.adapters.git.command import Commands
from release.adapters.git.history import History
from release.adapters.git.remote import Remote
from release.core.chain import LedgerCommit
from release.errors import Unavailable
from release.ports import RefUpdate, TreeEntry

_ALL = 2**31 - 1  # what git takes for "all" in --depth (gitprotocol-pack(5), INFINITE_DEPTH)
_ALTERNATES = "GIT_ALTERNATE_OBJECT_DIRECTORIES"
_PACKS = 40  # each fetch leaves one; more make every look-up slower
_LOOSE = 5000
_FINISHED = ("fetch.unpackLimit", "1")  # the last setting that a new one gets
_LEFT_BEHIND = ("shallow.lock", "packed-refs.lock", "refs/kept/*.lock", "config.lock", "gc.pid")


class OwnBranch:
    """One branch of one remote."""

    def __init__(self, git: Commands, remote: Remote, common: Path, name: str) -> None:
        self._main = git
        self._remote = remote
        self._common = common
        self._name = name
        self._ref = f"refs/heads/{name}"
        # None of refs/heads: with the user's core.bare=false git takes the branch for checked out.
        self._kept = f"refs/kept/{name}"
        self._folder = common / "release" / f"{name}.git"
        self._places: dict[str, Commands] = {}  # commit -> where it is

    def ensure(self, commit: str, *, commits: int | None = 1) -> None:
        """Have a commit, and so many of its history in all (None: all of it). Raises Unavailable."""
        for git in (self._main, self._beside()):
            if git is not None and _deep_enough(git, commit, commits):
                self._places[commit] = git
                return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._places[commit] = self._fetch(commit, commits)
        except OSError:  # nothing may be written here: then it is fetched whole, as any branch
            History(self._main, self._remote).ensure([commit], [self._ref])
            self._places[commit] = self._main

    def seen(self) -> Sequence[str]:
        """Commits that this clone has had for the newest one, without asking the remote."""
        found = []
        for git, ref in (
            (self._beside(), self._kept),
            (self._main, f"refs/remotes/{self._remote.name}/{self._name}"),
        ):
            if git is not None:
                answer = git.answer("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
                found += [answer.out.decode().strip()] if answer.status == 0 else []
        return found

    def paths(self, commit: str) -> Sequence[str]:
        return [entry.path for entry in objects.tree(self._place(commit), commit, ())]

    def files(self, commit: str, *under: str) -> Mapping[str, bytes]:
        git = self._place(commit)
        return _contents(git, objects.tree(git, commit, under))

    def added(
        self, commit: str, *, limit: int | None = None, saying: Sequence[str] = ()
    ) -> Sequence[tuple[str, bytes]]:
        # Where history was cut off, git shows a whole tree as added: one commit more is needed to tell.
        self.ensure(commit, commits=None if limit is None or saying else limit + 1)
        git = self._place(commit)
        entries = objects.added(git, commit, limit, saying)
        found = objects.blobs(git, [entry.blob for entry in entries])
        return [(entry.path, found[entry.blob]) for entry in entries]

    def history(
        self, commit: str, *, saying: Sequence[str] = (), wanted: Callable[[str], bool] = lambda path: True
    ) -> Iterator[LedgerCommit]:
        self.ensure(commit, commits=None)
        return chain.history(self._place(commit), commit, saying, wanted)

    def write_commit(
        self, *, base: str | None, files: Mapping[str, bytes | None], parents: Sequence[str], message: str
    ) -> str:
        git = self._place(base) if base is not None else self._main
        made = objects.write_commit(git, base=base, files=files, parents=parents, message=message)
        self._places[made] = git
        return made

    @contextmanager
    def for_push(self, updates: Sequence[RefUpdate]) -> Iterator[Mapping[str, str]]:
        """What the environment of a push must say, so that it finds what is beside the clone."""
        moved = [update.new for update in updates if update.ref == self._ref]
        if all(self._places.get(commit, self._main) is self._main for commit in moved):
            yield {}
            return
        with tempfile.TemporaryDirectory(prefix="release-") as folder:
            # Where the branch was cut off, or git takes its newest commit for one of another history.
            shallow = Path(folder, "shallow")
            known = [place / "shallow" for place in (self._common, self._folder)]
            shallow.write_bytes(b"".join(path.read_bytes() for path in known if path.exists()))
            yield {
                # In quotes a path may hold any character (git(1), GIT_ALTERNATE_OBJECT_DIRECTORIES).
                _ALTERNATES: os.pathsep.join(
                    [_quoted(self._folder / "objects"), *os.environ.get(_ALTERNATES, "").split(os.pathsep)]
                ).rstrip(os.pathsep),
                "GIT_SHALLOW_FILE": str(shallow),
            }

    def _place(self, commit: str) -> Commands:
        if commit not in self._places:
            self.ensure(commit)
        return self._places[commit]

    def _beside(self) -> Commands | None:
        return Commands(self._folder, self._folder) if _has_content(self._folder / "HEAD") else None

    def _fetch(self, commit: str, commits: int | None) -> Commands:
        git = self._beside()
        if git is None or self._is_damaged(git):
            git = self._begun()
        remote = Remote(git, self._remote.name)
        how = ["--no-filter", "--update-shallow"]
        has_some = git.answer("rev-parse", "--verify", "--quiet", self._kept).status == 0
        if not has_some or _is_shallow(git):  # what was asked for as a whole once stays whole
            how.append(f"--depth={commits if commits is not None else _ALL}")
        for wanted in (self._ref, commit):  # the branch may have moved on since its commit was read
            remote.fetch([f"+{wanted}:{self._kept}"], *how)
            if _deep_enough(git, commit, commits):
                break
        else:
            raise Unavailable(
                f"the remote {remote.name} does not give {commit}",
                fix="run the same command again; if it stays, history on the remote was rewritten",
            )
        self._tidy(git)
        return git

    def _begun(self) -> Commands:
        """An empty repository, under its name only once it is whole: killed between two steps, it is none."""
        begun = self._folder.with_suffix(".new")
        for left in (begun, self._folder):
            shutil.rmtree(left, ignore_errors=True)
        ids = self._main.out("rev-parse", "--show-object-format").decode().strip()
        git = Commands(self._folder.parent, begun)
        how = (
            [] if ids == "sha1" else [f"--object-format={ids}"]
        )  # an older git knows no other, nor the option
        git.out("init", "--quiet", "--bare", "--template=", f"--initial-branch={self._name}", *how)
        for name in ("config", "config.worktree"):  # relative, so that the clone may be moved
            git.out("config", "--add", "include.path", f"../../{name}")
        git.out("config", *_FINISHED)
        begun.rename(self._folder)
        return Commands(self._folder, self._folder)

    def _is_damaged(self, git: Commands) -> bool:
        """Whether files of it are empty or torn, as a full disk or a power cut leaves them."""
        said = git.answer("config", "--file", str(self._folder / "config"), "--get", _FINISHED[0])
        refs = git.answer("for-each-ref", "refs/kept")
        finished = said.out.decode("utf-8", "replace").strip() == _FINISHED[1]
        return not finished or refs.status != 0 or bool(refs.err)

    def _tidy(self, git: Commands) -> None:
        """What git does by itself where its user lets it (git-gc(1), --auto), and sooner."""
        packs = len(list(self._folder.glob("objects/pack/*.pack")))
        loose = 256 * len(list(self._folder.glob("objects/17/*")))
        if packs > _PACKS or loose > _LOOSE:
            git.answer("gc", "--quiet", "--prune=1.hour.ago")  # others may be reading what they found before

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time fetches. The lock ends with its process, so what git left locked is stale."""
        with (self._folder.parent / f"{self._name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for pattern in _LEFT_BEHIND:
                for path in self._folder.glob(pattern):
                    with contextlib.suppress(FileNotFoundError):
                        path.unlink()
            yield


def _deep_enough(git: Commands, commit: str, commits: int | None) -> bool:
    if objects.missing(git, [commit]):
        return False
    if commits == 1 or not _is_shallow(git):
        return True
    if commits is None:
        return False
    counted = git.out("rev-list", "--count", f"--max-count={commits}", commit, "--")
    return int(counted) == commits


def _contents(git: Commands, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
    found = objects.blobs(git, [entry.blob for entry in entries])
    return {entry.path: found[entry.blob] for entry in entries}


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _is_shallow(git: Commands) -> bool:
    return git.out("rev-parse", "--is-shallow-repository").strip() == b"true"
