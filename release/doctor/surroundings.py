"""All that is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from release.core.models import Pipelines
from release.ports import Forge, LedgerChain, Repo
from release.ports.workplace import AwsSetup, Machine


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`forge` raises Misconfigured where there is none. `out_of_step`: workflows that differ from what is
    rendered, and the command that mends them. `variables`: those that have a value in this process.
    """

    repo: Repo
    ledger: LedgerChain
    machine: Machine
    aws: AwsSetup
    forge: Callable[[], Forge]
    out_of_step: Callable[[], tuple[tuple[str, ...], str]]
    handed_on: Callable[[Pipelines], Sequence[str]]
    variables: frozenset[str]
