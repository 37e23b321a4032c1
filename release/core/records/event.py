"""Events: what can happen to a stage. The fields are an allow-list, and one event is one file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from release.core import canonical
from release.core.records.json_form import build, plain

Verb = Literal["deploy", "promote", "rollback", "reconcile"]
# What people decide about a stage or a release; it needs no hold of the stage.
Decision = Literal["hold", "unhold", "quarantine", "clear", "accept", "reject"]
Kind = Literal[
    "started", "taken-over", "shifted", "paused", "abort", "let-go", "outcome",
    # what is about to be done, and how it ended
    "retire", "retire-ended",
    "infra", "infra-ended",  # stacks that change apart from a rollout
    Decision,
]  # fmt: skip
# A login of the forge that a token belongs to, asked for on the machine that used it
Known = Literal["token"]
Outcome = Literal["succeeded", "failed", "errored", "aborted", "stranded"]
REASON_LIMIT = 500  # characters


def restores(verb: str) -> bool:
    """Whether a verb brings back what a stage ran before: no gate and no hold keeps that out, and its failure
    says nothing against the release.
    """
    return verb in ("rollback", "reconcile")


@dataclass(frozen=True, slots=True)
class ReleaseRef:
    """A release as a record names it."""

    commit: str
    manifest: str  # digest
    tag: str | None = None
    tag_object: str | None = None

    @property
    def label(self) -> str:
        return self.tag or self.commit[:10]


@dataclass(frozen=True, slots=True)
class Holder:
    """The process or the workflow run that carries out a promotion."""

    host: str  # name and boot of the machine, so that a pid means one process
    pid: int
    started: str  # start of the process as the system tells it
    run: str | None = None  # "<run id>.<attempt>" in GitHub Actions

    @property
    def label(self) -> str:
        return f"run {self.run}" if self.run else f"process {self.pid} on {self.host.split('/')[0]}"


@dataclass(frozen=True, slots=True)
class Served:
    """What one function serves in one place. `lambda_version` None: nothing yet."""

    service: str
    function: str
    account: str
    region: str
    lambda_version: str | None = None
    code: str | None = None  # sha256 of the zip, hex

    @property
    def where(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.function)


@dataclass(frozen=True, slots=True)
class Wave:
    """A step of a rollout: so much of a region's traffic to the new versions."""

    region: str
    percent: int
    since: str  # UTC: when the last of its aliases had moved; the bake counts from here


@dataclass(frozen=True, slots=True)
class Judged:
    """What was seen of one function while it baked, both lambda versions at the same time."""

    function: str
    region: str
    percent: int
    verdict: Literal["pass", "fail", "inconclusive"]
    why: str
    stable: str  # lambda version
    stable_calls: int
    stable_bad: int  # failed or throttled
    canary: str
    canary_calls: int
    canary_bad: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One fact that a gate went by: `since` and a moment, say."""

    what: str
    value: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A gate that let a release in, and what it saw then."""

    gate: str
    setting: str  # as pipelines/ had it
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one stage. The fields are an allow-list: nothing else is ever written."""

    kind: Kind
    id: str  # of the promotion: all its events share it
    at: str  # UTC, 2026-11-21T09:50:00Z
    pipeline: str
    stage: str
    verb: Literal[Verb, Decision, "retire", "infra"]
    release: ReleaseRef | None  # None: a hold of a stage, whatever it serves; a service that is retired
    actor: str
    tool: str  # "lambda-release 0.1.0"
    fence: int
    run: str | None = None
    reason: str | None = None
    source: str | None = None  # the tag or stage that the release comes from
    services: tuple[str, ...] | None = None  # only these (deploy): such a release is not promoted further
    holder: Holder | None = None
    next_by: str | None = None  # when nothing was heard until then, somebody else may take over
    supersedes: tuple[str, ...] = ()  # the dead promotion that this one ends, then those that it had ended
    before: tuple[Served, ...] = ()
    after: tuple[Served, ...] = ()
    outcome: Outcome | None = None
    failure: str | None = None  # one line: why it did not succeed
    report: tuple[str, ...] = ()  # what is where, when undo failed
    regions: tuple[str, ...] | None = None  # only these: break-glass for the outage of another
    course: str | None = None  # digest of what was approved: targets, waves and limits
    wave: Wave | None = None
    judged: tuple[Judged, ...] = ()
    # When all traffic had moved in a region, where nothing baked: what the records before it do not say
    moved: tuple[Wave, ...] = ()
    next_at: str | None = (
        None  # paused: when the next decision may be taken; None: as soon as `failure` is mended
    )
    despite: str | None = None  # why alarms that fire already do not count
    approved: str | None = None  # why a destructive migration may run
    hold: str | None = None  # what those are told who want to enter the stage from now on
    notes: tuple[str, ...] = ()  # what else was done: migrations, verifications, probes
    # What each gate of the stage has seen; None: nobody asked (a rollback, whoever goes on, older versions)
    gates: tuple[Passed, ...] | None = None
    approvers: tuple[str, ...] = ()  # logins that have approved the workflow run
    known: Known | None = None  # how the actor's login is known without a run; None: a git user name

    @property
    def path(self) -> str:
        """Path of the event's file in the ledger."""
        order = _ORDER.get(self.kind, "e")
        if self.kind == "shifted" and self.wave is not None:
            order += f"{self.wave.region}-{self.wave.percent:03d}-"
        return f"{self.id[:4]}/{self.id[4:6]}/{self.id}.{self.fence:06d}{order}-{self.kind}.json"

    @property
    def label(self) -> str:
        """The release, or a dash."""
        return self.release.label if self.release else "-"

    @property
    def has_brought(self) -> bool:
        """Whether by this its release serves. Stacks and retirements end well, too, and bring nothing."""
        return self.kind == "outcome" and self.outcome == "succeeded"

    def to_bytes(self) -> bytes:
        return canonical.dumps(plain(self))

    @classmethod
    def from_json(cls, data: Any) -> "Event":
        """Raises ValueError that names what does not fit."""
        return build(cls, data)


_ORDER: Mapping[Kind, str] = {
    "started": "a",
    "taken-over": "b",
    "shifted": "bs",
    "abort": "c",
    "paused": "cp",
    "let-go": "cz",
    "outcome": "d",
    "infra": "a",
    "infra-ended": "d",
    "retire-ended": "f",  # the others, `retire` among them, have "e"
}


def promotion_id(now: datetime, pipeline: str, stage: str, nonce: str) -> str:
    """Sortable by time, unique by nonce."""
    return f"{now:%Y%m%dT%H%M%SZ}-{pipeline}-{stage}-{nonce}"


def mark(promotion: str, serving: str) -> str:
    """How the description of every alias ends that a promotion has moved: it tells ours from theirs.

    `serving`: where its traffic goes, as `AliasFacts.serving` has it.
    """
    return f" version {serving} by {promotion}"
