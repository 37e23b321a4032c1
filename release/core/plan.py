"""From facts to a plan: blockers, or steps. The way back is `before`, what served (docs/decisions/0011).

The order of the phases is the order of a rollout (docs/architecture.md): stacks expand, versions are prepared
and proven everywhere, and only then does traffic move, region by region, the primary first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from release.core import canonical
from release.core.blockers import Blocker
from release.core.manifest import Manifest, StageSettings
from release.core.models import Place
from release.core.records import ReleaseRef, Served, Verb
from release.core.snapshot import Observed, ObservedFunction, ObservedStack

ALIAS_EXISTS = "AliasExists"  # the parameter behind which a template keeps everything that names the alias


class Phase(StrEnum):
    """Each phase begins when the one before has succeeded in every place it touches."""

    EXPAND = "expand"
    PREPARE = "prepare"
    SHIFT = "shift"  # once per region, in the order of the environment's regions
    ATTACH = "attach"  # once per region, right after its shift


@dataclass(frozen=True, slots=True)
class ApplyStack:
    """Create or update the stack of a service in one place."""

    service: str
    place: Place
    stack: str
    template: str  # digest
    alias_exists: bool
    create: bool


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
    """All traffic to the prepared version."""

    service: str
    place: Place
    function: str
    alias: str
    before: str  # lambda version that serves now
    revision: str  # of the alias as observed: the guard against another writer; not in the plan's digest


Action = ApplyStack | PrepareVersion | CreateAlias | ShiftAlias


@dataclass(frozen=True, slots=True)
class Step:
    phase: Phase
    action: Action


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
    after: str | None = (
        None  # stage that the release comes from: it must not move until the start is recorded
    )

    def in_phase(self, phase: Phase, region: str | None = None) -> tuple[Step, ...]:
        return tuple(
            step
            for step in self.steps
            if step.phase is phase and (region is None or step.action.place.region == region)
        )

    @property
    def digest(self) -> str:
        """Digest of what would be done, without times and guards: two plans with one digest do the same."""
        return canonical.digest(
            {
                "verb": self.verb,
                "pipeline": self.pipeline,
                "stage": self.stage,
                "commit": self.release.commit,
                "manifest": self.release.manifest,
                "tag": self.release.tag,
                "reason": self.reason,
                "services": list(self.services) if self.services is not None else None,
                "steps": [describe(step.action) for step in self.steps],
            }
        )


def describe(action: Action) -> dict[str, Any]:
    """An action as canonical data: the words of `plan.json`."""
    common: dict[str, Any] = {
        "service": action.service,
        "account": action.place.account,
        "region": action.place.region,
    }
    match action:
        case ApplyStack():
            verb = "create-stack" if action.create else "update-stack"
            return common | {
                "action": verb,
                "stack": action.stack,
                "template": action.template,
                "alias_exists": action.alias_exists,
            }
        case PrepareVersion():
            return common | {
                "action": "prepare-version",
                "function": action.function,
                "artifact": action.artifact,
                "lambda_version": action.lambda_version,
            }
        case CreateAlias():
            return common | {"action": "create-alias", "function": action.function, "alias": action.alias}
        case ShiftAlias():
            return common | {
                "action": "shift-alias",
                "function": action.function,
                "alias": action.alias,
                "before": action.before,
            }
        case _:  # pragma: no cover - the type checker proves that no action is missing
            assert_never(action)


@dataclass(frozen=True, slots=True)
class Target:
    """What a release wants of one service in one stage, read from the artifact store."""

    service: str
    artifact: str
    template: str  # digest
    settings_digest: str
    settings: StageSettings


def targets(manifest: Manifest, documents: Mapping[str, StageSettings], stage: str) -> tuple[Target, ...]:
    """What the release wants in this stage. `documents`: digest of a settings document -> what it says."""
    return tuple(
        Target(
            service=name,
            artifact=entry.artifact,
            template=entry.stages[stage].template,
            settings_digest=entry.stages[stage].settings,
            settings=documents[entry.stages[stage].settings],
        )
        for name, entry in manifest.services.items()
        if stage in entry.stages
    )


def rollout_steps(
    wanted: Sequence[Target],
    observed: Observed,
    *,
    alias: str,
    again: frozenset[tuple[str, str, str]] = frozenset(),
) -> tuple[tuple[Step, ...], tuple[Change, ...], tuple[Blocker, ...]]:
    """The steps that take every function in every place from what is observed to what is wanted.

    `again`: aliases (account, region, function) that a dead holder has moved; they are proven and confirmed
    once more.
    """
    stacks = {(item.service, item.place): item for item in observed.stacks}
    functions: dict[tuple[str, Place], list[ObservedFunction]] = {}
    for item in observed.functions:
        functions.setdefault((item.service, item.place), []).append(item)

    steps: list[Step] = []
    changes: list[Change] = []
    blockers: list[Blocker] = []
    for target in wanted:
        for (service, place), copies in functions.items():
            if service != target.service:
                continue
            stack = stacks[service, place]
            blockers += _preflight(target, stack, copies, observed)
            steps += _service_steps(target, stack, copies, alias=alias, again=again)
            prepared = {
                step.action.function
                for step in steps
                if isinstance(step.action, PrepareVersion) and step.action.place == place
            }
            changes += [Change(served(copy), target.artifact, copy.name in prepared) for copy in copies]
    order = list(Phase)
    return tuple(sorted(steps, key=lambda step: order.index(step.phase))), tuple(changes), tuple(blockers)


def _service_steps(
    target: Target,
    stack: ObservedStack,
    copies: Sequence[ObservedFunction],
    *,
    alias: str,
    again: frozenset[tuple[str, str, str]],
) -> list[Step]:
    """The steps of one service in one place."""
    steps: list[Step] = []
    place = stack.place
    have_aliases = all(copy.alias is not None for copy in copies)
    facts = stack.stack
    current = facts is not None and facts.template == target.template and _stands(facts.status)
    attached = _attached(stack)

    def apply(alias_exists: bool, create: bool) -> ApplyStack:
        return ApplyStack(target.service, place, stack.name, target.template, alias_exists, create)

    if not current:
        # A stack that was attached once stays so: detaching its triggers would be an outage.
        create = facts is None or facts.status in _NEVER_CREATED
        steps.append(Step(Phase.EXPAND, apply(attached, create)))
    for copy in copies:
        if _serves(copy, target, stack_changes=not current) and served(copy).where not in again:
            continue
        steps.append(
            Step(
                Phase.PREPARE,
                PrepareVersion(target.service, place, copy.name, target.artifact, target.settings_digest),
            )
        )
        steps.append(_move(target.service, copy, alias))
    if not (attached and have_aliases):
        steps.append(Step(Phase.ATTACH, apply(True, False)))
    return steps


def _move(service: str, copy: ObservedFunction, alias: str) -> Step:
    if copy.alias is None:
        return Step(Phase.SHIFT, CreateAlias(service, copy.place, copy.name, alias))
    now, revision = copy.alias.lambda_version, copy.alias.revision
    return Step(Phase.SHIFT, ShiftAlias(service, copy.place, copy.name, alias, before=now, revision=revision))


def _serves(copy: ObservedFunction, target: Target, *, stack_changes: bool) -> bool:
    """Whether the alias serves these bytes with the configuration that the stack gives, and nothing else."""
    if copy.alias is None or copy.live is None or copy.latest is None or copy.alias.weights:
        return False
    return (
        copy.live.code == target.artifact
        and not stack_changes
        and copy.live.configuration == copy.latest.configuration
    )


def _preflight(
    target: Target, stack: ObservedStack, copies: Sequence[ObservedFunction], observed: Observed
) -> list[Blocker]:
    blockers = []
    place = stack.place
    current = (
        stack.stack is not None and _stands(stack.stack.status) and stack.stack.template == target.template
    )
    if not observed.artifacts.get((target.artifact, place.region), False):
        blockers.append(
            Blocker(
                "artifact-lost",
                f"the artifact {target.artifact[:12]} of {target.service}"
                f" is not in the store of {place.region}",
                "bring it back from another region's bucket or from a backup: nothing is rebuilt",
            )
        )
    if stack.stack is not None and stack.stack.status in _DEAD:
        blockers.append(
            Blocker(
                "stack-dead",
                f"the stack {stack.name} in {place} is in {stack.stack.status}",
                f"{_DEAD[stack.stack.status]}, then try again",
            )
        )
    for copy in copies:
        if copy.latest is not None and copy.latest.reserved_concurrency == 0:
            blockers.append(
                Blocker(
                    "concurrency-zero",
                    f"{copy.name} in {place} has a reserved concurrency of 0: it can answer nobody",
                    "remove the reserved concurrency (aws lambda delete-function-concurrency)",
                )
            )
        if copy.latest is None and not current and _attached(stack):
            blockers.append(
                Blocker(
                    "new-function",
                    f"{copy.name} would be new in {place}, in a stack whose triggers are attached:"
                    " they would name an alias that does not exist yet",
                    "give the new function a service of its own",
                )
            )
        if current and copy.latest is None:
            blockers.append(
                Blocker(
                    "function-missing",
                    f"the stack {stack.name} in {place} stands, but its function {copy.name} does not exist",
                    f"name the function in services/{target.service}/template.yaml.j2 as service.yaml does",
                )
            )
    return blockers


# Nothing but a person's decision takes a stack out of these.
_DEAD = {
    "UPDATE_ROLLBACK_FAILED": "continue its rollback (aws cloudformation continue-update-rollback)",
    "DELETE_FAILED": "delete it, keeping what its events name (aws cloudformation delete-stack)",
}

# A stack that was never created completely can only be deleted and made again.
_NEVER_CREATED = (
    "REVIEW_IN_PROGRESS",
    "CREATE_FAILED",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "DELETE_COMPLETE",
)


def _attached(stack: ObservedStack) -> bool:
    """Whether the triggers that name the alias are part of the stack."""
    return stack.stack is not None and stack.stack.parameters.get(ALIAS_EXISTS) == "true"


def _stands(status: str) -> bool:
    return status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


def served(copy: ObservedFunction) -> Served:
    """What a function serves, as a record says it."""
    return Served(
        service=copy.service,
        function=copy.name,
        account=copy.place.account,
        region=copy.place.region,
        lambda_version=copy.alias.lambda_version if copy.alias else None,
        code=copy.live.code if copy.live else None,
    )


def rollback_steps(
    wanted: Sequence[Target],
    recorded: Sequence[Served],
    observed: Observed,
    *,
    alias: str,
    again: frozenset[tuple[str, str, str]] = frozenset(),
) -> tuple[tuple[Step, ...], tuple[Change, ...], tuple[str, ...]]:
    """Steps back to exactly the lambda versions that a good release left; stacks are left alone.

    `again` as in `rollout_steps`.
    """
    by_service = {target.service: target for target in wanted}
    versions = {item.where: item for item in recorded}
    steps: list[Step] = []
    changes: list[Change] = []
    warnings: list[str] = []
    for copy in observed.functions:
        now = served(copy)
        target = by_service.get(copy.service)
        record = versions.get(now.where)
        if target is None or record is None or record.lambda_version is None or record.code is None:
            warnings.append(
                f"{copy.name} in {copy.place.region} was not part of that release: it stays as it is"
            )
            continue
        there = (
            copy.alias is not None
            and not copy.alias.weights
            and now.lambda_version == record.lambda_version
            and now.where not in again
        )
        changes.append(Change(now, record.code, not there))
        if there:
            continue
        steps.append(
            Step(
                Phase.PREPARE,
                PrepareVersion(
                    copy.service,
                    copy.place,
                    copy.name,
                    record.code,
                    target.settings_digest,
                    lambda_version=record.lambda_version,
                ),
            )
        )
        steps.append(_move(copy.service, copy, alias))
    order = list(Phase)
    return tuple(sorted(steps, key=lambda step: order.index(step.phase))), tuple(changes), tuple(warnings)
