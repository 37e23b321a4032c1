"""Orphans: what a service that a stage does not have any more has left in its account. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from release.core.models import Place
from release.core.records import Event, Served

# serves: calls still reach it. retired: nothing does, and its stack with its data is left. stray: no release
# with it has ever succeeded there. unknown: only the ledger was asked.
State = Literal["serves", "retired", "stray", "unknown"]


@dataclass(frozen=True, slots=True)
class TaggedStack:
    """A stack, and of what service and stage it says it is."""

    name: str
    status: str
    service: str | None  # tag release:service
    stage: str | None  # tag release:stage
    attached: bool  # whether the triggers that name the alias are part of it


@dataclass(frozen=True, slots=True)
class Orphan:
    """What is left of one service in one region."""

    service: str
    account: str
    region: str
    stack: str | None  # its name; None: AWS was not asked
    state: State
    what: str
    fix: str

    @property
    def is_quiet(self) -> bool:
        """Nothing calls it: its data may stay there for as long as somebody wants it."""
        return self.state == "retired"


def left_by(
    stack: TaggedStack,
    place: Place,
    *,
    service: str,
    stage: str,
    serving: Sequence[str],
    on_record: bool,
) -> Orphan:
    """`serving`: functions whose alias is still there; `on_record`: the ledger has had the service."""
    retire = f"release retire {service} {stage} --reason TEXT"
    state: State
    if not on_record:  # `release retire` goes by what releases have had
        state, what = "stray", f"its stack {stack.name} is {stack.status}, and no record has it"
        named = f"--stack-name {stack.name} --region {place.region}"
        fix = (
            "another repository may release into this account: see whose it is by aws cloudformation"
            f" describe-stack-events {named}; if nobody's, aws cloudformation delete-stack {named}"
        )
    elif stack.attached:
        state, what, fix = "serves", f"the triggers of its stack {stack.name} are on", retire
    elif serving:
        state, what, fix = "serves", f"half retired: {', '.join(serving)} can still be called", retire
    else:
        state, what = "retired", f"retired; its stack {stack.name} is left, with its data"
        fix = f"{retire} --delete-stack"
    return Orphan(service, place.account, place.region, stack.name, state, what, fix)


def by_the_ledger(
    stage: str,
    recorded: Sequence[Served],
    past: Sequence[Served],
    events: Sequence[Event],
    known: Collection[str],
) -> Iterator[Orphan]:
    """What may be left where AWS was not asked. `events`: the stage's, the newest first; `known`: services
    of the repository.
    """
    here = {one.service for one in recorded} | set(known)
    told: dict[str, Event | None] = {}  # the end of each, if nothing brought it back since
    for event in events:
        ended = event if is_end_of(event) else None
        names = ended.services if ended else {one.service for one in event.after}
        for service in names or ():
            told.setdefault(service, ended)
    places = dict.fromkeys((one.service, one.account, one.region) for one in past if one.service not in here)
    for service, account, region in sorted(places):
        retired = told.get(service)
        has_ended = retired is not None and retired.outcome == "succeeded"
        if retired is not None and has_ended and retired.notes:
            continue  # its stack was deleted, too
        retire = f"release retire {service} {stage} --reason TEXT"
        if retired is not None and (has_ended or retired.notes):
            what, fix = f"retired at {retired.at}; its stack may be left", f"{retire} --delete-stack"
        else:
            what, fix = "an earlier release had it; what is left of it was not asked", retire
        yield Orphan(service, account, region, None, "unknown", what, fix)


def is_end_of(event: Event) -> bool:
    """Whether this is the end of services in a stage: that it begins, or how it ended.

    What is about stacks has notes of them.
    """
    return event.verb == "retire"
