"""What retiring a service from a stage would do: triggers off, then aliases; everything else stays. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from release.core.plan import ALIAS_EXISTS
from release.core.records import Served, StageHead
from release.core.snapshot import ObservedFunction, ObservedStack, served
from release.errors import GateClosed, Misconfigured


@dataclass(frozen=True, slots=True)
class Retirement:
    """In this order: first no trigger names an alias any more, then the aliases go."""

    stage: str
    service: str
    detach: tuple[ObservedStack, ...]
    remove: tuple[ObservedFunction, ...]

    @property
    def before(self) -> tuple[Served, ...]:
        """What serves until then, for the record."""
        return tuple(served(copy) for copy in self.remove)

    @property
    def is_done(self) -> bool:
        return not self.detach and not self.remove


def left_behind(
    head: StageHead, service: str, recorded: Sequence[Served], past: Sequence[Served]
) -> tuple[Served, ...]:
    """The functions of a service that the stage does not have any more.

    `recorded`: what it has by the ledger; `past`: what it ever had there. Raises GateClosed where it still
    has the service, or something is under way; Misconfigured where it never had it.
    """
    stage = head.stage
    if head.running is not None:
        running = head.running
        raise GateClosed(
            f"{running.verb} of {running.release.label} by {running.actor} is under way in {stage}",
            fix=f"wait until it has ended, or: release abort {stage} --reason TEXT",
        )
    if any(one.service == service for one in recorded):
        label = head.serves.release.label if head.serves else stage
        raise GateClosed(
            f"{service} is part of {label}, which {stage} serves",
            fix=f"take it out of services/ and bring that to {stage}; then retire it: nothing brings it back",
        )
    found = {one.where: one for one in past if one.service == service}
    if not found:
        others = sorted({one.service for one in past} - {one.service for one in recorded})
        raise Misconfigured(
            f"the ledger knows of no service {service} in {stage}",
            fix=f"name one that it had: {', '.join(others)}" if others else f"{stage} has none to retire",
        )
    return tuple(found[where] for where in sorted(found))


def retirement(
    stage: str, service: str, stacks: Sequence[ObservedStack], functions: Sequence[ObservedFunction]
) -> Retirement:
    """What is left to do, by what was observed."""
    return Retirement(
        stage,
        service,
        tuple(
            one
            for one in stacks
            if one.stack is not None and one.stack.parameters.get(ALIAS_EXISTS) == "true"
        ),
        tuple(one for one in functions if one.alias is not None),
    )
