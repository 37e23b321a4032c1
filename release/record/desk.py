"""The ports that a record goes through."""

from collections.abc import Callable
from dataclasses import dataclass

from release.core.models import Pipelines
from release.ports import Artifacts, Clock, Forge, LedgerChain, Repo


@dataclass(frozen=True, slots=True)
class Desk:
    """Where it is read from, and where it is written to."""

    repo: Repo
    ledger: LedgerChain
    artifacts: Callable[[Pipelines], Artifacts]
    forge: Forge
    clock: Clock
