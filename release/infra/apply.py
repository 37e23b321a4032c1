"""`release infra apply`: the stacks of a stage, brought to the templates of a release."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache

from release.apply.append import append_end, append_on_top, fenced
from release.apply.stacks import body, change_stack, refuse_another, request
from release.apply.work import Tools, Who
from release.build.documents import load_manifest, stack_name
from release.build.target import Target as BuildTarget
from release.core.infra_dead import is_under_way, way_out
from release.core.infra_outcome import (
    Done,
    InfraPlan,
    StackTodo,
    conclude,
    started_notes,
    todo_of,
)
from release.core.models import Place, Stage
from release.core.records import Event, ReleaseRef, StageHead, promotion_id, stamp
from release.core.selection import Selection
from release.core.snapshot import ObservedStack, StackFacts
from release.errors import Conflict, GateClosed, Misconfigured, ReleaseError, RolloutFailed
from release.observe import check_identity_anywhere
from release.past import came_with, past_events
from release.ports import LedgerState, Progress
from release.promotion import Request, Setup, deploy_selection, refuse
from release.promotion.drafts import places_of
from release.promotion.rollout import built, promotion_selection
from release.promotion.stacks import stack_plans

_IN_FLIGHT = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for."""

    stage: str
    services: tuple[str, ...] = ()  # none: all
    regions: tuple[str, ...] = ()  # none: all
    next: bool = False  # the templates of the release that comes next, instead of the one that serves
    ref: str | None = None  # commit to deploy (with `next`, a stage without tags)
    allowed: tuple[str, ...] = ()  # resources with data that may be replaced or removed
    contract: bool = False  # also take away what the release that serves has not any more
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Digests of templates by service and place, and whose they are."""

    release: ReleaseRef
    templates: Mapping[tuple[str, Place], str]
    notes: tuple[str, ...] = ()


def plan_infra(tools: Tools, setup: Setup, asked: Asked, *, target: BuildTarget) -> InfraPlan:
    """What is to be done with each stack. Reads only: no change set is made.

    Raises GateClosed where a gate is, or where something is under way; Conflict where somebody else is at a
    stack; Misconfigured, Unavailable.
    """
    stage = setup.stage(asked.stage)
    head = setup.head(stage.name)
    _refuse_beside(head, contract=asked.contract)
    places = places_of(stage, asked.regions or None)
    if asked.next:
        wanted = _coming(tools, setup, stage, asked, places, target)
    else:
        wanted = _serving(tools, setup, stage, head, places)
    wanted = _only(wanted, asked.services)
    check_identity_anywhere(tools.functions, stage.environment, places)
    observed = _observe(tools, stage.name, wanted.templates, _left_by(tools, setup, head))
    plans = stack_plans(tools, wanted.templates, observed, contract=asked.contract)
    todos = tuple(
        todo_of(one, wanted.templates[one.service, one.place], plans.get((one.service, one.place)))
        for one in observed
    )
    plan = InfraPlan(stage.name, wanted.release, asked.contract, todos, wanted.notes)
    return plan.with_allowed(asked.allowed)


def carry_out(
    tools: Tools, setup: Setup, plan: InfraPlan, asked: Asked, *, who: Who, progress: Progress
) -> Event:
    """Record it, change the stacks layer by layer, record how it ended. Killed, the same command goes on.

    `setup` is the one that it was planned with. Raises RolloutFailed where a stack failed and is as it was,
    with the event that caused it; Stranded where one is not; GateClosed where CloudFormation would do more
    than was planned and nothing is done; Conflict where the stage or a stack has moved since; Misconfigured,
    Unavailable.
    """
    begun = _begin(tools, setup, plan, asked, who)
    done: list[Done] = []
    for number in sorted({todo.layer for todo in plan.busy}):
        layer = [todo for todo in plan.busy if todo.layer == number]
        with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="stacks") as pool:
            done += pool.map(lambda todo: _change(tools, plan, todo, progress), layer)
        if any(one.failure is not None for one in done):
            break
    outcome, failure = conclude(plan, done)
    notes = tuple(one.note for one in done)
    return append_end(tools, begun, "infra-ended", outcome, notes=notes, failure=failure)


def _coming(
    tools: Tools, setup: Setup, stage: Stage, asked: Asked, places: Sequence[Place], target: BuildTarget
) -> _Wanted:
    """Of the release that a promotion, or a deployment, would bring now: through the same gates."""
    if asked.contract:
        raise Misconfigured(
            "--next and --allow-contract exclude each other: what serves may need what would go",
            fix=f"bring the release to {stage.name} first, then: release infra apply {stage.name}"
            " --allow-contract",
        )
    if stage.channel is None:
        request = Request("deploy", stage.name, ref=asked.ref or "HEAD")
        selection = deploy_selection(tools.repo, setup, request)
        if selection.superseded is not None:
            raise GateClosed(selection.superseded, fix="name a newer commit with --ref")
        if not selection.blockers:
            selection = built(tools, setup, selection, target)
    else:
        request = Request("promote", stage.name, ref=asked.ref, reason=asked.reason)
        selection = promotion_selection(tools, setup, request, target=target)
    refuse(stage, selection)
    return _Wanted(selection.release, _templates(tools, stage, selection, places), selection.warnings)


def _templates(
    tools: Tools, stage: Stage, selection: Selection, places: Sequence[Place]
) -> Mapping[tuple[str, Place], str]:
    manifest = load_manifest(tools.artifacts, selection.manifest or "")
    return {
        (service, place): entry.stages[stage.name].template
        for service, entry in manifest.services.items()
        if stage.name in entry.stages
        for place in places
    }


def _serving(tools: Tools, setup: Setup, stage: Stage, head: StageHead, places: Sequence[Place]) -> _Wanted:
    """Of what the ledger says that the stage serves, which may be of several releases."""
    if head.serves is None:
        raise GateClosed(
            f"{stage.name} serves nothing yet",
            fix=f"release infra apply {stage.name} --next applies what comes first",
        )
    events = past_events(tools.ledger, setup.state, head)
    manifest = cache(lambda digest: load_manifest(tools.artifacts, digest))
    at = {(place.account, place.region): place for place in places}
    found: dict[tuple[str, Place], str] = {}
    notes: list[str] = []
    for served in events[0].after:
        place = at.get((served.account, served.region))
        if place is None:
            continue
        template = came_with(served, events, stage.name, manifest)
        if template is None:
            notes.append(
                f"{served.service} in {served.region}: the ledger does not say any more with which template"
                " its code came; it is left alone"
            )
        else:
            found[served.service, place] = template
    return _Wanted(head.serves.release, found, tuple(dict.fromkeys(notes)))


def _only(wanted: _Wanted, services: tuple[str, ...]) -> _Wanted:
    known = sorted({service for service, _ in wanted.templates})
    if unknown := sorted(set(services) - set(known)):
        raise Misconfigured(
            f"{wanted.release.label} has no service {', '.join(unknown)}",
            fix=f"name some of: {', '.join(known)}",
        )
    chosen = {key: one for key, one in wanted.templates.items() if not services or key[0] in services}
    return replace(wanted, templates=chosen)


def _refuse_beside(head: StageHead, *, contract: bool) -> None:
    """A stage that is held is put right, but nothing is taken away that going back may need."""
    if head.held is not None and contract:
        raise GateClosed(
            f"{head.stage} is held by {head.held.actor}: {head.held.why}",
            fix=f"leave --allow-contract out, or open it first: release unhold {head.stage} --reason TEXT",
        )
    if head.running is not None:
        running = head.running
        raise GateClosed(
            f"{running.verb} of {running.release.label} by {running.actor} is under way in {head.stage}",
            fix=f"wait until it has ended, or: release abort {head.stage} --reason TEXT",
        )


def _left_by(tools: Tools, setup: Setup, head: StageHead) -> frozenset[str]:
    """Services whose stacks an apply that was killed may have left under way: those are waited for."""
    last = tools.ledger.event(setup.state, head.last) if head.last else None
    return frozenset(last.services or ()) if last is not None and last.kind == "infra" else frozenset()


def _observe(
    tools: Tools, stage: str, wanted: Iterable[tuple[str, Place]], ours: frozenset[str]
) -> Sequence[ObservedStack]:
    """Raises Conflict where somebody else is at one of them."""

    def read(key: tuple[str, Place]) -> ObservedStack:
        service, place = key
        name = stack_name(service, stage)
        facts = tools.stacks.stack(place, name)
        if facts is not None and is_under_way(facts.status) and service in ours:
            with suppress(RolloutFailed):  # it is looked at again, however that ended
                tools.stacks.settled(place, name)
            facts = tools.stacks.stack(place, name)
        return ObservedStack(service, place, name, facts)

    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="stacks") as pool:
        found = list(pool.map(read, sorted(wanted, key=lambda key: (key[0], key[1].region))))
    for one in found:
        if one.stack is not None and is_under_way(one.stack.status):
            raise Conflict(
                f"stack {one.name} in {one.place} is {one.stack.status}: somebody else is at it",
                fix=f"{way_out(one.name, one.place, one.stack.status)}; then run the same command again",
            )
    return found


def _change(tools: Tools, plan: InfraPlan, todo: StackTodo, progress: Progress) -> Done:
    try:
        facts = _put(tools, plan, todo)
    except ReleaseError as failure:
        found = None
        with suppress(ReleaseError):
            found = tools.stacks.stack(todo.place, todo.stack)
        return Done(todo, failure, found.status if found else "", found.status_reason if found else "")
    status = facts.status if facts else ""
    detail = f"stack {status.lower().replace('_', ' ')}" if facts else "stack unchanged"
    progress("step", {"phase": "infra", "name": todo.stack, "region": todo.place.region, "detail": detail})
    return Done(todo, None, status)


def _put(tools: Tools, plan: InfraPlan, todo: StackTodo) -> StackFacts | None:
    """None: there was nothing to change."""
    stacks, place, name = tools.stacks, todo.place, todo.stack
    facts = None if todo.todo == "create" else todo.facts
    attached = facts is not None and facts.is_attached
    text = body(tools, todo.change, todo.template)
    wanted = request(todo.service, plan.stage, name, text, alias_exists=attached)
    if facts is None:
        stacks.create(place, wanted)
        return stacks.settled(place, name)
    refuse_another(facts, stacks.stack(place, name), place)
    changed = change_stack(
        stacks, place, wanted, todo.change, planned=todo.change.entries, allowed=todo.allowed
    )
    return stacks.settled(place, name) if changed else None


def _begin(tools: Tools, setup: Setup, plan: InfraPlan, asked: Asked, who: Who) -> Event:
    """What is about to be done, before anything is."""
    now = tools.clock.now()
    event = Event(
        kind="infra",
        id=promotion_id(now, setup.pipeline.name, plan.stage, secrets.token_hex(4)),
        at=stamp(now),
        pipeline=setup.pipeline.name,
        stage=plan.stage,
        verb="infra",
        release=plan.release,
        actor=who.actor,
        tool=who.tool,
        fence=0,
        run=who.run,
        known=who.known,
        reason=asked.reason,
        services=tuple(dict.fromkeys(todo.service for todo in plan.busy)),
        regions=asked.regions or None,
        notes=started_notes(plan),
    )

    def begun(state: LedgerState) -> Event:
        _refuse_beside(state.head(event.pipeline, event.stage), contract=plan.contract)
        setup.refuse_moved(state, event.stage)
        return fenced(event, state)

    return append_on_top(tools.ledger, tools.ledger.read(), begun)
