"""What is done on GitHub, as values. What was carried out is not found again by comparing."""

from typing import Literal

from release.core.forge.comments import CreateComment, UpdateComment
from release.core.forge.deployments import AddStatus, CreateDeployment
from release.core.forge.releases import ReleaseStep

Part = Literal["deployments", "releases", "comments"]
Step = CreateDeployment | AddStatus | ReleaseStep | CreateComment | UpdateComment


def part_of(step: Step) -> Part:
    """Parts need permissions of their own: where one is refused, the others go on."""
    if isinstance(step, CreateDeployment | AddStatus):
        return "deployments"
    return "comments" if isinstance(step, CreateComment | UpdateComment) else "releases"
