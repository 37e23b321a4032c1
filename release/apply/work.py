"""What one rollout carries along: its plan, its tools, and the journal of what it has done."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from release.core.holding import asked_back, wrote
from release.core.manifest import StageSettings, Target
from release.core.models import Place
from release.core.plan import Plan
from release.core.records import Judged, Known, ReleaseRef, Served, Wave, mark
from release.core.snapshot import AliasFacts
from release.errors import Conflict, GivenUp, ReleaseError, RolloutFailed, Unavailable
from release.ports import (
    Artifacts,
    Clock,
    Functions,
    Holders,
    Ledger,
    LedgerState,
    Metrics,
    Notifier,
    Programs,
    Progress,
    Repo,
    Stacks,
)

if TYPE_CHECKING:
    from release.core.infra_diff import CreateOnly
    from release.core.infra_values import Document

_T = TypeVar("_T")

# For each place. More than AWS lets through: a place's rate budget is the bound, not our threads
# (docs/architecture.md).
_IN_FLIGHT = 32
_WATCH_SECONDS = 15.0  # how often a long phase looks whether it was aborted or lost its hold
UNDO: Final = timedelta(minutes=5)  # undo and record need that long at most: credentials must outlive it
PATIENCE = (0.5, 1.0, 2.0, 4.0)  # seconds between tries of what must not fail for a passing fault


@dataclass(frozen=True, slots=True)
class Tools:
    """The ports that a rollout uses."""

    functions: Functions
    stacks: Stacks
    metrics: Metrics
    artifacts: Artifacts
    repo: Repo
    ledger: Ledger
    holders: Holders
    clock: Clock
    programs: Programs
    notifier: Notifier
    read_document: Callable[[str, str], "Document"]  # text of a template and whose it is -> what it says
    create_only: Callable[[], "Mapping[str, CreateOnly]"]  # by type of resource


@dataclass(frozen=True, slots=True)
class Who:
    """Who carries it out, for the record."""

    actor: str
    run: str | None
    tool: str
    approvers: tuple[str, ...] = ()  # logins that have approved the run
    known: Known | None = None  # how the login is known without a run

    @property
    def proof(self) -> str | None:
        """What proves that the actor is a login of the forge."""
        return self.run or self.known


class LostHold(Conflict):
    """Somebody else holds the stage now: neither continue nor compensate."""


class Aborted(ReleaseError):
    """Somebody asked to stop, with a reason."""


class Paused(Exception):
    """No error: the next decision lies further away than this process waits, and what is done stays.

    `next_at`: when it can be taken; None: when what `why` names has changed.
    """

    def __init__(self, why: str, next_at: datetime | None) -> None:
        super().__init__(why)
        self.why = why
        self.next_at = next_at


@dataclass(slots=True)
class Journal:
    """What this process has done so far, and what it goes back to."""

    id: str
    fence: int
    release: ReleaseRef  # with the tag object, once it is minted
    before: tuple[Served, ...]
    supersedes: tuple[str, ...] = ()  # dead promotions whose moves are ours to undo
    versions: dict[tuple[Place, str], str] = field(default_factory=dict)  # prepared and proven
    tried: set[tuple[Place, str]] = field(default_factory=set)  # aliases that we may have moved
    moved: dict[tuple[Place, str], str] = field(default_factory=dict)  # the revision that our write left
    wave: Wave | None = None  # the last one that is on record
    arrived: list[Wave] = field(default_factory=list)  # by region: when all had moved, if no record says it
    judged: tuple[Judged, ...] = ()  # what the last look at a baking wave has seen
    notes: list[str] = field(default_factory=list)  # what else was done, for the record
    left: list[str] = field(default_factory=list)  # what stays where it is, as its service has it
    inherits: bool = False  # from a dead holder, who may have moved aliases a moment ago
    stopping: bool = False  # something has failed: what has not begun does not begin

    @property
    def description(self) -> str:
        """What a version says of where it comes from (256 characters at most, by AWS's rule)."""
        return f"{self.release.label} {self.release.commit[:10]}"[:100] + f" by {self.id}"

    def alias_description(self, serving: str) -> str:
        """What an alias says of who moved it where; `holding.wrote` reads it."""
        return f"{self.release.label} {self.release.commit[:10]}"[:100] + mark(self.id, serving)

    def wrote(self, alias: AliasFacts) -> bool:
        """Whether this promotion, or a dead one that it ends, left the alias as it is."""
        return wrote((self.id, *self.supersedes), alias)


@dataclass(frozen=True, slots=True)
class Work:
    plan: Plan
    targets: dict[str, Target]  # by service
    tools: Tools
    journal: Journal
    who: Who
    progress: Progress
    wait_until: datetime  # a decision that lies later is left to `release advance`

    def settings(self, service: str) -> StageSettings:
        return self.targets[service].settings

    def place(self, served: Served) -> Place:
        return next(p for p in self.plan.places if (p.account, p.region) == (served.account, served.region))

    def say(self, what: str, **fields: object) -> None:
        """Tell who watches; no decision hangs on it."""
        self.progress(what, fields)

    def check_hold(self) -> None:
        """The stage's head is the fencing token. Raises LostHold, Aborted; Unavailable if nobody can tell."""
        state, plan = patiently(self.tools.clock, self.tools.ledger.read), self.plan
        head = state.head(plan.pipeline, plan.stage)
        if head.running is None or head.running.id != self.journal.id or head.fence != self.journal.fence:
            by = f"{head.running.actor} ({head.running.holder.label})" if head.running else "somebody"
            raise LostHold(
                f"{by} took over {self.plan.stage} while this was under way",
                fix="leave it to them; `release status` shows where the stage stands",
            )
        self.heed(state)

    def heed(self, state: LedgerState) -> None:
        """Raises Aborted where the ledger, as it was read, says that this is to go back."""
        plan = self.plan
        head = state.head(plan.pipeline, plan.stage)
        why = asked_back(head, [state.head(plan.pipeline, stage) for stage in plan.earlier])
        if why is not None:
            raise Aborted(why, fix=f"promote to {plan.stage} again when the reason is gone")

    def all(self, tasks: Sequence[Callable[[], None]], *, places: int = 1) -> None:
        """Run tasks in parallel; the first failure stops what has not begun, and calls that wait their turn.

        `places`: in how many accounts and regions the tasks call. Raises the gravest failure, with all of
        them named.
        """
        threads = min(_IN_FLIGHT * places, max(1, len(tasks)))
        pool = ThreadPoolExecutor(threads, thread_name_prefix="rollout")
        futures = [pool.submit(task) for task in tasks]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=_WATCH_SECONDS, return_when="FIRST_EXCEPTION")
                if any(future.exception() for future in done):
                    break
                if pending:
                    self.check_hold()
        except BaseException:
            self._stop(pool)
            raise
        if pending:
            self._stop(pool)
        pool.shutdown()
        _raise_gravest(
            [error for future in futures if not future.cancelled() and (error := future.exception())]
        )

    def _stop(self, pool: ThreadPoolExecutor) -> None:
        """Let nothing begin any more. What waits for its turn to call AWS would only have to be undone."""
        self.journal.stopping = True
        with self.tools.functions.undoing():
            pool.shutdown(wait=True, cancel_futures=True)


def patiently(clock: Clock, call: Callable[[], _T]) -> _T:
    """Call, and call again while it is Unavailable. Raises the last Unavailable."""
    for seconds in PATIENCE:
        try:
            return call()
        except Unavailable:
            clock.sleep(seconds)
    return call()


def _raise_gravest(errors: Sequence[BaseException]) -> None:
    """One failure for the record: a `no` outweighs a `could not find out`; a bug outweighs both."""
    if not errors:
        return
    # Whoever gave up did so because of another one's failure.
    errors = [error for error in errors if not isinstance(error, GivenUp)] or errors
    bugs = [error for error in errors if not isinstance(error, ReleaseError)]
    if bugs:
        raise bugs[0]
    known = sorted(
        (error for error in errors if isinstance(error, ReleaseError)),
        key=lambda error: (not isinstance(error, RolloutFailed), error.cause),
    )
    first = known[0]
    first.details = (*first.details, *(error.cause for error in known[1:]))
    raise first
