"""From facts to steps: what is to do in each place, and in which order."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from release.core.actions import ApplyStack, CreateAlias, PrepareVersion, ShiftAlias
from release.core.blockers import Blocker
from release.core.hooks import migrations
from release.core.infra_apply import StackPlan, refused_in_rollout
from release.core.manifest import Target
from release.core.models import Gradual, Place, Rollout
from release.core.plan import Change, Phase, Step, Wave
from release.core.preflight import NEVER_CREATED, is_attached, preflight, stands
from release.core.snapshot import Observed, ObservedFunction, ObservedStack, served


def rollout_steps(
    wanted: Sequence[Target],
    observed: Observed,
    *,
    alias: str,
    rollouts: Mapping[str, Rollout] | None = None,
    again: frozenset[tuple[str, str, str]] = frozenset(),
    moved: frozenset[tuple[str, str, str]] = frozenset(),
    settled: frozenset[tuple[tuple[str, str, str], str | None]] = frozenset(),
    renewed: Collection[str] = (),
    stack_plans: Mapping[tuple[str, Place], StackPlan] | None = None,
) -> tuple[tuple[Step, ...], tuple[Change, ...], tuple[Blocker, ...]]:
    """The steps that take every function in every place from what is observed to what is wanted.

    `rollouts`: by region; None: all at once. `moved`: aliases (account, region, function) that a promotion
    which this one continues or ends has moved. `again`: those among them that are continued; they are proven
    and confirmed once more. `settled`: aliases with the lambda version that is right there, whatever the
    settings have become since. `renewed`: services whose settings are not those of what serves.
    `stack_plans`: what templates would do to stacks that have another one.
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
            rollout = rollouts.get(place.region)
            blockers += preflight(
                target, stack, copies, observed, moved, gradual=isinstance(rollout, Gradual)
            )
            plan = (stack_plans or {}).get((service, place))
            blockers += refused_in_rollout(stack, plan) if plan else []
            steps += _service_steps(
                target, stack, copies, alias=alias, rollout=rollout, again=again, settled=settled, plan=plan
            )
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
    settled: frozenset[tuple[tuple[str, str, str], str | None]],
    plan: StackPlan | None,
) -> list[Step]:
    """The steps of one service in one place."""
    steps: list[Step] = []
    place = stack.place
    have_aliases = all(copy.alias is not None for copy in copies)
    facts = stack.stack
    says_the_same = facts is not None and facts.template == target.template
    # Another text may mean the same: to CloudFormation that is no update.
    current = (says_the_same or (plan is not None and plan.change.is_idle)) and stands(
        facts.status if facts else ""
    )
    attached = is_attached(stack)
    apply = partial(ApplyStack, target.service, place, stack.name, target.template)

    if not current:
        # A stack that was attached once stays so: detaching its triggers would be an outage.
        create = facts is None or facts.status in NEVER_CREATED
        entries, kept = (plan.change.entries, plan.change.kept) if plan and not create else ((), ())
        layer = plan.layer if plan else 0
        steps.append(Step(Phase.EXPAND, apply(attached, create, entries, kept, layer)))
    for copy in copies:
        now = served(copy)
        ours = now.where in again
        is_settled = (now.where, now.lambda_version) in settled and not (copy.alias and copy.alias.weights)
        if not ours and (is_settled or _serves(copy, target, stack_changes=not current)):
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
