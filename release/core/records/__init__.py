"""The ledger's words: events, and the head of a stage that they move. Pure: bytes in and out, no git.

One event is one file; a stage's head is the file that says what the stage runs and who is at work on it. The
`fence` of a head is the fencing token: it rises whenever somebody takes hold of the stage, and whoever holds
an older one must stop.
"""

from release.core.records.event import (
    REASON_LIMIT,
    Decision,
    Event,
    Holder,
    Judged,
    Kind,
    Known,
    Outcome,
    Passed,
    ReleaseRef,
    Seen,
    Served,
    Verb,
    Wave,
    mark,
    promotion_id,
    restores,
)
from release.core.records.head import (
    HISTORY,
    Accepted,
    Good,
    Held,
    Partial,
    Quarantined,
    Running,
    StageHead,
    rollback_target,
)
from release.core.records.times import moment, next_by, overdue, stamp
from release.core.records.transitions import IllegalEvent, advance

__all__ = [
    "HISTORY",
    "REASON_LIMIT",
    "Accepted",
    "Decision",
    "Event",
    "Good",
    "Held",
    "Holder",
    "IllegalEvent",
    "Judged",
    "Kind",
    "Known",
    "Outcome",
    "Partial",
    "Passed",
    "Quarantined",
    "ReleaseRef",
    "Running",
    "Seen",
    "Served",
    "StageHead",
    "Verb",
    "Wave",
    "advance",
    "mark",
    "moment",
    "next_by",
    "overdue",
    "promotion_id",
    "restores",
    "rollback_target",
    "stamp",
]
