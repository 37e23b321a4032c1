"""What a plan is made of: blockers, or steps. The way back is `before`, what served (docs/decisions/0011).

The order of the phases is the order of a rollout (docs/architecture.md): stacks expand, versions are prepared
and proven everywhere, migrations run, and only then does traffic move, wave by wave, the primary region
first; at the end the stage is looked at from outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, assert_never

from release.core import canonical
from release.core.blockers import Blocker
from release.core.infra_diff import RESOURCES, Entry
from release.core.models import AllAtOnce, Gradual, Place, Rollout
from release.core.records import Passed, ReleaseRef, Served, Verb


class Phase(StrEnum):
    """Each phase begins when the one before has succeeded in every place it touches."""

    EXPAND = "expand"
    PREPARE = "prepare"
    MIGRATE = "migrate"  # one service after the other
    SHIFT = "shift"  # once per wave
    ATTACH = "attach"  # once per region, right after its last shift
    VERIFY = "verify"  # one command after the other


@dataclass(frozen=True, slots=True)
class ApplyStack:
    """Create or update the stack of a service in one place."""

    service: str
    place: Place
    stack: str
    template: str  # digest
    alias_exists: bool
    create: bool
    entries: tuple[Entry, ...] = ()  # what becomes of its resources, where it has a template already
    kept: tuple[str, ...] = ()  # what the new template has not any more, and stays for now
    layer: int = 0  # after those of the layers before


@dataclass(frozen=True, slots=True)
class PrepareVersion:
    """Have a published version with these bytes and the stack's configuration, Active and smoke-tested."""

    service: str
    place: Place
    function: str
    artifact: str  # digest
    settings: str  # digest of the settings document, which says how to smoke-test
    lambda_version: str | None = None  # exactly this one (rollback); None: reuse an equal one or publish


@dataclass(frozen=True, slots=True)
class CreateAlias:
    """First deploy: the alias comes to be, pointing at the prepared version."""

    service: str
    place: Place
    function: str
    alias: str


@dataclass(frozen=True, slots=True)
class ShiftAlias:
    """So much of the traffic to the prepared version, the rest stays where it was."""

    service: str
    place: Place
    function: str
    alias: str
    before: str  # lambda version that serves now
    revision: str  # of the alias as observed: the guard against another writer; not in the plan's digest
    percent: int = 100
    reached: int = 0  # percent that an earlier holder left it at; not in the plan's digest
    to: str | None = None  # lambda version, where it is known before (rollback); None: the one prepared


@dataclass(frozen=True, slots=True)
class Migrate:
    """Run what must have run before the new versions of a service serve. It may have run before."""

    service: str
    place: Place
    function: str | None  # name of the Lambda function; None: `command`
    command: tuple[str, ...]
    timeout: int  # seconds
    destructive: bool
    lambda_version: str | None = None  # of the function, where it serves already; None: the one prepared


@dataclass(frozen=True, slots=True)
class Verify:
    """Run a program that looks at the stage from outside."""

    place: Place  # whose credentials it gets
    command: tuple[str, ...]
    timeout: int  # seconds


Action = ApplyStack | PrepareVersion | Migrate | CreateAlias | ShiftAlias | Verify


@dataclass(frozen=True, slots=True)
class Step:
    phase: Phase
    action: Action


@dataclass(frozen=True, slots=True)
class Wave:
    """Aliases that move at the same time, and what is waited for before the next do."""

    region: str | None  # None: all regions at once
    percent: int
    rollout: Gradual | None = None  # how it is judged; None: there is nothing left to compare with
    baking: tuple[str, ...] = ()  # functions that serve two versions after it


@dataclass(frozen=True, slots=True)
class Change:
    """Now → next of one function in one place, for people."""

    served: Served
    artifact: str  # digest that will serve
    changes: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. No `steps`: there is nothing to do. A plan with blockers is never carried out."""

    verb: Verb
    pipeline: str
    stage: str
    release: ReleaseRef
    source: str | None
    reason: str | None
    mint: bool  # whether the tag is still to be made
    services: tuple[str, ...] | None
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    blockers: tuple[Blocker, ...]
    kept: tuple[Served, ...]  # functions outside a partial deployment, as the last record has them
    before: tuple[Served, ...]  # what to go back to: recorded before anything is touched
    places: tuple[Place, ...]  # in the order in which traffic moves: the primary first
    alias: str
    # stage that the release comes from: it must not move until the start is recorded
    after: str | None = None
    earlier: tuple[str, ...] = ()  # stages of the pipeline before this one: what is quarantined there stops
    rollouts: Mapping[str, Rollout] = field(default_factory=dict)  # by region
    waves: tuple[Wave, ...] = ()
    regions: tuple[str, ...] | None = None  # only these: break-glass
    despite: str | None = None  # why alarms that fire already do not count
    hold_on_failure: bool = False  # a failed rollout holds the stage for a person
    approved: str | None = None  # why a destructive migration may run
    gates: tuple[Passed, ...] | None = None  # what the stage's gates went by; None: they were not asked

    def in_phase(self, phase: Phase, region: str | None = None) -> tuple[Step, ...]:
        """Of a phase, or of a region in it."""
        return tuple(
            step
            for step in self.steps
            if step.phase is phase and (region is None or step.action.place.region == region)
        )

    def in_wave(self, wave: Wave) -> tuple[Step, ...]:
        """What moves with a wave. An alias that is new comes with the first of its region: nothing names it
        yet but new versions of its neighbours, and those get traffic from that wave on.
        """
        first = next((one for one in self.waves if one.region == wave.region), wave)
        return tuple(
            step
            for step in self.in_phase(Phase.SHIFT, wave.region)
            if (
                wave == first
                if isinstance(step.action, CreateAlias)
                else percent(step.action) == wave.percent
            )
        )

    @property
    def longest_hooks(self) -> timedelta:
        """How long migrations and verifications may take before they are stopped."""
        actions = [step.action for step in self.steps]
        return timedelta(seconds=sum(one.timeout for one in actions if isinstance(one, Migrate | Verify)))

    @property
    def digest(self) -> str:
        """Digest of what would be done, without times and guards: two plans with one digest do the same."""
        return canonical.digest(
            self._what
            | {
                "reason": self.reason,
                "steps": [describe(step.action) for step in self.steps],
                "waves": [_judged(wave) for wave in self.waves],
            }
            | ({"approved": self.approved} if self.approved is not None else {})
            | ({"despite": self.despite} if self.despite is not None else {})
        )

    @property
    def course(self) -> str:
        """Digest of what was approved, the same at every moment of its way: which bytes, where, and how."""
        functions = [[*change.served.where, change.artifact] for change in self.changes]
        verified = [describe(step.action) for step in self.in_phase(Phase.VERIFY)]
        return canonical.digest(
            self._what
            | {
                "rollouts": {region: rules(rollout) for region, rollout in self.rollouts.items()},
                "functions": sorted(functions),
            }
            | ({"verify": verified} if verified else {})
        )

    @property
    def _what(self) -> dict[str, Any]:
        """What is promoted, and where to: a part of both digests."""
        return {
            "verb": self.verb,
            "pipeline": self.pipeline,
            "stage": self.stage,
            "commit": self.release.commit,
            "manifest": self.release.manifest,
            "tag": self.release.tag,
            "services": list(self.services) if self.services is not None else None,
            "regions": list(self.regions) if self.regions is not None else None,
        }


def _touched(action: ApplyStack) -> dict[str, Any]:
    """What becomes of the resources; nothing of a stack whose triggers alone come or go."""
    found = [
        {"name": one.name, "type": one.kind, "action": one.action, "replacement": one.replacement}
        for one in action.entries
        if one.section == RESOURCES
    ]
    return ({"resources": found} if found else {}) | ({"kept": list(action.kept)} if action.kept else {})


def percent(action: Action) -> int:
    """Of the traffic that the action gives to the new version. What begins with all of it is 100."""
    return action.percent if isinstance(action, ShiftAlias) else 100


def rules(rollout: Rollout) -> dict[str, Any]:
    """A rollout as canonical data."""
    if isinstance(rollout, AllAtOnce):
        return {"kind": "all-at-once"}
    p99 = rollout.max_p99
    return (
        {
            "kind": rollout.kind,
            "steps": list(rollout.steps),
            "bake_seconds": int(rollout.bake.total_seconds()),
            "min_samples": rollout.min_samples,
            "max_error_rate": str(rollout.max_error_rate),
            "alarms": list(rollout.alarms),
        }
        | ({"max_p99_ms": round(p99.total_seconds() * 1000)} if p99 is not None else {})
        | ({"probe": True} if rollout.probe else {})
    )


def _judged(wave: Wave) -> dict[str, Any]:
    judged = rules(wave.rollout) if wave.rollout else None
    return {"region": wave.region, "percent": wave.percent, "rollout": judged}


def describe(action: Action) -> dict[str, Any]:
    """An action as canonical data: the words of `plan.json`."""
    if isinstance(action, Verify):
        return {"action": "verify", "command": list(action.command), "timeout": action.timeout}
    common: dict[str, Any] = {
        "service": action.service,
        "account": action.place.account,
        "region": action.place.region,
    }
    match action:
        case ApplyStack():
            verb = "create-stack" if action.create else "update-stack"
            return (
                common
                | {
                    "action": verb,
                    "stack": action.stack,
                    "template": action.template,
                    "alias_exists": action.alias_exists,
                }
                | _touched(action)
            )
        case PrepareVersion():
            return common | {
                "action": "prepare-version",
                "function": action.function,
                "artifact": action.artifact,
                "lambda_version": action.lambda_version,
            }
        case Migrate():
            return common | {
                "action": "migrate",
                "function": action.function,
                "command": list(action.command),
                "destructive": action.destructive,
            }
        case CreateAlias():
            return common | {"action": "create-alias", "function": action.function, "alias": action.alias}
        case ShiftAlias():
            return common | {
                "action": "shift-alias",
                "function": action.function,
                "alias": action.alias,
                "before": action.before,
                "percent": action.percent,
                "to": action.to,
            }
        case _:  # pragma: no cover - the type checker proves that no action is missing
            assert_never(action)
