"""What a plan is made of: blockers, or steps. The way back is `before`, what served (docs/decisions/0011).

The order of the phases is the order of a rollout (docs/architecture.md): stacks expand, versions are prepared
and proven everywhere, migrations run, and only then does traffic move, wave by wave, the primary region
first; at the end the stage is looked at from outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from release.core import canonical
from release.core.actions import Action, CreateAlias, Migrate, Verify, describe, percent
from release.core.blockers import Blocker
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
