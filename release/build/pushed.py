"""What a build must not be made of, or not without a word: work that nobody else has."""

from collections.abc import Sequence

from release.ports import RemoteRefs, Repo

WHAT_COUNTS = ("services", "templates/cloudformation")  # below the top: what a build reads of a commit


def uncommitted(repo: Repo) -> Sequence[str]:
    """Paths that differ from HEAD, or are new, and would count if they were committed."""
    return repo.uncommitted(*WHAT_COUNTS)


def is_pushed(repo: Repo, refs: RemoteRefs, commit: str) -> bool:
    """Whether a branch or a tag of the remote holds the commit. Raises Unavailable."""
    if commit in refs.branches.values() or any(tag.commit == commit for tag in refs.tags.values()):
        return True
    for name in sorted(refs.branches, key=lambda name: (name != refs.head, name)):
        tip = refs.branches[name]
        repo.ensure([tip], refs=[f"refs/heads/{name}"])
        if repo.is_ancestor(commit, tip):
            return True
    return False
