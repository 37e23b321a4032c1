"""What retiring a service from a stage would do: triggers off, then aliases; when nobody has missed it for a
while, the stack; data stays. Pure.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from release.core.infra_diff import RESOURCES, compare_templates
from release.core.infra_values import Template
from release.core.models import Place
from release.core.orphans import is_end_of
from release.core.records import Event, Outcome, Served, StageHead, moment, stamp
from release.core.snapshot import ObservedFunction, ObservedStack, served
from release.errors import GateClosed, Misconfigured, ReleaseError, RolloutFailed, Stranded

QUIET: Final = timedelta(days=1)  # AWS holds an asynchronous call for six hours at most; people look in a day


@dataclass(frozen=True, slots=True)
class Asked:
    """That the stack is to go, too. `data`: resources whose data may go with it, by their logical ids."""

    quiet: timedelta
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deletion:
    """One stack that goes, with what outlives it."""

    name: str
    place: Place
    template: str  # sha256 of the template that this goes by
    kept: tuple[str, ...]  # resources that hold data, as "Table (AWS::DynamoDB::Table)"
    lost: tuple[str, ...]  # resources whose data goes, because somebody has named them


@dataclass(frozen=True, slots=True)
class Retirement:
    """In this order: first no trigger names an alias any more, then the aliases go, at last the stacks."""

    stage: str
    service: str
    detach: tuple[ObservedStack, ...]
    remove: tuple[ObservedFunction, ...]
    delete: tuple[Deletion, ...] = ()

    @property
    def before(self) -> tuple[Served, ...]:
        """What serves until then, for the record."""
        return tuple(served(copy) for copy in self.remove)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the record says of stacks."""
        return tuple(
            f"deletes stack {one.name} in {one.place.region}"
            + (f", and with it {', '.join(one.lost)}" if one.lost else "")
            for one in self.delete
        )

    @property
    def is_done(self) -> bool:
        return not self.detach and not self.remove and not self.delete


def left_behind(
    head: StageHead,
    service: str,
    recorded: Sequence[Served],
    past: Sequence[Served],
    in_main: Collection[str] = (),
) -> tuple[Served, ...]:
    """The functions of a service that the stage does not have any more.

    `recorded`: what it has by the ledger; `past`: what it ever had there; `in_main`: services that the next
    merge brings. Raises GateClosed where it still has the service or would get it back, something is under
    way, or the stage is held; Misconfigured where it never had it.
    """
    stage = head.stage
    if head.running is not None:
        running = head.running
        raise GateClosed(
            f"{running.verb} of {running.release.label} by {running.actor} is under way in {stage}",
            fix=f"wait until it has ended, or: release abort {stage} --reason TEXT",
        )
    if head.held is not None:
        raise GateClosed(
            f"{stage} is held by {head.held.actor}: {head.held.why}",
            fix=f"when that is over: release unhold {stage} --reason TEXT",
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
    if service in in_main:
        raise GateClosed(
            f"{service} is in services/ of the default branch: the next release brings it to {stage} again",
            fix=f"take services/{service} out there, and merge that; then retire it",
            see=f"services/{service}/service.yaml",
        )
    return tuple(found[where] for where in sorted(found))


def retirement(
    stage: str, service: str, stacks: Sequence[ObservedStack], functions: Sequence[ObservedFunction]
) -> Retirement:
    """What is left to do, by what was observed."""
    return Retirement(
        stage,
        service,
        tuple(one for one in stacks if one.stack is not None and one.stack.is_attached),
        tuple(one for one in functions if one.alias is not None),
    )


def refuse_too_early(planned: Retirement, asked: Asked, events: Sequence[Event], now: datetime) -> None:
    """Raises GateClosed while something can still reach the service, or could just before.

    `events`: the stage's, the newest first.
    """
    again = f"release retire {planned.service} {planned.stage} --reason TEXT"
    if planned.detach or planned.remove:
        raise GateClosed(
            f"{planned.service} is still in service in {planned.stage}: its stack cannot go yet",
            fix=f"{again}; and when nobody has missed it for {_hours(asked.quiet)}, the same with"
            " --delete-stack",
        )
    if not asked.quiet:
        return
    retired = _taken_out(planned.service, events)
    if retired is None:
        raise GateClosed(
            f"the ledger does not say since when {planned.service} is out of service in {planned.stage}",
            fix="when you know that nobody misses it: the same command with --quiet 0",
        )
    if now < retired + asked.quiet:
        raise GateClosed(
            f"{planned.service} was retired at {stamp(retired)}, and its stack stays for"
            f" {_hours(asked.quiet)} in which somebody may miss it",
            fix=f"the same command after {stamp(retired + asked.quiet)}; or with --quiet 0, when nobody can",
        )


def _taken_out(service: str, events: Sequence[Event]) -> datetime | None:
    """When it was retired. What deletes a stack has notes, and no say in how long it has been quiet."""
    about = [one for one in events if is_end_of(one) and service in (one.services or ()) and not one.notes]
    failed = {one.id for one in about if one.outcome not in (None, "succeeded")}
    return next((moment(one.at) for one in about if one.id not in failed), None)


def outcome_of(failure: ReleaseError | None) -> Outcome:
    """How a retirement ended, for the record."""
    match failure:
        case None:
            return "succeeded"
        case Stranded():
            return "stranded"
        case RolloutFailed():
            return "failed"
        case _:
            return "errored"


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:g} h"


def deletion(stack: ObservedStack, digest: str, template: Template, asked: Asked) -> Deletion:
    """What a stack takes along, by the template that it has (`digest`: of its text). Raises GateClosed for
    data that nobody has let go.
    """
    kept, losing = data_of(template)
    if unnamed := [name for name in losing if name.split(" ")[0] not in asked.data]:
        ids = " ".join(f"--delete-data {name.split(' ')[0]}" for name in unnamed)
        raise GateClosed(
            f"with stack {stack.name} in {stack.place} the data of {', '.join(unnamed)} would go",
            fix="roll out a template in which they have DeletionPolicy: Retain, before the service is taken"
            f" out; or set it by hand (aws cloudformation update-stack); or let the data go: {ids}",
        )
    return Deletion(stack.name, stack.place, digest, kept, tuple(losing))


def data_of(template: Template) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Resources that hold data: what outlives the stack, and what goes with it.

    Nested stacks and custom resources count as data that goes, because nothing tells what they hold.
    """
    gone = {name: {} if name == RESOURCES else value for name, value in template.items()}
    entries = [one for one in compare_templates(template, gone, {}) if one.section == RESOURCES]
    kept = tuple(f"{one.name} ({one.kind})" for one in entries if one.holds_data and one.kept)
    losing = tuple(f"{one.name} ({one.kind})" for one in entries if one.loses_data)
    return kept, losing


def refuse_unknown(deletions: Sequence[Deletion], asked: Asked) -> None:
    """Raises Misconfigured for data that was named and does not go: a slip of the pen, or of the mind."""
    known = {name.split(" ")[0] for one in deletions for name in one.lost}
    if deletions and (unknown := [name for name in asked.data if name not in known]):
        raise Misconfigured(
            f"no data goes with {', '.join(unknown)}: --delete-data names something else",
            fix=f"name some of: {', '.join(sorted(known))}" if known else "leave --delete-data out",
        )
