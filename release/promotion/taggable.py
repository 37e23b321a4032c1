"""Whether the token of a job may push the tag of a release."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from release.core.blockers import Blocker
from release.core.refusals import other_workflows
from release.core.versions import Next
from release.ports import Repo
from release.promotion.setup import Setup

_FOLDER: Final = ".github"


def untaggable(repo: Repo, setup: Setup, answer: Next) -> list[Blocker]:
    """GITHUB_TOKEN pushes no tag on a commit whose workflows are those of no branch.

    "refusing to allow a GitHub App to create or update workflow … without `workflows` permission", which no
    job can be given: seen by many, as in https://github.com/RafPe/pod-certificate-signer/pull/128 and
    https://github.com/gke-labs/kube-agents/pull/1470. Branches that the pipeline does not release from are
    not looked at.
    """
    if setup.asking is None or not setup.asking.by_job_token:
        return []
    if answer.tag is None or answer.commit is None or answer.existing:
        return []
    tips = _tips(setup)
    repo.ensure(tips.values(), refs=[f"refs/heads/{name}" for name in tips])
    wanted = _workflows(repo, answer.commit)
    if wanted is None or any(_workflows(repo, tip) == wanted for tip in tips.values()):
        return []
    return [other_workflows(answer.tag, answer.commit, setup.refs.head or "the default branch")]


def _tips(setup: Setup) -> Mapping[str, str]:
    patterns = (setup.refs.head or "", *setup.pipeline.branches)
    return {
        name: tip
        for name, tip in setup.refs.branches.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def _workflows(repo: Repo, commit: str) -> str | None:
    """Object id of the tree. None: there is none, and nothing to object to."""
    return repo.folders(commit, _FOLDER)[0].get("workflows")
