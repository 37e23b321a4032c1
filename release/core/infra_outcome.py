"""The plan of `release infra apply` for a stage, what keeps it from being done, and how it ended. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from release.core.blockers import Blocker
from release.core.infra_apply import (
    StackChange,
    StackPlan,
    allowed_in,
    data_at_risk,
    is_endangered,
    too_large,
)
from release.core.infra_dead import NEVER_CREATED, way_out
from release.core.infra_diff import RESOURCES, Entry
from release.core.models import Place
from release.core.preflight import stack_dead
from release.core.records import Outcome, ReleaseRef
from release.core.snapshot import ObservedStack, StackFacts
from release.errors import ReleaseError, RolloutFailed, Stranded

Todo = Literal["create", "update", "nothing"]


@dataclass(frozen=True, slots=True)
class StackTodo:
    """One stack, and what is to be done about it."""

    service: str
    place: Place
    stack: str
    template: str  # digest of what is wanted
    facts: StackFacts | None  # None: it is not there
    todo: Todo
    change: StackChange
    layer: int = 0
    allowed: frozenset[str] = frozenset()  # resources with data that may be replaced or removed
    blockers: tuple[Blocker, ...] = ()


@dataclass(frozen=True, slots=True)
class InfraPlan:
    """What would be done to the stacks of a stage."""

    stage: str
    release: ReleaseRef  # whose templates they are
    contract: bool
    stacks: tuple[StackTodo, ...]
    notes: tuple[str, ...] = ()

    @property
    def busy(self) -> tuple[StackTodo, ...]:
        return tuple(one for one in self.stacks if one.todo != "nothing")

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        return tuple(blocker for one in self.stacks for blocker in one.blockers)

    @property
    def left_over(self) -> tuple[StackTodo, ...]:
        """Stacks that would be contracted, if that was asked for."""
        return tuple(one for one in self.stacks if one.change.kept)

    def with_allowed(self, names: Collection[str]) -> "InfraPlan":
        """Where these resources may be replaced or removed. Raises Misconfigured for what is none of them.

        A name may be that of a stack which is done: the same command again does what an interrupted one left.
        """
        known: dict[str, set[str]] = {}
        for one in self.busy:
            known.setdefault(one.service, set()).update(
                entry.name for entry in one.change.entries if entry.section == RESOURCES
            )
        done = {one.service for one in self.stacks} - set(known)
        open_names = [name for name in names if known and name.rpartition("/")[0] not in done]
        found: list[StackTodo] = []
        for one in self.stacks:
            allowed = allowed_in(one.service, open_names, known)
            found.append(replace(one, allowed=allowed, blockers=(*one.blockers, *_at_risk(one, allowed))))
        return replace(self, stacks=tuple(found))


def todo_of(stack: ObservedStack, template: str, plan: StackPlan | None) -> StackTodo:
    """`plan` None: the stack is at this template."""
    change = plan.change if plan is not None else StackChange((), is_idle=True)
    todo: Todo = "update"
    blockers = []
    if stack.stack is None or stack.stack.status in NEVER_CREATED:
        todo = "create"
    elif (dead := stack_dead(stack)) is not None:
        blockers.append(dead)
    elif change.is_idle:
        todo = "nothing"
    if plan is not None:
        blockers += too_large(stack, plan)
    return StackTodo(
        stack.service,
        stack.place,
        stack.name,
        template,
        stack.stack,
        todo,
        change,
        plan.layer if plan is not None else 0,
        blockers=tuple(blockers),
    )


def _at_risk(todo: StackTodo, allowed: Collection[str]) -> Sequence[Blocker]:
    return [
        data_at_risk(
            todo.stack,
            todo.place,
            entry,
            fix=f"{_way_round(entry)}; where it is meant, add --allow-replacement {entry.name}",
        )
        for entry in todo.change.entries
        if todo.todo == "update" and is_endangered(entry) and entry.name not in allowed
    ]


def _way_round(entry: Entry) -> str:
    return "leave it there for now" if entry.action == "remove" else "take that out of the template"


@dataclass(frozen=True, slots=True)
class Done:
    """How one stack ended."""

    todo: StackTodo
    failure: ReleaseError | None
    status: str  # "": there was nothing to change, or nobody knows
    reason: str = ""

    @property
    def note(self) -> str:
        """One line for the record."""
        said = self.failure.cause if self.failure else self.status or "nothing to change"
        return f"{self.todo.stack} in {self.todo.place.region}: {said}"[:400]


def started_notes(plan: InfraPlan) -> tuple[str, ...]:
    """One line for each stack: from which template to which, and what was allowed."""
    found = []
    for one in plan.busy:
        before = one.facts.template[:12] if one.facts and one.facts.template else "nothing"
        risky = sorted(entry.name for entry in one.change.endangered if entry.name in one.allowed)
        line = f"{one.stack} in {one.place.region}: {one.todo}, template {before} to {one.template[:12]}"
        found.append(line + (f", replaces or removes {', '.join(risky)}" if risky else ""))
    return tuple(found)


def conclude(plan: InfraPlan, done: Sequence[Done]) -> tuple[Outcome, ReleaseError | None]:
    """The outcome for the record, and what is raised."""
    failed = [(one, one.failure) for one in done if one.failure is not None]
    if not failed:
        return "succeeded", None
    dead = [
        (one, failure, way)
        for one, failure in failed
        if (way := way_out(one.todo.stack, one.todo.place, one.status, one.reason)) is not None
    ]
    lines = _lines(plan, done)
    if dead:
        stuck, failure, way = dead[0]
        where = f"stack {stuck.todo.stack} in {stuck.todo.place}"
        return "stranded", Stranded(
            f"{where} could not be put back: it is {stuck.status}: {failure.cause}", fix=way, details=lines
        )
    touched = [one for one in done if one.failure is None and one.status]
    rolled_back = [failure for _, failure in failed if isinstance(failure, RolloutFailed)]
    if not touched and not rolled_back:
        first = failed[0][1]
        first.details = (*first.details, *(one.note for one, _ in failed[1:]))
        return "errored", first  # its exit code says that nothing was changed
    worst = (*rolled_back, failed[0][1])[0]
    back = "; that stack is as it was" if rolled_back else ""
    return "failed", RolloutFailed(
        f"{worst.cause}{back}", fix=worst.fix, see=worst.see, details=(*worst.details, *lines)
    )


def _lines(plan: InfraPlan, done: Sequence[Done]) -> tuple[str, ...]:
    """What became of every stack, where there are several."""
    if len(plan.busy) < 2:
        return ()
    ended: Mapping[tuple[str, Place], Done] = {(one.todo.service, one.todo.place): one for one in done}
    lines = []
    for todo in plan.busy:
        one = ended.get((todo.service, todo.place))
        said = (
            "not begun" if one is None else "failed" if one.failure else "done" if one.status else "unchanged"
        )
        lines.append(f"{todo.stack} in {todo.place.region}: {said}")
    return tuple(lines)
