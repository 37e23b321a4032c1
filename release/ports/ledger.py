"""The ledger: what promotions wrote down, and the commits that hold it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from release.core.chain import LedgerCommit
from release.core.records import Event, StageHead
from release.ports.git import RefUpdate, RemoteRefs


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The heads of all stages at one commit of the ledger. `commit` None: there is no ledger yet."""

    commit: str | None
    heads: Mapping[tuple[str, str], StageHead]  # (pipeline, stage)

    def head(self, pipeline: str, stage: str) -> StageHead:
        return self.heads.get((pipeline, stage)) or StageHead(pipeline, stage)


class Ledger(Protocol):
    """All records, append-only. Raises Unavailable when the remote is out of reach."""

    def read(self, refs: RemoteRefs | None = None) -> LedgerState:
        """The ledger as the remote has it now (or as `refs`, just read, name it)."""

    def last_known(self) -> LedgerState:
        """The ledger as this clone saw it last, without the remote. Raises Unavailable when it never did."""

    def append(
        self,
        state: LedgerState,
        event: Event,
        *,
        tag: RefUpdate | None = None,
        unchanged: Sequence[str] = (),
    ) -> LedgerState:
        """Write one event, and a new tag with it, in one atomic push.

        Where only other stages have moved since `state`, the event is put on top of theirs. Raises Conflict
        when our stage has moved, the tag exists, the hold was lost, or when one of the stages `unchanged`
        serves or quarantines something else by now; GateClosed when a start finds its stage closed by
        somebody since `state`.
        """

    def event(self, state: LedgerState, path: str) -> Event:
        """An event that a head of this state names. Raises Misconfigured when the ledger does not hold it."""

    def events(
        self,
        state: LedgerState,
        *,
        limit: int | None = None,
        pipeline: str | None = None,
        stage: str | None = None,
        release: str | None = None,
    ) -> Sequence[Event]:
        """The newest `limit`, in the order in which they were written, newest first.

        Only those of a pipeline, a stage, or a release (tag or commit id), where named.
        """


class LedgerChain(Ledger, Protocol):
    """A ledger as auditors read it: commit by commit."""

    def anchors(self) -> Sequence[str]:
        """Commits at which this clone has written the ledger, found it whole, or read it last: nobody on the
        remote can move them.
        """

    def saw(self, state: LedgerState) -> None:
        """Remember in this clone that the ledger was whole up to here: an anchor for the next audit."""

    def commits(
        self, state: LedgerState, *, release: str | None = None, begun: Callable[[str], bool] | None = None
    ) -> Iterator[LedgerCommit]:
        """The ledger's commits as they are, the oldest first, none of them trusted.

        `release`: those whose message names this tag or commit id. `begun`: files of those events alone whose
        promotion began at such a time, as `20261121T095000Z`.
        """
