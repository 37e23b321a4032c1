"""Who is told of what happens in a stage, as `notifications:` says it."""

from dataclasses import dataclass
from typing import Final, Literal

# succeeded: it serves. failed: what served before serves now, or a person must look. held: nobody goes on
# with it before a person has looked. rollback: one has succeeded. waiting: somebody is asked to approve.
# drift: what runs is not what the ledger says.
Occasion = Literal["succeeded", "failed", "held", "rollback", "waiting", "drift"]
Medium = Literal["slack", "teams", "webhook", "sns"]

NEEDS_A_PERSON: Final[tuple[Occasion, ...]] = ("failed", "held", "drift")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who wants to know."""

    medium: Medium
    # The ARN of a topic; else where the webhook's address is kept, and never the address itself, because
    # whoever knows that can write there: the name of an environment variable, or the ARN of a secret.
    where: str
    on: tuple[Occasion, ...] | None = None  # None: all; deployments without a tag if bad
    stages: tuple[str, ...] | None = None  # None: all
    pipelines: tuple[str, ...] | None = None  # None: all

    def wants(self, occasion: Occasion, *, pipeline: str, stage: str, tagged: bool) -> bool:
        """`tagged`: the release has a tag. Every merge gives a deployment without one."""
        if self.stages is not None and stage not in self.stages:
            return False
        if self.pipelines is not None and pipeline not in self.pipelines:
            return False
        return occasion in self.on if self.on is not None else tagged or occasion in NEEDS_A_PERSON
