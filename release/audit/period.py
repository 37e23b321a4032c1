"""The promotions of a time, for exports. Reads the ledger as a stream, and holds what is under way alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from release.audit.reading import written
from release.core.decisions import PAST
from release.core.promotions import Promotion, promotions
from release.core.records import Event
from release.ports import LedgerChain, LedgerState


@dataclass(frozen=True, slots=True)
class Period:
    """From one moment until just before another, UTC: a promotion belongs to the time in which it began."""

    since: datetime
    until: datetime

    def holds(self, compact: str) -> bool:
        """`compact`: a moment as ids of promotions begin with it, `20261121T095000Z`."""
        return f"{self.since:%Y%m%dT%H%M%SZ}" <= compact < f"{self.until:%Y%m%dT%H%M%SZ}"


def promotions_between(
    ledger: LedgerChain, state: LedgerState, period: Period, *, pipeline: str | None, stage: str | None
) -> Iterator[Promotion]:
    """In the order in which they ended; those under way last. Raises Misconfigured for a damaged record."""
    commits = ledger.commits(state, begun=period.holds)
    for one in promotions(written(commits)):
        if pipeline in (None, one.start.pipeline) and stage in (None, one.start.stage):
            yield one


def decisions_between(
    ledger: LedgerChain, state: LedgerState, period: Period, *, pipeline: str | None, stage: str | None
) -> Iterator[Event]:
    """What people decided (holds, acceptances …), in the order of the ledger. Raises Misconfigured."""
    for one, _ in written(ledger.commits(state, begun=period.holds)):
        event = one.event
        if event.kind in PAST and pipeline in (None, event.pipeline) and stage in (None, event.stage):
            yield event
