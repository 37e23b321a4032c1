"""From facts to steps: what is to do in each place, in which order, and what stands in the way."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from release.core.blockers import Blocker
from release.core.hooks import migrations
from release.core.manifest import Manifest, StageSettings
from release.core.models import Gradual, Place, Rollout
from release.core.plan import (
    ALIAS_EXISTS,
    ApplyStack,
    Change,
    CreateAlias,
    Phase,
    PrepareVersion,
    ShiftAlias,
    Step,
    Wave,
)
from release.core.records import Served
from release.core.snapshot import Observed, ObservedFunction, ObservedStack

_NOBODY: frozenset[tuple[str, str, str]] = frozenset()


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
    rollouts: Mapping[str, Rollout] | None = None,
    again: frozenset[tuple[str, str, str]] = _NOBODY,
    moved: frozenset[tuple[str, str, str]] = _NOBODY,
    renewed: Collection[str] = (),
) -> tuple[tuple[Step, ...], tuple[Change, ...], tuple[Blocker, ...]]:
    """The steps that take every function in every place from what is observed to what is wanted.

    `rollouts`: by region; None: all at once. `moved`: aliases (account, region, function) that a promotion
    which this one continues or ends has moved. `again`: those among them that are continued; they are proven
    and confirmed once more. `renewed`: services whose settings are not those of what serves.
    """
    rollouts = rollouts or {}
    moved = moved | again
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
            blockers += _preflight(target, stack, copies, observed, moved)
            rollout = rollouts.get(place.region)
            steps += _service_steps(target, stack, copies, alias=alias, rollout=rollout, again=again)
            prepared = {
                step.action.function
                for step in steps
                if isinstance(step.action, PrepareVersion) and step.action.place == place
            }
            changes += [Change(served(copy), target.artifact, copy.name in prepared) for copy in copies]
        is_new = target.service in renewed
        steps += migrations(target.service, target.settings, observed, steps, is_new=is_new)
    order = list(Phase)
    return tuple(sorted(steps, key=lambda step: order.index(step.phase))), tuple(changes), tuple(blockers)


def _service_steps(
    target: Target,
    stack: ObservedStack,
    copies: Sequence[ObservedFunction],
    *,
    alias: str,
    rollout: Rollout | None,
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
        ours = served(copy).where in again
        if _serves(copy, target, stack_changes=not current) and not ours:
            continue
        canary, reached = _reached(copy, target) if ours else (None, 0)
        prepare = PrepareVersion(
            target.service, place, copy.name, target.artifact, target.settings_digest, lambda_version=canary
        )
        steps.append(Step(Phase.PREPARE, prepare))
        steps += _moves(target.service, copy, alias, rollout, reached)
    if not (attached and have_aliases):
        steps.append(Step(Phase.ATTACH, apply(True, False)))
    return steps


def _reached(copy: ObservedFunction, target: Target) -> tuple[str | None, int]:
    """The lambda version that an earlier holder gave traffic to beside the stable one, and what percent."""
    if copy.alias is not None and copy.alias.weights:
        canary, share = next(iter(copy.alias.weights.items()))
        return canary, round(share * 100)
    return None, 100 if copy.live is not None and copy.live.code == target.artifact else 0


def _moves(
    service: str, copy: ObservedFunction, alias: str, rollout: Rollout | None, reached: int
) -> list[Step]:
    """What is left until all traffic of one alias is where it should be. A first deploy is never a canary."""
    if copy.alias is None:
        return [Step(Phase.SHIFT, CreateAlias(service, copy.place, copy.name, alias))]
    gradual = isinstance(rollout, Gradual) and reached < 100
    percents = [one for one in rollout.steps if one > reached] if gradual else [100]  # type: ignore[union-attr]
    now, revision = copy.alias.lambda_version, copy.alias.revision
    return [
        Step(
            Phase.SHIFT,
            ShiftAlias(
                service,
                copy.place,
                copy.name,
                alias,
                before=now,
                revision=revision,
                percent=percent,
                reached=reached,
            ),
        )
        for percent in percents
    ]


def waves_of(
    steps: Sequence[Step], places: Sequence[Place], rollouts: Mapping[str, Rollout]
) -> tuple[Wave, ...]:
    """The order in which traffic moves: by region, in each by its steps; without rollouts all at once."""
    if not rollouts:
        return (Wave(None, 100),)
    waves: list[Wave] = []
    for place in places:
        rollout = rollouts[place.region]
        moves = [step.action for step in steps if step.action.place == place]
        baking = dict.fromkeys(
            move.function for move in moves if isinstance(move, ShiftAlias) and move.reached < 100
        )
        if isinstance(rollout, Gradual) and baking:
            before = [percent for percent in rollout.steps if percent < 100]
            waves += [Wave(place.region, percent, rollout, tuple(baking)) for percent in before]
        waves.append(Wave(place.region, 100))
    return tuple(waves)


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
    target: Target,
    stack: ObservedStack,
    copies: Sequence[ObservedFunction],
    observed: Observed,
    moved: frozenset[tuple[str, str, str]],
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
        if copy.alias is not None and copy.alias.weights and served(copy).where not in moved:
            blockers.append(
                Blocker(
                    "foreign-weights",
                    f"{copy.alias.name} of {copy.name} in {place} serves {copy.alias.serving}, and we did not"
                    " do that",
                    "wait if AWS is moving provisioned concurrency; else find out whose canary this is, and"
                    " end it (aws lambda update-alias --routing-config AdditionalVersionWeights={})",
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
    gone: frozenset[tuple[str, str, str]] = _NOBODY,
    again: frozenset[tuple[str, str, str]] = _NOBODY,
) -> tuple[tuple[Step, ...], tuple[Change, ...], tuple[str, ...]]:
    """Steps back to exactly the lambda versions that a good release left; stacks are left alone.

    `gone`: functions whose recorded version is no more; it is published again, from the artifact. `again` as
    in `rollout_steps`. Returns steps, changes, warnings.
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
        to: str | None = record.lambda_version
        if now.where in gone or copy.alias is None:
            known = None if now.where in gone else record.lambda_version
            prepare = PrepareVersion(
                copy.service, copy.place, copy.name, record.code, target.settings_digest, lambda_version=known
            )
            steps.append(Step(Phase.PREPARE, prepare))
            to = known
        if now.where in gone:
            warnings.append(
                f"version {record.lambda_version} of {copy.name} in {copy.place.region} is gone: its artifact"
                " is published again, with the configuration that the stack has now"
            )
        steps.append(_back(copy, alias, to))
    order = list(Phase)
    return tuple(sorted(steps, key=lambda step: order.index(step.phase))), tuple(changes), tuple(warnings)


def _back(copy: ObservedFunction, alias: str, to: str | None) -> Step:
    if copy.alias is None:
        return Step(Phase.SHIFT, CreateAlias(copy.service, copy.place, copy.name, alias))
    now, revision = copy.alias.lambda_version, copy.alias.revision
    shift = ShiftAlias(copy.service, copy.place, copy.name, alias, before=now, revision=revision, to=to)
    return Step(Phase.SHIFT, shift)
