"""What stands in the way of a rollout before it begins, by what was observed."""

from collections.abc import Sequence
from typing import Final

from release.core.blockers import Blocker
from release.core.infra_dead import NEVER_CREATED as NEVER_CREATED
from release.core.infra_dead import is_under_way, way_out
from release.core.manifest import Target
from release.core.snapshot import Observed, ObservedFunction, ObservedStack, served

FOREIGN_WEIGHTS: Final = "foreign-weights"


def preflight(
    target: Target,
    stack: ObservedStack,
    copies: Sequence[ObservedFunction],
    observed: Observed,
    moved: frozenset[tuple[str, str, str]],
    *,
    gradual: bool = False,
) -> list[Blocker]:
    """Why one service cannot be rolled out in one place. `moved` as `rollout_steps` has it; `gradual`: its
    traffic moves in steps there.
    """
    blockers = []
    place = stack.place
    current = (
        stack.stack is not None and stands(stack.stack.status) and stack.stack.template == target.template
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
    if (dead := stack_dead(stack)) is not None:
        blockers.append(dead)
    for copy in copies:
        blockers += _unsupported(copy, gradual=gradual)
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
                    FOREIGN_WEIGHTS,
                    f"{copy.alias.name} of {copy.name} in {place} serves {copy.alias.serving}, and we did not"
                    " do that",
                    "wait if AWS is moving provisioned concurrency; else find out whose canary this is, and"
                    f" end it (aws lambda update-alias --function-name {copy.name} --name {copy.alias.name}"
                    f" --region {copy.place.region} --routing-config AdditionalVersionWeights={{}})",
                )
            )
        if copy.latest is None and not current and is_attached(stack):
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


def _unsupported(copy: ObservedFunction, *, gradual: bool) -> list[Blocker]:
    """What would begin and could not end, by what AWS has: the template decides it, not the release."""
    if copy.latest is None:
        return []
    found = []
    if copy.latest.settings.get("package") == "Image":
        found.append(
            Blocker(
                "container-image",
                f"{copy.name} in {copy.place} runs a container image, and release rolls out zips",
                "give it PackageType: Zip under another name, and move its callers there",
            )
        )
    if gradual and copy.alias is not None and copy.latest.settings.get("snap_start") == "PublishedVersions":
        found.append(
            Blocker(
                "snap-start-canary",
                f"{copy.name} in {copy.place} has SnapStart: two versions that restore from snapshots of"
                " different age are not to be compared",
                "take SnapStart out of its template, or let its stage roll out all-at-once",
            )
        )
    return found


def stack_dead(stack: ObservedStack) -> Blocker | None:
    """Where nothing but a person's decision takes a stack out of the state that it is in."""
    facts = stack.stack
    if facts is None or is_under_way(facts.status):  # what is under way is waited for
        return None
    way = way_out(stack.name, stack.place, facts.status, facts.status_reason)
    if way is None:
        return None
    why = f" ({facts.status_reason})" if facts.status_reason else ""
    return Blocker("stack-dead", f"the stack {stack.name} in {stack.place} is in {facts.status}{why}", way)


def is_attached(stack: ObservedStack) -> bool:
    """Whether the triggers that name the alias are part of the stack."""
    return stack.stack is not None and stack.stack.is_attached


def stands(status: str) -> bool:
    return status in (
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    )
