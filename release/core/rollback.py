"""From facts to the steps of a rollback: back to exactly what a good release left."""

from collections.abc import Sequence

from release.core.actions import CreateAlias, PrepareVersion, ShiftAlias
from release.core.manifest import Target
from release.core.plan import Change, Phase, Step
from release.core.records import Served
from release.core.snapshot import Observed, ObservedFunction, served


def rollback_steps(
    wanted: Sequence[Target],
    recorded: Sequence[Served],
    observed: Observed,
    *,
    alias: str,
    gone: frozenset[tuple[str, str, str]] = frozenset(),
    again: frozenset[tuple[str, str, str]] = frozenset(),
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
        is_back = (
            copy.alias is not None and not copy.alias.weights and now.lambda_version == record.lambda_version
        )
        there = is_back and now.where not in again
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
        steps.append(_back(copy, alias, to, reached=100 if is_back else 0))
    order = list(Phase)
    return tuple(sorted(steps, key=lambda step: order.index(step.phase))), tuple(changes), tuple(warnings)


def _back(copy: ObservedFunction, alias: str, to: str | None, *, reached: int) -> Step:
    if copy.alias is None:
        return Step(Phase.SHIFT, CreateAlias(copy.service, copy.place, copy.name, alias))
    shift = ShiftAlias(
        copy.service,
        copy.place,
        copy.name,
        alias,
        before=copy.alias.lambda_version,
        revision=copy.alias.revision,
        to=to,
        reached=reached,
    )
    return Step(Phase.SHIFT, shift)
