"""Questions about ancestry. A shallow clone cannot answer them: it is deepened, or refused."""

from collections.abc import Mapping, Sequence

from release.adapters.git.command import Commands
from release.adapters.git.failures import failure
from release.adapters.git.objects import missing
from release.adapters.git.remote import Remote
from release.errors import Misconfigured, Unavailable
from release.ports import CommitInfo, RemoteTag


class History:
    """The commits of a clone."""

    def __init__(self, git: Commands, remote: Remote) -> None:
        self._git = git
        self._remote = remote

    def ensure(self, object_ids: Sequence[str], refs: Sequence[str] = ()) -> None:
        absent = missing(self._git, object_ids)
        if not absent:
            return
        if refs:
            self._remote.fetch(refs)
            absent = missing(self._git, absent)
        if absent:
            self._remote.fetch(absent)
            absent = missing(self._git, absent)
        if absent:
            raise Unavailable(
                f"the remote {self._remote.name} does not give {absent[0]}",
                fix="run the same command again; if it stays, history on the remote was rewritten",
            )

    def merged_tags(self, commit: str, tags: Mapping[str, RemoteTag]) -> frozenset[str]:
        """One walk over the history. A tag whose commit is not in this clone cannot be part of it."""
        if not tags:
            return frozenset()
        self._complete(commit)
        ancestors = set(self._git.out("rev-list", commit, "--").decode().split())
        return frozenset(name for name, tag in tags.items() if tag.commit in ancestors)

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        ask = ("merge-base", "--is-ancestor", ancestor, commit)
        # "Yes" is true in a shallow clone too; anything else means something only with all of history.
        if self._git.answer(*ask).status == 0:
            return True
        self._complete(commit)
        answer = self._git.answer(*ask)
        if answer.status in (0, 1):
            return answer.status == 0
        if missing(self._git, [ancestor]):
            return False  # all ancestors of the commit are here
        raise failure(f"git cannot tell whether {ancestor} is an ancestor of {commit}", answer.err)

    def commits(self, since: str | None, until: str) -> Sequence[CommitInfo]:
        self._complete(*([since] if since else []), until)
        out = self._git.out(
            "rev-list",
            "--no-commit-header",
            "--encoding=UTF-8",
            "--format=%H%x00%s%x00%b%x00",
            until,
            *([f"^{since}"] if since else []),
            "--",
        )
        parts = out.decode("utf-8", "replace").split("\0")[:-1]
        return [
            CommitInfo(commit.strip(), subject, body.strip("\n"))
            for commit, subject, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        ]

    def _complete(self, *commits: str) -> None:
        """Have these commits and all that they descend from."""
        self.ensure(commits)
        if not self._is_shallow():
            return
        refs = self._remote.refs()
        branch = refs.head or next(iter(refs.branches), None)
        if branch is not None:
            # With any branch the remote sends what lies below every boundary of this clone.
            self._remote.fetch([f"refs/heads/{branch}"], "--unshallow")
        if self._is_shallow():
            raise Misconfigured(
                "this clone is shallow, and the remote does not have the rest of its history",
                fix="git fetch --unshallow from the remote that it was cloned from",
            )

    def _is_shallow(self) -> bool:
        return self._git.out("rev-parse", "--is-shallow-repository").strip() == b"true"
