"""What is read of GitHub, and how a command for it is written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any, Final

from release.core.doctor.findings import Trouble
from release.core.forge.facts import (
    BranchProtection,
    EnvironmentFacts,
    RepositoryFacts,
    RulesetFacts,
    TokenDefaults,
)

ADMINISTRATOR: Final = "ask as an administrator of the repository: a token with `administration: read`"


@dataclass(frozen=True, slots=True)
class WantedEnvironment:
    name: str
    may_have_reviewers: bool  # the approval of a stage, and nothing else
    must_have_reviewers: bool


@dataclass(frozen=True, slots=True)
class GitHubFacts:
    """`None` of a setting: there is none, or whoever asks may not know (who is no administrator)."""

    name: str  # OWNER/NAME
    branch: str  # the remote's default branch
    prefixes: tuple[str, ...]  # of tags
    wanted: tuple[WantedEnvironment, ...]
    repository: RepositoryFacts | Trouble
    rulesets: Sequence[RulesetFacts] | Trouble
    protection: BranchProtection | Trouble | None
    codeowners: str | Trouble | None  # the file of the default branch
    folders: tuple[str, ...]  # of OWNED, those that there are
    immutable: bool | Trouble | None
    environments: Sequence[EnvironmentFacts] | Trouble
    token: TokenDefaults | Trouble | None
    claims: tuple[str, ...] | Trouble | None  # None: subjects are as GitHub makes them
    webhooks: tuple[str, ...]  # variables that notifications name
    handed_on: tuple[str, ...]  # those of them that the workflows give to release
    set_here: frozenset[str]  # those of them that have a value in this process
    secrets: frozenset[str] | Trouble

    @property
    def by_administrator(self) -> bool:
        return not isinstance(self.repository, Trouble) and self.repository.permissions.get("admin", False)


def api(method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
    """A call as gh makes it: a command to paste."""
    if body is None:
        return f"gh api -X {method} {quote(path)}"
    sent = json.dumps(body, separators=(",", ":"))
    return f"echo {quote(sent)} | gh api -X {method} {quote(path)} --input -"
